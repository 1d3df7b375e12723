"""Finding payments by our key.

Stripe's search is late by up to a minute or more, so the lists are read, which are not: the
PaymentIntents of the customer, or of all, and the refunds, since the first sending.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import stripe

from payments.gateways.answers import (
    GatewayTransaction,
    Lookup,
    LookupResult,
    Outcome,
    TransactionStatus,
)
from payments.gateways.base import Reply, ReplyStatus
from payments.gateways.stripe.reading import EXPANDED, KEY_NAME, read_intent, read_refund
from payments.gateways.stripe.transport import NotSentError, UnclearError

# The gateway's clock and ours may differ.
_MARGIN = timedelta(hours=1)

# All rows of one of the gateway's lists.
Lister = Callable[[str, Mapping[str, Any]], Iterator[dict[str, Any]]]


Fetch = Callable[[str], Reply[GatewayTransaction]]


def find_by_key(
    listed: Lister,
    fetch: Fetch,
    *,
    key: str,
    since: datetime,
    customer_ref: str,
    reads_all: bool = False,
) -> Lookup:
    """What carries the key; refunds are left out if money was found, unless `reads_all`."""
    recent = {"created": {"gte": int((since - _MARGIN).timestamp())}}
    wanted = {**recent, "expand": [f"data.{path}" for path in EXPANDED]}
    if customer_ref:
        wanted["customer"] = customer_ref
    try:
        rows = [row for row in listed("payment_intents", wanted) if _has(row, key)]
        charges = [_as_disputed(read_intent(row), fetch) for row in rows]
        refunds: list[GatewayTransaction] = []
        if reads_all or not any(one.to_answer().outcome is Outcome.APPROVED for one in charges):
            refunds = [read_refund(row) for row in listed("refunds", recent) if _has(row, key)]
    except (NotSentError, UnclearError, stripe.StripeError) as error:
        return Lookup(LookupResult.CANNOT_TELL, text=_words(error))
    return Lookup(
        LookupResult.FOUND if charges or refunds else LookupResult.NOT_FOUND,
        charges=tuple(charges),
        refunds=tuple(refunds),
    )


def list_all(
    listed: Lister, fetch: Fetch, *, since: datetime
) -> Reply[tuple[GatewayTransaction, ...]]:
    """Intents and refunds made since then; disputed ones as `fetch` tells of them."""
    recent = {"created": {"gte": int(since.timestamp())}}
    expanded = {**recent, "expand": [f"data.{path}" for path in EXPANDED]}
    try:
        charges = {row["id"]: read_intent(row) for row in listed("payment_intents", expanded)}
        refunds = [read_refund(row) for row in listed("refunds", recent)]
        disputed = {str(row.get("payment_intent") or "") for row in listed("disputes", recent)}
    except (NotSentError, UnclearError, stripe.StripeError) as error:
        return Reply(ReplyStatus.UNREACHABLE, text=_words(error))
    disputed |= {ref for ref, one in charges.items() if one.status is TransactionStatus.CHARGEBACK}
    for ref in sorted(disputed - {""}):
        found = fetch(ref)
        if found.value is None:
            return Reply(ReplyStatus.UNREACHABLE, text=found.text)
        charges[ref] = found.value
    return Reply(ReplyStatus.OK, (*charges.values(), *refunds))


def _as_disputed(charge: GatewayTransaction, fetch: Fetch) -> GatewayTransaction:
    """The list says that it is disputed, and not how that ended."""
    if charge.status is not TransactionStatus.CHARGEBACK:
        return charge
    told = fetch(charge.gateway_ref).value
    if told is None:
        raise UnclearError("the disputes could not be read")
    return told


def _has(row: Mapping[str, Any], key: str) -> bool:
    return (row.get("metadata") or {}).get(KEY_NAME) == key


def _words(error: Exception) -> str:
    if isinstance(error, stripe.StripeError):
        return f"HTTP {error.http_status} {error.code or ''}".strip()
    return str(error)
