"""The reporting calls: details and lists of transactions, batches, the merchant itself."""

from sqlite3 import Row
from xml.etree.ElementTree import Element

from sandbox.authorizenet.document import (
    ApiError,
    Call,
    element,
    invalid,
    messages,
    optional,
    parse_time,
    time_text,
)
from sandbox.authorizenet.profiles import NOT_FOUND, find_customer, masked
from sandbox.authorizenet.results import REASONS, account_type

_LONGEST_SPAN_S = 31 * 86_400
_LONGEST_PAGE = 1000
# Some of the ACH network's.
RETURN_CODES = {
    "R01": "Insufficient Funds",
    "R02": "Account Closed",
    "R10": "Customer Advises Not Authorized",
}


def authenticate_test(call: Call) -> list[Element | None]:
    """Answer authenticateTestRequest: being here says it all."""
    return []


def merchant_details(call: Call) -> list[Element | None]:
    """Answer getMerchantDetailsRequest."""
    merchant = call.merchant
    return [
        element("isTestMode", "false"),
        element(
            "processors",
            element("processor", element("name", "Sandbox"), element("id", "1")),
        ),
        element("merchantName", merchant["name"]),
        element("gatewayId", str(500_000 + merchant["id"])),
        element("marketTypes", element("marketType", "eCommerce")),
        element("productCodes", element("productCode", "CNP")),
        element(
            "paymentMethods", *(element("paymentMethod", name) for name in ("Visa", "MasterCard"))
        ),
        element("currencies", element("currency", merchant["currency"])),
    ]


def transaction_details(call: Call) -> list[Element | None]:
    """Answer getTransactionDetailsRequest."""
    row = call.store.one(
        "SELECT * FROM transactions WHERE id = ? AND merchant_id = ?",
        call.number("transId"), call.merchant["id"],
    )  # fmt: skip
    if row is None:
        raise ApiError(*NOT_FOUND)
    return [
        element("transaction", *_details(call, row)),
        optional("transrefId", row["ref_id"]),
    ]


def unsettled_list(call: Call) -> list[Element | None]:
    """Answer getUnsettledTransactionListRequest; declined ones are in it."""
    where = "merchant_id = ? AND batch_id IS NULL"
    if call.text("status") == "pendingApproval":
        where += " AND status = 'FDSAuthorizedPendingReview'"
    return _page(call, where, call.merchant["id"])


def customer_list(call: Call) -> list[Element | None]:
    """Answer getTransactionListForCustomerRequest."""
    customer = find_customer(call)
    if call.text("customerPaymentProfileId"):
        card_id = call.number("customerPaymentProfileId")
        return _page(call, "customer_id = ? AND card_id = ?", customer["id"], card_id)
    return _page(call, "customer_id = ?", customer["id"])


def batch_list(call: Call) -> list[Element | None]:
    """Answer getSettledBatchListRequest: the last day, or up to 31 days."""
    last = call.store.now()
    first = last - 86_400
    if call.text("firstSettlementDate"):
        first = parse_time(call.required("firstSettlementDate"))
        last = parse_time(call.required("lastSettlementDate"))
    if last - first > _LONGEST_SPAN_S:
        raise invalid("The date range must not exceed 31 days.")
    batches = call.store.all(
        "SELECT * FROM batches WHERE merchant_id = ? AND settled_at BETWEEN ? AND ? ORDER BY id",
        call.merchant["id"], first, last,
    )  # fmt: skip
    if not batches:
        return [messages("I00004", "No records found.", is_error=False)]
    return [element("batchList", *(_batch(batch) for batch in batches))]


def batch_transactions(call: Call) -> list[Element | None]:
    """Answer getTransactionListRequest."""
    batch_id = call.number("batchId")
    return _page(call, "merchant_id = ? AND batch_id = ?", call.merchant["id"], batch_id)


def _page(call: Call, where: str, *values: object) -> list[Element | None]:
    limit = call.number("paging/limit") if call.text("paging/limit") else _LONGEST_PAGE
    page = call.number("paging/offset") if call.text("paging/offset") else 1
    if not 1 <= limit <= _LONGEST_PAGE or page < 1:
        raise invalid("The paging is not valid.")
    direction = "DESC" if call.text("sorting/orderDescending") in ("true", "1") else "ASC"
    rows = call.store.all(
        f"SELECT * FROM transactions WHERE {where} ORDER BY id {direction} LIMIT ? OFFSET ?",
        *values, limit, (page - 1) * limit,
    )  # fmt: skip
    if not rows:
        return [messages("I00004", "No records found.", is_error=False)]
    return [
        element("transactions", *(_summary(row) for row in rows)),
        element("totalNumInResultSet", str(len(rows))),
    ]


def _summary(row: Row) -> Element:
    return element(
        "transaction",
        element("transId", str(row["id"])),
        element("submitTimeUTC", time_text(row["submitted_at"])),
        element("submitTimeLocal", time_text(row["submitted_at"]).removesuffix("Z")),
        element("transactionStatus", row["status"]),
        optional("invoiceNumber", row["invoice"]),
        optional("firstName", row["first_name"]),
        optional("lastName", row["last_name"]),
        element("accountType", account_type(row)),
        element("accountNumber", f"XXXX{row['last_four']}"),
        element("settleAmount", row["settle"]),
        element("marketType", "eCommerce"),
        element("product", "Card Not Present"),
        element("hasReturnedItems", "true") if row["return_code"] else None,
        _profile(row),
    )


def _details(call: Call, row: Row) -> list[Element | None]:
    batch = None
    if row["batch_id"]:
        batch = call.store.one("SELECT * FROM batches WHERE id = ?", row["batch_id"])
    is_held = row["status"] == "FDSAuthorizedPendingReview"
    return [
        element("transId", str(row["id"])),
        optional("refTransId", row["ref_trans_id"]),
        optional("splitTenderId", row["split_tender_id"]),
        element("submitTimeUTC", time_text(row["submitted_at"])),
        element("submitTimeLocal", time_text(row["submitted_at"]).removesuffix("Z")),
        element("transactionType", row["type"]),
        element("transactionStatus", row["status"]),
        element("responseCode", row["response_code"]),
        element("responseReasonCode", row["reason_code"]),
        element("responseReasonDescription", REASONS[row["reason_code"]]),
        optional("authCode", row["auth_code"]),
        element("AVSResponse", row["avs"]),
        element("cardCodeResponse", row["cvv"]),
        element("FDSFilterAction", "authAndHold") if is_held else None,
        element(
            "FDSFilters",
            element(
                "FDSFilter", element("name", "Amount Filter"), element("action", "authAndHold")
            ),
        )
        if is_held
        else None,
        None if batch is None else _batch(batch),
        element(
            "order",
            optional("invoiceNumber", row["invoice"]),
            optional("description", row["description"]),
        ),
        element("requestedAmount", row["requested"]),
        element("authAmount", row["authorized"]),
        element("settleAmount", row["settle"]),
        optional("prepaidBalanceRemaining", row["balance"]),
        element("payment", masked(row, expiry="XXXX")),
        _returned_items(row),
        element(
            "billTo",
            optional("firstName", row["first_name"]),
            optional("lastName", row["last_name"]),
            optional("address", row["address"]),
            optional("zip", row["zip"]),
        ),
        optional("customerIP", row["customer_ip"]),
        element("product", "Card Not Present"),
        element("marketType", "eCommerce"),
        _profile(row),
        optional("networkTransId", row["network_trans_id"]),
    ]


def _returned_items(row: Row) -> Element | None:
    """Why the bank did not pay, of a debit that stays settled in its own line."""
    if not row["return_code"] or row["status"] == "returnedItem":
        return None
    return element(
        "returnedItems",
        element(
            "returnedItem",
            element("id", str(row["id"])),
            element("code", row["return_code"]),
            element("description", RETURN_CODES.get(row["return_code"], "Returned")),
        ),
    )


def _profile(row: Row) -> Element | None:
    if not row["customer_id"]:
        return None
    return element(
        "profile",
        element("customerProfileId", str(row["customer_id"])),
        optional("customerPaymentProfileId", row["card_id"]),
    )


def _batch(batch: Row) -> Element:
    settled = time_text(batch["settled_at"])
    return element(
        "batch",
        element("batchId", str(batch["id"])),
        element("settlementTimeUTC", settled),
        element("settlementTimeLocal", settled.removesuffix("Z")),
        element("settlementState", "settledSuccessfully"),
        element("paymentMethod", "creditCard"),
    )
