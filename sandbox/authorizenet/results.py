"""How the result of a transaction is told."""

from decimal import Decimal
from sqlite3 import Row
from xml.etree.ElementTree import Element

from sandbox.authorizenet.document import element, messages, optional

REASONS = {
    "1": "This transaction has been approved.",
    "2": "This transaction has been declined.",
    "5": "A valid amount is required.",
    "11": "A duplicate transaction has been submitted.",
    "16": "The transaction cannot be found.",
    "33": "A required field is missing.",
    "39": "The supplied currency code is either invalid, not supported, not allowed for this"
    " merchant or doesn't have an exchange rate.",
    "47": "The amount requested for settlement cannot be greater than the original amount"
    " authorized.",
    "54": "The referenced transaction does not meet the criteria for issuing a credit.",
    "55": "The sum of credits against the referenced transaction would exceed original debit"
    " amount.",
    "65": "The transaction has been declined because of a card code mismatch.",
    "253": "Your order has been received. Thank you for your business!",
    "254": "The transaction has been declined.",
    "295": "The amount of this request was only partially approved on the given prepaid card."
    " Additional payments are required to complete the balance of this transaction.",
}

# A webhook's type and payload.
Event = tuple[str, dict[str, object]]


class Refusal(Exception):
    """Response code 3: nothing was done. A duplicate may tell of the original."""

    def __init__(self, reason_code: str, original: Row | None = None) -> None:
        super().__init__(REASONS[reason_code])
        self.reason_code = reason_code
        self.original = original


def transaction_answer(row: Row) -> list[Element | None]:
    """The answer about a transaction that is on record."""
    if row["response_code"] == "2":
        return [
            messages("E00027", "The transaction was unsuccessful.", is_error=True),
            _response(row, row["response_code"], row["reason_code"]),
        ]
    return [
        messages("I00001", "Successful.", is_error=False),
        _response(row, row["response_code"], row["reason_code"]),
    ]


def transaction_error(refusal: Refusal) -> list[Element | None]:
    """The answer to what was refused."""
    return [
        messages("E00027", "The transaction was unsuccessful.", is_error=True),
        _response(refusal.original, "3", refusal.reason_code),
    ]


def account_type(row: Row) -> str:
    """The card's brand, or what the gateway writes of every bank account."""
    return "eCheck" if row["account_type"] else str(row["brand"])


def payment_event(event_type: str, row: Row) -> Event:
    """The webhook about a transaction."""
    amount = row["settle"] if Decimal(row["settle"]) else row["authorized"]
    return (
        event_type,
        {
            "responseCode": int(row["response_code"]),
            "authCode": row["auth_code"],
            "avsResponse": row["avs"],
            "authAmount": float(amount),
            "merchantReferenceId": row["ref_id"],
            "invoiceNumber": row["invoice"],
            "entityName": "transaction",
            "id": str(row["id"]),
        },
    )


def _response(row: Row | None, response_code: str, reason_code: str) -> Element:
    text = REASONS[reason_code]
    is_failure = response_code in ("2", "3")
    return element(
        "transactionResponse",
        element("responseCode", response_code),
        element("authCode", row["auth_code"] if row else ""),
        element("avsResultCode", row["avs"] if row else "P"),
        element("cvvResultCode", row["cvv"] if row else ""),
        element("cavvResultCode", ""),
        element("transId", str(row["id"]) if row else "0"),
        element("refTransID", str(row["ref_trans_id"] or "") if row else ""),
        element("testRequest", "0"),
        element("accountNumber", f"XXXX{row['last_four']}" if row else ""),
        element("accountType", account_type(row) if row else ""),
        optional("splitTenderId", row["split_tender_id"] if row else None),
        _prepaid(row) if row is not None and not is_failure else None,
        None
        if is_failure
        else element(
            "messages",
            element("message", element("code", reason_code), element("description", text)),
        ),
        element(
            "errors",
            element("error", element("errorCode", reason_code), element("errorText", text)),
        )
        if is_failure
        else None,
        optional("networkTransId", row["network_trans_id"]) if row and not is_failure else None,
    )


def _prepaid(row: Row) -> Element | None:
    if not row["balance"]:
        return None
    return element(
        "prePaidCard",
        element("requestedAmount", row["requested"]),
        element("approvedAmount", row["authorized"]),
        element("balanceOnCard", row["balance"]),
    )
