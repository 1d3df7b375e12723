"""What Authorize.net's answers mean.

Read with lxml, by path and as text: the SDK's own parser files parts of a response among its
wildcards, and lxml.objectify turns digit strings into numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from payments.gateways.answers import (
    CLEARING_CODE,
    ChargeAnswer,
    GatewayTransaction,
    MethodKind,
    Outcome,
    TransactionStatus,
)
from payments.gateways.authorizenet import reasons
from payments.gateways.authorizenet.documents import MaskedBank
from payments.gateways.base import AccountInfo, SavedMethod

_STATUSES = {
    "authorizedPendingCapture": TransactionStatus.AUTHORIZED,
    "authorizedPendingRelease": TransactionStatus.AWAITING_RELEASE,
    "capturedPendingSettlement": TransactionStatus.CAPTURED,
    "approvedReview": TransactionStatus.CAPTURED,
    "pendingSettlement": TransactionStatus.CAPTURED,
    "pendingFinalSettlement": TransactionStatus.CAPTURED,
    "updatingSettlement": TransactionStatus.CAPTURED,
    "settledSuccessfully": TransactionStatus.SETTLED,
    "underReview": TransactionStatus.HELD,
    "FDSPendingReview": TransactionStatus.HELD,
    "FDSAuthorizedPendingReview": TransactionStatus.HELD,
    "declined": TransactionStatus.DECLINED,
    "failedReview": TransactionStatus.DECLINED,
    "voided": TransactionStatus.VOIDED,
    "couldNotVoid": TransactionStatus.SETTLEMENT_ERROR,
    "expired": TransactionStatus.EXPIRED,
    "generalError": TransactionStatus.FAILED,
    # The processor did not answer the gateway: whether money moved is not said.
    "communicationError": TransactionStatus.UNRECOGNISED,
    "settlementError": TransactionStatus.SETTLEMENT_ERROR,
    "refundPendingSettlement": TransactionStatus.REFUND_PENDING,
    "refundSettledSuccessfully": TransactionStatus.REFUNDED,
    "returnedItem": TransactionStatus.RETURNED,
    "chargeback": TransactionStatus.CHARGEBACK,
    "chargebackReversal": TransactionStatus.CHARGEBACK_REVERSED,
}

# At this gateway a refund is a transaction of its own, and what it gives back stays settled.
_REFUND_STATUSES = frozenset({TransactionStatus.REFUND_PENDING, TransactionStatus.REFUNDED})

# As the gateway names a bank account where it names a card's brand.
_ECHECK = "eCheck"
# A debit that it has accepted is money only when it is settled, and not even then for ever.
_BANK_STATUSES = {
    TransactionStatus.CAPTURED: TransactionStatus.CLEARING,
    TransactionStatus.AUTHORIZED: TransactionStatus.CLEARING,
}

# Fields of a transaction that may be kept. Everything else stays out of our database.
_STORABLE = (
    "responseCode", "authCode", "avsResultCode", "cvvResultCode", "cavvResultCode", "transId",
    "refTransID", "accountNumber", "accountType", "splitTenderId", "networkTransId",
    "transactionStatus", "transactionType", "responseReasonCode", "responseReasonDescription",
    "AVSResponse", "cardCodeResponse", "FDSFilterAction", "authAmount", "settleAmount",
    "requestedAmount", "submitTimeUTC", "refTransId",
)  # fmt: skip


@dataclass(frozen=True)
class Message:
    """The first message of an answer."""

    is_error: bool
    code: str
    text: str


def text_at(element: etree._Element, path: str) -> str:
    """The stripped text at a path, empty if it is not there."""
    return (element.findtext(path) or "").strip()


def message_of(document: etree._Element) -> Message:
    """What the envelope says."""
    return Message(
        is_error=text_at(document, "messages/resultCode") != "Ok",
        code=text_at(document, "messages/message/code"),
        text=text_at(document, "messages/message/text"),
    )


def read_answer(document: etree._Element, requested: Decimal) -> ChargeAnswer:
    """The answer to a createTransaction request for `requested`."""
    message = message_of(document)
    response = document.find("transactionResponse")
    if response is None:
        # A gateway in trouble does not say on which side of the charge the trouble came.
        is_clear = message.code.startswith("E") and message.code not in reasons.TRY_LATER
        is_clear = is_clear and message.is_error
        return ChargeAnswer(
            outcome=Outcome.REFUSED if is_clear else Outcome.UNKNOWN,
            code=message.code,
            text=message.text,
        )
    code, text = _reason(response)
    outcome = _outcome(response, code)
    return ChargeAnswer(
        outcome=outcome,
        gateway_ref=_real_ref(text_at(response, "transId")),
        approved_amount=_approved(response, outcome, requested),
        network_transaction_id=text_at(response, "networkTransId"),
        code=code,
        text=reasons.describe(code, text),
        is_hard_decline=outcome is Outcome.DECLINED and reasons.is_hard(code),
        is_duplicate=code == reasons.DUPLICATE,
        raw=storable(response, code=code, text=text),
    )


def as_clearing(answer: ChargeAnswer, method: MethodKind) -> ChargeAnswer:
    """What is approved of a bank account is only accepted: the bank pays later, or does not."""
    is_bank = method is MethodKind.BANK_ACCOUNT or answer.raw.get("accountType") == _ECHECK
    if not is_bank or answer.outcome not in (Outcome.APPROVED, Outcome.DECLINED):
        return answer
    if answer.outcome is Outcome.DECLINED:
        return replace(answer, text=reasons.describe_bank(answer.code, answer.text))
    return replace(
        answer,
        outcome=Outcome.PENDING,
        code=CLEARING_CODE,
        text=reasons.describe(CLEARING_CODE, ""),
    )


def read_transaction(document: etree._Element) -> GatewayTransaction | None:
    """The transaction of a getTransactionDetails answer; None if it cannot be read."""
    details = document.find("transaction")
    if details is None:
        return None
    submitted_at = _moment(text_at(details, "submitTimeUTC"))
    if submitted_at is None:
        return None
    bank = details.find("payment/bankAccount")
    status = _status_of(
        text_at(details, "transactionStatus"),
        is_bank=bank is not None,
        is_returned=details.find("returnedItems/returnedItem") is not None,
    )
    code, reason = _reason_of(details, status)
    authorized = _amount(text_at(details, "authAmount"))
    requested = text_at(details, "requestedAmount")
    settled = text_at(details, "settleAmount")
    is_declined = status in (TransactionStatus.DECLINED, TransactionStatus.RETURNED)
    return GatewayTransaction(
        gateway_ref=text_at(details, "transId"),
        key=text_at(details, "order/invoiceNumber"),
        status=status,
        amount=(_amount(settled) if settled else Decimal(0)) or authorized,
        requested_amount=_amount(requested) if requested else authorized,
        submitted_at=submitted_at,
        is_refund=text_at(details, "transactionType") == "refundTransaction"
        or status in _REFUND_STATUSES,
        original_ref=_real_ref(text_at(details, "refTransId")),
        customer_ref=text_at(details, "profile/customerProfileId"),
        payment_profile_ref=text_at(details, "profile/customerPaymentProfileId"),
        method=MethodKind.CARD if bank is None else MethodKind.BANK_ACCOUNT,
        brand=text_at(details, "payment/creditCard/cardType")
        if bank is None
        else text_at(bank, "bankName"),
        last_four=text_at(details, "payment/creditCard/cardNumber")[-4:]
        if bank is None
        else text_at(bank, "accountNumber")[-4:],
        network_transaction_id=text_at(details, "networkTransId"),
        code=code,
        text=reasons.describe(code, reason)
        if bank is None
        else reasons.describe_bank(code, reason),
        is_hard_decline=is_declined and reasons.is_hard(code),
        split_ref=_real_ref(text_at(details, "splitTenderId")),
        raw=storable(details, code=code, text=reason),
    )


def read_methods(document: etree._Element) -> tuple[SavedMethod, ...]:
    """The cards and bank accounts of a getCustomerProfile answer."""
    methods = []
    for profile in document.findall("profile/paymentProfiles"):
        bank = profile.find("payment/bankAccount")
        if bank is not None:
            methods.append(
                SavedMethod(
                    payment_profile_ref=text_at(profile, "customerPaymentProfileId"),
                    brand=text_at(bank, "bankName"),
                    last_four=text_at(bank, "accountNumber")[-4:],
                    kind=MethodKind.BANK_ACCOUNT,
                )
            )
        card = profile.find("payment/creditCard")
        if card is None:
            continue
        year, month = _expiry(text_at(card, "expirationDate"))
        methods.append(
            SavedMethod(
                payment_profile_ref=text_at(profile, "customerPaymentProfileId"),
                brand=text_at(card, "cardType"),
                last_four=text_at(card, "cardNumber")[-4:],
                expiry_year=year,
                expiry_month=month,
            )
        )
    return tuple(sorted(methods, key=lambda method: int(method.payment_profile_ref)))


def read_bank(document: etree._Element) -> MaskedBank | None:
    """The bank account of a getTransactionDetails answer, its numbers masked by the gateway."""
    bank = document.find("transaction/payment/bankAccount")
    if bank is None:
        return None
    return MaskedBank(
        account_type=text_at(bank, "accountType"),
        routing_number=text_at(bank, "routingNumber"),
        account_number=text_at(bank, "accountNumber"),
        holder=text_at(bank, "nameOnAccount"),
    )


def read_account(document: etree._Element, *, reports_enabled: bool) -> AccountInfo:
    """The account of a getMerchantDetails answer."""
    return AccountInfo(
        name=text_at(document, "merchantName"),
        currencies=tuple(
            (element.text or "").strip() for element in document.findall("currencies/currency")
        ),
        reports_enabled=reports_enabled,
        test_mode=text_at(document, "isTestMode") in ("true", "1"),
    )


@dataclass(frozen=True)
class Row:
    """One line of a transaction list."""

    gateway_ref: str
    key: str
    submitted_at: datetime | None


def read_rows(document: etree._Element) -> list[Row]:
    """The lines of any of the gateway's transaction lists."""
    return [
        Row(
            gateway_ref=text_at(row, "transId"),
            key=text_at(row, "invoiceNumber"),
            submitted_at=_moment(text_at(row, "submitTimeUTC")),
        )
        for row in document.findall("transactions/transaction")
    ]


def to_transaction(row: etree._Element) -> GatewayTransaction | None:
    """A line of a list as a transaction: less than the details tell; None without its time."""
    submitted_at = _moment(text_at(row, "submitTimeUTC"))
    if submitted_at is None:
        return None
    is_bank = text_at(row, "accountType") == _ECHECK
    status = _status_of(
        text_at(row, "transactionStatus"),
        is_bank=is_bank,
        is_returned=text_at(row, "hasReturnedItems") in ("true", "1"),
    )
    amount = _amount(text_at(row, "settleAmount"))
    return GatewayTransaction(
        gateway_ref=text_at(row, "transId"),
        key=text_at(row, "invoiceNumber"),
        status=status,
        amount=amount,
        requested_amount=amount,
        submitted_at=submitted_at,
        is_refund=status in _REFUND_STATUSES,
        customer_ref=text_at(row, "profile/customerProfileId"),
        method=MethodKind.BANK_ACCOUNT if is_bank else MethodKind.CARD,
        brand="" if is_bank else text_at(row, "accountType"),
        last_four=text_at(row, "accountNumber")[-4:],
    )


def read_batch_ids(document: etree._Element) -> list[str]:
    """The batches of a getSettledBatchList answer."""
    return [text_at(batch, "batchId") for batch in document.findall("batchList/batch")]


def storable(element: etree._Element, *, code: str, text: str) -> Mapping[str, Any]:
    """The part of an answer that may be stored."""
    values = {name: text_at(element, name) for name in _STORABLE}
    return {name: value for name, value in values.items() if value} | {
        "reason": code,
        "reason_text": text,
    }


def _status_of(name: str, *, is_bank: bool, is_returned: bool) -> TransactionStatus:
    """A debit that came back stays settled in its own line; what it brought back says so."""
    status = _STATUSES.get(name, TransactionStatus.UNRECOGNISED)
    if not is_bank:
        return status
    if is_returned and status not in _REFUND_STATUSES:
        return TransactionStatus.RETURNED
    return _BANK_STATUSES.get(status, status)


def _reason_of(details: etree._Element, status: TransactionStatus) -> tuple[str, str]:
    """Why it stands as it does: of what came back the bank's code, not that of its beginning."""
    if status is TransactionStatus.CLEARING:
        return CLEARING_CODE, ""
    if status is TransactionStatus.RETURNED:
        # Without a code of the bank network it is an unknown one, which reads "did not pay".
        code = text_at(details, "returnedItems/returnedItem/code") or "R00"
        return code, text_at(details, "returnedItems/returnedItem/description")
    return text_at(details, "responseReasonCode"), text_at(details, "responseReasonDescription")


def _outcome(response: etree._Element, code: str) -> Outcome:
    match text_at(response, "responseCode"):
        case "1":
            return Outcome.APPROVED
        case "2":
            return Outcome.DECLINED
        case "4":
            return Outcome.PENDING
        case "3" if code == reasons.DUPLICATE:
            # Of what happened to the first one this says nothing yet.
            return Outcome.UNKNOWN
        case "3":
            # An error with a transaction id was recorded; the details tell what it came to.
            recorded = _real_ref(text_at(response, "transId"))
            return Outcome.UNKNOWN if recorded else Outcome.REFUSED
        case _:
            return Outcome.UNKNOWN


def _reason(response: etree._Element) -> tuple[str, str]:
    for path, code, text in (
        ("errors/error", "errorCode", "errorText"),
        ("messages/message", "code", "description"),
    ):
        first = response.find(path)
        if first is not None:
            return text_at(first, code), text_at(first, text)
    return "", ""


def _approved(response: etree._Element, outcome: Outcome, requested: Decimal) -> Decimal:
    if outcome not in (Outcome.APPROVED, Outcome.PENDING):
        return Decimal(0)
    partly = text_at(response, "prePaidCard/approvedAmount")
    return min(_amount(partly), requested) if partly else requested


def _real_ref(ref: str) -> str:
    """The gateway writes 0 where there is no transaction."""
    return "" if ref.strip("0") == "" else ref


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _expiry(text: str) -> tuple[int | None, int | None]:
    year, _, month = text.partition("-")
    if year.isdigit() and month.isdigit():
        return int(year), int(month)
    return None, None
