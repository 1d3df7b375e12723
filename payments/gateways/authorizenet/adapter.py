"""Authorize.net as a `Gateway`."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from lxml import etree

from payments.gateways.authorizenet import reasons, webhook
from payments.gateways.authorizenet.documents import (
    InvalidRequestError,
    MaskedBank,
    RequestBuilder,
)
from payments.gateways.authorizenet.lookup import find_all_by_key, find_by_key, list_all
from payments.gateways.authorizenet.reading import (
    as_clearing,
    message_of,
    read_account,
    read_answer,
    read_bank,
    read_methods,
    read_transaction,
    text_at,
)
from payments.gateways.authorizenet.transport import (
    DEFAULT_TIMEOUT_S,
    Delivered,
    Transport,
)
from payments.gateways.base import (
    AccountInfo,
    BeforeSend,
    ChargeAnswer,
    ChargeRequest,
    GatewayCredentials,
    GatewayTransaction,
    HostedPage,
    HostedPaymentRequest,
    InboundEvent,
    Lookup,
    MethodKind,
    Outcome,
    RefundRequest,
    Reply,
    ReplyStatus,
    SavedMethod,
)
from payments.gateways.connections import NotSent

T = TypeVar("T")

_TOKEN_VALID_FOR_S = 15 * 60
_DUPLICATE_PROFILE = "E00039"
_NO_SUCH_RECORD = "E00040"
_UNREACHABLE = "unreachable"
_INVALID = "invalid_request"
_INVALID_ERRORS = (InvalidRequestError, UnicodeError)


class AuthorizeNetGateway:
    """One merchant account. Keeps a small connection pool; share it between threads.

    `api_url` is the address of the XML API, `hosted_url` the origin of the hosted pages.
    """

    def __init__(
        self,
        credentials: GatewayCredentials,
        *,
        api_url: str,
        hosted_url: str,
        timeout_s: tuple[float, float] = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._credentials = credentials
        self._hosted_url = hosted_url.rstrip("/")
        self._build = RequestBuilder(credentials)
        self._transport = Transport(api_url, timeout_s)

    def __repr__(self) -> str:
        return f"AuthorizeNetGateway({self._credentials!r})"

    @property
    def payment_page_valid_for_s(self) -> int:
        """See `Gateway.payment_page_valid_for_s`."""
        return _TOKEN_VALID_FOR_S

    @property
    def refunds_settled_only(self) -> bool:
        """See `Gateway.refunds_settled_only`."""
        return True

    @property
    def decides_held(self) -> bool:
        """See `Gateway.decides_held`."""
        return True

    def close(self) -> None:
        """Drop the kept connections."""
        self._transport.close()

    # Customers and cards

    def create_customer(self, *, merchant_customer_id: str) -> Reply[str]:
        """See `Gateway.create_customer`."""
        reply = self._ask(
            lambda: self._build.create_customer(merchant_customer_id),
            lambda document: text_at(document, "customerProfileId"),
        )
        if reply.code != _DUPLICATE_PROFILE:
            return reply
        existing = re.search(r"\d+", reply.text)
        return self._adopt(existing[0], merchant_customer_id) if existing else reply

    def hosted_card_page(
        self,
        *,
        customer_ref: str,
        return_url: str,
        cancel_url: str,
        kind: MethodKind = MethodKind.CARD,
    ) -> Reply[HostedPage]:
        """See `Gateway.hosted_card_page`; this gateway's card page has one way back only."""
        return self._ask(
            lambda: self._build.hosted_card_page(customer_ref, return_url, kind),
            lambda document: self._page("/customer/addPayment", document),
        )

    def hosted_payment_page(self, request: HostedPaymentRequest) -> Reply[HostedPage]:
        """See `Gateway.hosted_payment_page`."""
        return self._ask(
            lambda: self._build.hosted_payment_page(request),
            lambda document: self._page("/payment/payment", document),
        )

    def confirmation_page(self, gateway_ref: str, *, return_url: str) -> Reply[HostedPage]:
        """See `Gateway.confirmation_page`; this gateway never waits for the client."""
        return Reply(ReplyStatus.REFUSED, text="nothing waits for the client")

    def list_methods(self, customer_ref: str) -> Reply[tuple[SavedMethod, ...]]:
        """See `Gateway.list_methods`."""
        return self._ask(lambda: self._build.get_customer(customer_ref), read_methods)

    def delete_method(self, *, customer_ref: str, payment_profile_ref: str) -> Reply[None]:
        """See `Gateway.delete_method`."""
        reply = self._ask(
            lambda: self._build.delete_method(customer_ref, payment_profile_ref), lambda _: None
        )
        return Reply(ReplyStatus.OK) if reply.status is ReplyStatus.NOT_FOUND else reply

    def delete_customer(self, customer_ref: str) -> Reply[None]:
        """See `Gateway.delete_customer`."""
        reply = self._ask(lambda: self._build.delete_customer(customer_ref), lambda _: None)
        return Reply(ReplyStatus.OK) if reply.status is ReplyStatus.NOT_FOUND else reply

    # Money

    def charge(
        self, request: ChargeRequest, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """See `Gateway.charge`."""
        answer = self._move(
            lambda: self._build.charge(request),
            request.amount,
            before_send,
            key=request.key,
            method=request.method,
        )
        if answer.outcome is Outcome.PENDING and answer.code == reasons.PARTLY_APPROVED:
            # Until it is released the approved part of a partial approval is only reserved.
            return self._release(answer, str(answer.raw.get("splitTenderId", "")), before_send)
        return answer

    def release(
        self, transaction: GatewayTransaction, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """See `Gateway.release`."""
        return self._release(transaction.to_answer(), transaction.split_ref, before_send)

    def decide_held(
        self, gateway_ref: str, *, approve: bool, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """See `Gateway.decide_held`."""
        return self._move(
            lambda: self._build.decide_held(gateway_ref, approve=approve), Decimal(0), before_send
        )

    def void(self, gateway_ref: str, *, before_send: BeforeSend | None = None) -> ChargeAnswer:
        """See `Gateway.void`."""
        return self._move(lambda: self._build.void(gateway_ref), Decimal(0), before_send)

    def refund(
        self, request: RefundRequest, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """See `Gateway.refund`; a bank account is named by what the payment's details show."""
        bank: MaskedBank | None = None
        if request.method is MethodKind.BANK_ACCOUNT:
            shown = self._ask(
                lambda: self._build.transaction_details(request.gateway_ref), read_bank
            )
            if shown.value is None:
                text = shown.text or "the bank account could not be read"
                return ChargeAnswer(outcome=Outcome.NOT_SENT, code=shown.code, text=text)
            bank = shown.value
        return self._move(
            lambda: self._build.refund(request, bank), request.amount, before_send, key=request.key
        )

    # Questions

    def find(self, *, key: str, since: datetime, customer_ref: str = "") -> Lookup:
        """See `Gateway.find`."""
        return find_by_key(self, self._build, key=key, since=since, customer_ref=customer_ref)

    def find_all(self, *, key: str, since: datetime, customer_ref: str = "") -> Lookup:
        """See `Gateway.find_all`."""
        return find_all_by_key(self, self._build, key=key, since=since, customer_ref=customer_ref)

    def list_transactions(self, *, since: datetime) -> Reply[tuple[GatewayTransaction, ...]]:
        """See `Gateway.list_transactions`: what is unsettled, then the batches settled since."""
        return list_all(self, self._build, since=since)

    def fetch(self, gateway_ref: str) -> Reply[GatewayTransaction]:
        """See `Gateway.fetch`."""
        reply = self._ask(lambda: self._build.transaction_details(gateway_ref), read_transaction)
        if reply.ok and reply.value is None:
            return Reply(ReplyStatus.UNREACHABLE, text="the details could not be read")
        return Reply(reply.status, reply.value, reply.code, reply.text)

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> InboundEvent | None:
        """See `Gateway.verify_webhook`."""
        if not webhook.is_signed(headers, raw, self._credentials.webhook_secrets):
            return None
        return webhook.read_event(raw)

    def check_credentials(self) -> Reply[AccountInfo]:
        """See `Gateway.check_credentials`."""
        reports = self._ask(lambda: self._build.unsettled_list(1), lambda _: True)
        if reports.status is ReplyStatus.UNREACHABLE:
            return Reply(reports.status, code=reports.code, text=reports.text)
        return self._ask(
            self._build.merchant_details,
            lambda document: read_account(document, reports_enabled=reports.ok),
        )

    # What the look-up needs

    def read(self, body: bytes) -> etree._Element | tuple[str, str]:
        """The answer to a question, or code and text of what went wrong."""
        delivery = self._transport.read(body)
        if not isinstance(delivery, Delivered):
            return _UNREACHABLE, delivery.reason
        message = message_of(delivery.document)
        return (message.code, message.text) if message.is_error else delivery.document

    def details(self, gateway_ref: str) -> GatewayTransaction | None:
        """One transaction, None if it cannot be read."""
        return self.fetch(gateway_ref).value

    # Inside

    def _ask(
        self, build: Callable[[], bytes], read_value: Callable[[etree._Element], T]
    ) -> Reply[T]:
        try:
            body = build()
        except _INVALID_ERRORS:
            # The exception quotes the request; only its kind may travel on.
            return Reply(ReplyStatus.REFUSED, code=_INVALID, text="a value does not fit")
        answer = self.read(body)
        if not isinstance(answer, tuple):
            return Reply(ReplyStatus.OK, read_value(answer))
        code, text = answer
        if code == _UNREACHABLE or code in reasons.TRY_LATER:
            status = ReplyStatus.UNREACHABLE
        elif code == _NO_SUCH_RECORD:
            status = ReplyStatus.NOT_FOUND
        else:
            status = ReplyStatus.REFUSED
        return Reply(status, code=code, text=text)

    def _move(
        self,
        build: Callable[[], bytes],
        amount: Decimal,
        before_send: BeforeSend | None,
        *,
        key: str = "",
        method: MethodKind | None = None,
    ) -> ChargeAnswer:
        try:
            body = build()
        except _INVALID_ERRORS:
            return ChargeAnswer(outcome=Outcome.REFUSED, code=_INVALID, text="a value does not fit")
        delivery = self._transport.send(body, before_send)
        if isinstance(delivery, NotSent):
            return ChargeAnswer(outcome=Outcome.NOT_SENT, text=delivery.reason)
        if not isinstance(delivery, Delivered):
            return ChargeAnswer(outcome=Outcome.UNKNOWN, text=delivery.reason)
        answer = read_answer(delivery.document, amount)
        if method is not None:
            answer = as_clearing(answer, method)
        return self._first_answer(answer, key) if answer.outcome is Outcome.UNKNOWN else answer

    def _first_answer(self, answer: ChargeAnswer, key: str) -> ChargeAnswer:
        """What became of the transaction that an unclear answer points at."""
        transaction = self.details(answer.gateway_ref) if answer.gateway_ref else None
        if transaction is None or transaction.key != key:
            # The key is one of the fields that make a duplicate: another key is not ours to judge.
            return answer
        return transaction.to_answer(is_duplicate=answer.is_duplicate)

    def _release(
        self, held: ChargeAnswer, split_ref: str, before_send: BeforeSend | None
    ) -> ChargeAnswer:
        if not split_ref:
            # Nothing names what to take: it stays reserved, and the next look asks anew.
            return held
        answer = self._move(
            lambda: self._build.release(split_ref), held.approved_amount, before_send
        )
        if answer.outcome is Outcome.NOT_SENT:
            # The release was not sent, but the charge itself was.
            return held
        if answer.outcome in (Outcome.APPROVED, Outcome.UNKNOWN):
            return ChargeAnswer(
                outcome=answer.outcome,
                gateway_ref=held.gateway_ref,
                approved_amount=held.approved_amount
                if answer.outcome is Outcome.APPROVED
                else Decimal(0),
                network_transaction_id=held.network_transaction_id,
                code=held.code,
                text=held.text,
                is_duplicate=held.is_duplicate,
                raw=held.raw,
            )
        # Refused: perhaps it is released already. Only the gateway knows.
        now = self.details(held.gateway_ref)
        return held if now is None else now.to_answer(is_duplicate=held.is_duplicate)

    def _adopt(self, customer_ref: str, merchant_customer_id: str) -> Reply[str]:
        owner = self._ask(
            lambda: self._build.get_customer(customer_ref),
            lambda document: text_at(document, "profile/merchantCustomerId"),
        )
        if not owner.ok:
            return Reply(owner.status, code=owner.code, text=owner.text)
        if owner.value != merchant_customer_id:
            return Reply(
                ReplyStatus.REFUSED,
                code=_DUPLICATE_PROFILE,
                text="the existing profile belongs to another customer",
            )
        return Reply(ReplyStatus.OK, customer_ref)

    def _page(self, path: str, document: etree._Element) -> HostedPage:
        return HostedPage(
            url=self._hosted_url + path,
            form_fields={"token": text_at(document, "token")},
            valid_for_s=_TOKEN_VALID_FOR_S,
        )
