"""Which request is answered by what, and who may ask."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from sandbox.authorizenet import charging, profiles, reports, tokens
from sandbox.authorizenet.document import ApiError, Call, encode, messages, parse
from sandbox.authorizenet.store import Store
from sandbox.authorizenet.webhooks import announce

_Answer = Callable[[Call], list[Element | None]]

_CALLS: dict[str, _Answer] = {
    "authenticateTestRequest": reports.authenticate_test,
    "getMerchantDetailsRequest": reports.merchant_details,
    "createTransactionRequest": charging.create_transaction,
    "updateHeldTransactionRequest": charging.update_held,
    "createCustomerProfileRequest": profiles.create_customer,
    "getCustomerProfileRequest": profiles.get_customer,
    "deleteCustomerProfileRequest": profiles.delete_customer,
    "createCustomerPaymentProfileRequest": profiles.create_payment_profile,
    "getCustomerPaymentProfileRequest": profiles.get_payment_profile,
    "deleteCustomerPaymentProfileRequest": profiles.delete_payment_profile,
    "getHostedProfilePageRequest": tokens.hosted_profile_page,
    "getHostedPaymentPageRequest": tokens.hosted_payment_page,
    "getTransactionDetailsRequest": reports.transaction_details,
    "getUnsettledTransactionListRequest": reports.unsettled_list,
    "getTransactionListForCustomerRequest": reports.customer_list,
    "getSettledBatchListRequest": reports.batch_list,
    "getTransactionListRequest": reports.batch_transactions,
}

_REPORTS = frozenset({
    "getTransactionDetailsRequest", "getUnsettledTransactionListRequest",
    "getTransactionListForCustomerRequest", "getSettledBatchListRequest",
    "getTransactionListRequest",
})  # fmt: skip

# What the gateway answers when it cannot work, whatever it was asked.
TROUBLES = {
    "busy": ApiError("E00053", "The server is currently too busy, please try again later."),
    "maintenance": ApiError("E00104", "The server is in maintenance. Please try again later."),
}


@dataclass(frozen=True)
class Question:
    """A request as far as it can be read before anything is done."""

    root: Element | None

    @property
    def name(self) -> str:
        return "" if self.root is None else self.root.tag

    @property
    def login(self) -> str:
        if self.root is None:
            return ""
        return (self.root.findtext("merchantAuthentication/name") or "").strip()


def read_question(body: bytes) -> Question:
    """What is asked, and by whom."""
    return Question(parse(body))


def answer(store: Store, question: Question) -> bytes:
    """Do what is asked. When this returns, it is on disk."""
    root = question.root
    if root is None or question.name not in _CALLS:
        text = "The request is not valid XML of this API."
        return encode("ErrorResponse", "", [messages("E00003", text, is_error=True)])
    name = question.name.removesuffix("Request") + "Response"
    ref_id = (root.findtext("refId") or "").strip()
    try:
        with store.transaction():
            call = _authenticated(store, root)
            children = _CALLS[question.name](call)
            for event_type, payload in call.events:
                announce(store, call.merchant["id"], event_type, payload)
    except ApiError as error:
        return encode(name, ref_id, [messages(error.code, error.text, is_error=True)])
    if not any(child is not None and child.tag == "messages" for child in children):
        children.insert(0, messages("I00001", "Successful.", is_error=False))
    return encode(name, ref_id, children)


def refuse(question: str, error: ApiError) -> bytes:
    """The answer to a request of which nothing was done."""
    name = question.removesuffix("Request") + "Response"
    return encode(name, "", [messages(error.code, error.text, is_error=True)])


def _authenticated(store: Store, root: Element) -> Call:
    login = (root.findtext("merchantAuthentication/name") or "").strip()
    key = (root.findtext("merchantAuthentication/transactionKey") or "").strip()
    merchant = store.one("SELECT * FROM merchants WHERE login = ?", login)
    if merchant is None or not hmac.compare_digest(
        merchant["transaction_key"].encode(), key.encode()
    ):
        raise ApiError("E00007", "User authentication failed due to invalid authentication values.")
    call = Call(store, merchant, root, root.tag)
    call.limited("refId", 20)
    if root.tag in _REPORTS and not merchant["reports_enabled"]:
        raise ApiError("E00011", "Access denied. You do not have permissions to call this method.")
    return call
