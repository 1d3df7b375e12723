"""Requests that move money, and what their answers mean."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import stripe

from payments.gateways.base import (
    ChargeAnswer,
    ChargeRequest,
    GatewayTransaction,
    Outcome,
    RefundRequest,
    Reply,
    TransactionStatus,
)
from payments.gateways.stripe import reasons, requests_of
from payments.gateways.stripe.reading import VOID_MARK, code_of, read_intent, read_refund
from payments.gateways.stripe.transport import NotSentError, UnclearError

# The library's services over a connection of one request.
Connect = Callable[[], AbstractContextManager[Any]]
Fetch = Callable[[str], Reply[GatewayTransaction]]

# Our own code for a request that was never sent because a value does not fit.
INVALID = "invalid_request"
_REPLAYED = "Idempotent-Replayed"
# The request was understood and not begun: no money can have moved.
_REFUSALS = (400, 401, 403, 404)
_DECLINED = 402


class Mover:
    """Sends one request that moves money."""

    def __init__(self, connect: Connect, fetch: Fetch) -> None:
        self._connect = connect
        self._fetch = fetch

    def charge(self, request: ChargeRequest) -> ChargeAnswer:
        """Take money from a saved card."""
        try:
            params = requests_of.charge_params(request)
        except ValueError as error:
            return _refused(INVALID, str(error))
        return self._send(
            lambda api: api.payment_intents.create(params, {"idempotency_key": request.key}),
            read_intent,
        )

    def refund(self, request: RefundRequest) -> ChargeAnswer:
        """Give money back."""
        try:
            params = requests_of.refund_params(request)
        except ValueError as error:
            return _refused(INVALID, str(error))
        return self._send(
            lambda api: api.refunds.create(params, {"idempotency_key": request.key}), read_refund
        )

    def void(self, transaction: GatewayTransaction) -> ChargeAnswer:
        """Cancel an open intent, or give all of a paid one back."""
        ref = transaction.gateway_ref
        outcome = transaction.to_answer().outcome
        if transaction.status is TransactionStatus.VOIDED:
            return ChargeAnswer(outcome=Outcome.APPROVED, gateway_ref=ref, is_duplicate=True)
        if transaction.status in (TransactionStatus.HELD, TransactionStatus.CLEARING):
            return _refused("processing", "a payment that is being processed cannot be cancelled")
        if outcome is Outcome.APPROVED:
            given_back = self._send(
                lambda api: api.refunds.create(
                    {"payment_intent": ref, "metadata": {VOID_MARK: "1"}},
                    {"idempotency_key": f"void-{ref}"},
                ),
                read_refund,
            )
            return ChargeAnswer(
                outcome=given_back.outcome,
                gateway_ref=ref,
                code=given_back.code,
                text=given_back.text,
                raw=given_back.raw,
            )
        cancelled = self._send(lambda api: api.payment_intents.cancel(ref), read_intent)
        if cancelled.outcome is not Outcome.DECLINED:
            return cancelled
        return ChargeAnswer(outcome=Outcome.APPROVED, gateway_ref=ref, raw=cancelled.raw)

    def _send(
        self, ask: Callable[[Any], Any], read: Callable[[Any], GatewayTransaction]
    ) -> ChargeAnswer:
        try:
            with self._connect() as api:
                made = ask(api)
        except NotSentError as error:
            return ChargeAnswer(outcome=Outcome.NOT_SENT, text=str(error))
        except UnclearError as error:
            return ChargeAnswer(outcome=Outcome.UNKNOWN, text=str(error))
        except stripe.StripeError as error:
            return self._read_error(error)
        transaction = read(dict_of(made))
        if not _is_replayed(made.last_response.headers):
            return transaction.to_answer()
        return self._present(transaction)

    def _read_error(self, error: stripe.StripeError) -> ChargeAnswer:
        status = error.http_status or 0
        told = _error_of(error)
        intent = told.get("payment_intent")
        if status == _DECLINED and isinstance(intent, dict):
            transaction = read_intent(intent)
            if _is_replayed(error.headers):
                return self._present(transaction)
            return transaction.to_answer()
        if status == _DECLINED:
            code = code_of(told)
            return ChargeAnswer(
                outcome=Outcome.DECLINED,
                code=code,
                text=reasons.describe(code),
                is_hard_decline=reasons.is_hard(code),
            )
        if status in _REFUSALS and told.get("type") != "idempotency_error":
            return _refused(str(error.code or ""), error.user_message or "")
        # 409: the same key is being worked on; 429 and 5xx say nothing of what was done
        return ChargeAnswer(outcome=Outcome.UNKNOWN, text=f"HTTP {status}")

    def _present(self, first: GatewayTransaction) -> ChargeAnswer:
        """A replayed answer is as old as the request: what has become of it since?"""
        present = self._fetch(first.gateway_ref).value
        return (present or first).to_answer(is_duplicate=True)


def dict_of(told: Any) -> dict[str, Any]:  # noqa: ANN401 (any of the library's objects)
    """A library's object as plain dicts and lists."""
    plain: dict[str, Any] = told.to_dict()
    return plain


def _error_of(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    told = body.get("error") if isinstance(body, dict) else None
    return dict(told) if isinstance(told, dict) else {}


def _is_replayed(headers: Any) -> bool:  # noqa: ANN401 (the library types it loosely)
    return any(
        name.lower() == _REPLAYED.lower() and value == "true"
        for name, value in dict(headers or {}).items()
    )


def _refused(code: str, text: str) -> ChargeAnswer:
    return ChargeAnswer(outcome=Outcome.REFUSED, code=code, text=text)
