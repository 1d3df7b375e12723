"""Stripe as a `Gateway`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import stripe

from core import clock
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
    TransactionStatus,
)
from payments.gateways.stripe import reading, requests_of, webhook
from payments.gateways.stripe.lookup import find_by_key, list_all
from payments.gateways.stripe.money import INVALID, Mover, dict_of
from payments.gateways.stripe.transport import (
    DEFAULT_TIMEOUT_S,
    NotSentError,
    UnclearError,
    Wire,
)

T = TypeVar("T")

# Checkout accepts no page that lives shorter than half an hour; a minute more for its clock.
_PAGE_LIFE_S = 31 * 60
# With the time that passes until the page is made.
_PAGE_VALID_FOR_S = 33 * 60
# What a customer of ours is found by.
_CLIENT_NAME = "client"
_MOST = 100


class StripeGateway:
    """One account. Keeps a small connection pool; share it between threads.

    `api_url` is the base address of the API; test and live mode are told apart by the key.
    """

    def __init__(
        self,
        credentials: GatewayCredentials,
        *,
        api_url: str,
        is_live: bool,
        timeout_s: tuple[float, float] = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._credentials = credentials
        self._api_url = api_url.rstrip("/")
        self._is_live = is_live
        self._timeout_s = timeout_s
        self._wire = Wire(timeout_s)
        self._client = self._open(self._wire)

    def __repr__(self) -> str:
        return f"StripeGateway({self._credentials!r})"

    @property
    def payment_page_valid_for_s(self) -> int:
        """See `Gateway.payment_page_valid_for_s`."""
        return _PAGE_VALID_FOR_S

    @property
    def refunds_settled_only(self) -> bool:
        """See `Gateway.refunds_settled_only`."""
        return False

    @property
    def decides_held(self) -> bool:
        """See `Gateway.decides_held`: what is being processed waits for the bank."""
        return False

    def close(self) -> None:
        """Drop the kept connections."""
        self._wire.close()

    # Customers and cards

    def create_customer(self, *, merchant_customer_id: str) -> Reply[str]:
        """See `Gateway.create_customer`.

        The search knows a customer only after a minute; the idempotency key covers the first day.
        """
        query = f"metadata['{_CLIENT_NAME}']:'{merchant_customer_id}'"
        known = self._ask(
            lambda api: api.customers.search({"query": query, "limit": 1}).to_dict()["data"]
        )
        if not known.ok:
            return Reply(known.status, code=known.code, text=known.text)
        if known.value:
            return Reply(ReplyStatus.OK, str(known.value[0]["id"]))
        return self._ask(
            lambda api: str(
                api.customers.create(
                    {"metadata": {_CLIENT_NAME: merchant_customer_id}},
                    {"idempotency_key": f"customer-{merchant_customer_id}"},
                ).id
            )
        )

    def hosted_card_page(
        self,
        *,
        customer_ref: str,
        return_url: str,
        cancel_url: str,
        kind: MethodKind = MethodKind.CARD,
    ) -> Reply[HostedPage]:
        """See `Gateway.hosted_card_page`."""
        params = requests_of.card_page_params(customer_ref, return_url, cancel_url, kind)
        return self._session_page(params)

    def hosted_payment_page(self, request: HostedPaymentRequest) -> Reply[HostedPage]:
        """See `Gateway.hosted_payment_page`."""
        expires_at = int(clock.now().timestamp()) + _PAGE_LIFE_S
        try:
            params = requests_of.payment_page_params(request, expires_at)
        except ValueError as error:
            return Reply(ReplyStatus.REFUSED, code=INVALID, text=str(error))
        return self._session_page(params)

    def confirmation_page(self, gateway_ref: str, *, return_url: str) -> Reply[HostedPage]:
        """See `Gateway.confirmation_page`: the same intent is confirmed, now with its client."""
        found = self._ask(lambda api: api.payment_intents.retrieve(gateway_ref).to_dict())
        intent = found.value
        if intent is None:
            return Reply(found.status, code=found.code, text=found.text)
        if reading.read_intent(intent).status is not TransactionStatus.ACTION_REQUIRED:
            return Reply(ReplyStatus.REFUSED, text="nothing waits for the client")
        if intent["status"] != "requires_action":
            error = intent.get("last_payment_error") or {}
            method = intent.get("payment_method") or (error.get("payment_method") or {}).get("id")
            confirmed = self._ask(
                lambda api: api.payment_intents.confirm(
                    gateway_ref, {"payment_method": method, "return_url": return_url}
                ).to_dict()
            )
            if confirmed.value is None:
                return Reply(confirmed.status, code=confirmed.code, text=confirmed.text)
            intent = confirmed.value
        action = (intent.get("next_action") or {}).get("redirect_to_url") or {}
        return Reply(
            ReplyStatus.OK,
            HostedPage(action.get("url") or return_url, {}, _PAGE_LIFE_S, method="get"),
        )

    def list_methods(self, customer_ref: str) -> Reply[tuple[SavedMethod, ...]]:
        """See `Gateway.list_methods`."""

        def read(api: Any) -> tuple[SavedMethod, ...]:  # noqa: ANN401 (the library's services)
            def page_of(kind: str) -> Callable[[Mapping[str, Any]], Any]:
                return lambda page: api.customers.payment_methods.list(
                    customer_ref, {"type": kind, **page}
                )

            rows = [row for kind in reading.TYPES.values() for row in every(page_of(kind))]
            return tuple(
                reading.read_method(row) for row in sorted(rows, key=lambda one: one["created"])
            )

        return self._ask(read)

    def delete_method(self, *, customer_ref: str, payment_profile_ref: str) -> Reply[None]:
        """See `Gateway.delete_method`."""
        owner = self._ask(
            lambda api: api.payment_methods.retrieve(payment_profile_ref).to_dict().get("customer")
        )
        if owner.ok and owner.value == customer_ref:
            gone = self._ask(lambda api: api.payment_methods.detach(payment_profile_ref))
            return Reply(gone.status, code=gone.code, text=gone.text)
        if owner.ok or owner.status is ReplyStatus.NOT_FOUND:
            return Reply(ReplyStatus.OK)
        return Reply(owner.status, code=owner.code, text=owner.text)

    def delete_customer(self, customer_ref: str) -> Reply[None]:
        """See `Gateway.delete_customer`."""
        gone = self._ask(lambda api: api.customers.delete(customer_ref))
        if gone.ok or gone.status is ReplyStatus.NOT_FOUND:
            return Reply(ReplyStatus.OK)
        return Reply(gone.status, code=gone.code, text=gone.text)

    # Money

    def charge(
        self, request: ChargeRequest, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """See `Gateway.charge`; our key is the idempotency key and stands in the metadata."""
        return self._mover(before_send).charge(request)

    def release(
        self, transaction: GatewayTransaction, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """See `Gateway.release`; this gateway approves all or nothing."""
        return transaction.to_answer()

    def decide_held(
        self, gateway_ref: str, *, approve: bool, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """See `Gateway.decide_held`: only what waits for the client can be let go."""
        if approve:
            return ChargeAnswer(
                outcome=Outcome.REFUSED, text="only the client or its bank can approve this"
            )
        return self.void(gateway_ref, before_send=before_send)

    def void(self, gateway_ref: str, *, before_send: BeforeSend | None = None) -> ChargeAnswer:
        """See `Gateway.void`: an open intent is cancelled, a paid one is given back whole."""
        reply = self.fetch(gateway_ref)
        if reply.value is None:
            outcome = Outcome.REFUSED if reply.status is ReplyStatus.NOT_FOUND else Outcome.NOT_SENT
            return ChargeAnswer(outcome=outcome, code=reply.code, text=reply.text)
        return self._mover(before_send).void(reply.value)

    def refund(
        self, request: RefundRequest, *, before_send: BeforeSend | None = None
    ) -> ChargeAnswer:
        """See `Gateway.refund`."""
        return self._mover(before_send).refund(request)

    # Questions

    def find(self, *, key: str, since: datetime, customer_ref: str = "") -> Lookup:
        """See `Gateway.find`."""
        return find_by_key(
            self._listed, self.fetch, key=key, since=since, customer_ref=customer_ref
        )

    def find_all(self, *, key: str, since: datetime, customer_ref: str = "") -> Lookup:
        """See `Gateway.find_all`."""
        return find_by_key(
            self._listed,
            self.fetch,
            key=key,
            since=since,
            customer_ref=customer_ref,
            reads_all=True,
        )

    def list_transactions(self, *, since: datetime) -> Reply[tuple[GatewayTransaction, ...]]:
        """See `Gateway.list_transactions`."""
        return list_all(self._listed, self.fetch, since=since)

    def fetch(self, gateway_ref: str) -> Reply[GatewayTransaction]:
        """See `Gateway.fetch`."""
        if gateway_ref.startswith("re_"):
            return self._ask(
                lambda api: reading.read_refund(api.refunds.retrieve(gateway_ref).to_dict())
            )
        params = {"expand": list(reading.EXPANDED)}
        found = self._ask(
            lambda api: reading.read_intent(
                api.payment_intents.retrieve(gateway_ref, params).to_dict()
            )
        )
        if found.value is None or found.value.status is not TransactionStatus.CHARGEBACK:
            return found
        payment = found.value
        return self._ask(lambda api: reading.with_disputes(payment, self._disputes(api, payment)))

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes) -> InboundEvent | None:
        """See `Gateway.verify_webhook`."""
        if not webhook.is_signed(headers, raw, self._credentials.webhook_secrets):
            return None
        return webhook.read_event(raw, is_live=self._is_live)

    def check_credentials(self) -> Reply[AccountInfo]:
        """See `Gateway.check_credentials`."""
        account = self._ask(lambda api: api.accounts.retrieve_current().to_dict())
        if account.value is None:
            return Reply(account.status, code=account.code, text=account.text)
        told = account.value
        reports = self._ask(lambda api: api.payment_intents.list({"limit": 1}))
        if reports.status is ReplyStatus.UNREACHABLE:
            return Reply(reports.status, text=reports.text)
        country = str(told.get("country") or "US")
        spec = self._ask(lambda api: api.country_specs.retrieve(country).to_dict())
        # a restricted key may not read it: then the account's own currency is what we know
        own = [told.get("default_currency") or ""]
        codes = (spec.value or {}).get("supported_payment_currencies") or own
        info = reading.read_account(
            told,
            tuple(str(code).upper() for code in codes if code),
            test_mode="_test_" in self._credentials.secret,
            reports_enabled=reports.ok,
        )
        return Reply(ReplyStatus.OK, info)

    # Inside

    def _open(self, wire: Wire) -> stripe.StripeClient:
        return stripe.StripeClient(
            self._credentials.secret,
            base_addresses={"api": self._api_url},
            http_client=wire,
            max_network_retries=0,
        )

    def _mover(self, before_send: BeforeSend | None) -> Mover:
        """Moves money over a connection of its own."""

        @contextmanager
        def connect() -> Iterator[Any]:
            wire = Wire(self._timeout_s, is_fresh=True, before_send=before_send)
            try:
                yield self._open(wire).v1
            finally:
                wire.close()

        return Mover(connect, self.fetch)

    def _session_page(self, params: Mapping[str, Any]) -> Reply[HostedPage]:
        return self._ask(
            lambda api: HostedPage(
                str(api.checkout.sessions.create(params).url), {}, _PAGE_LIFE_S, method="get"
            )
        )

    def _disputes(self, api: Any, payment: GatewayTransaction) -> list[dict[str, Any]]:  # noqa: ANN401 (the library's services)
        params = {"payment_intent": payment.gateway_ref}
        return list(every(lambda page: api.disputes.list({**params, **page})))

    def _listed(self, kind: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """All objects of a list, newest first; raises like a call."""
        service = getattr(self._client.v1, kind)
        return every(lambda page: service.list({**params, **page}))

    def _ask(self, question: Callable[[Any], T]) -> Reply[T]:
        """Ask what moves no money; `question` is given the library's services."""
        try:
            return Reply(ReplyStatus.OK, question(self._client.v1))
        except (NotSentError, UnclearError) as error:
            return Reply(ReplyStatus.UNREACHABLE, text=str(error))
        except stripe.StripeError as error:
            return _refusal(error)


def every(ask: Callable[[Mapping[str, Any]], Any]) -> Iterator[dict[str, Any]]:
    """The rows of all pages of a list."""
    page: dict[str, Any] = {"limit": _MOST}
    while True:
        told = dict_of(ask(page))
        rows = told["data"]
        yield from rows
        if not told.get("has_more") or not rows:
            return
        page["starting_after"] = rows[-1]["id"]


def _refusal(error: stripe.StripeError) -> Reply[Any]:
    """What a refused question came to. The text is the gateway's, which quotes no secret."""
    code = str(error.code or "")
    status = error.http_status or 0
    if code == "resource_missing":
        return Reply(ReplyStatus.NOT_FOUND, code=code, text=error.user_message or "")
    if status == 0 or status >= 500 or status in (409, 429) or 200 <= status < 300:
        return Reply(ReplyStatus.UNREACHABLE, code=code, text=f"HTTP {status}")
    return Reply(ReplyStatus.REFUSED, code=code, text=error.user_message or "")
