"""Finding transactions by our key.

Authorize.net cannot search by invoice number, so the lists that carry it are read to their end:
what is unsettled, what the customer ever paid, and then the batches settled since. That order
cannot miss a transaction that settles meanwhile. What an earlier list shows proves nothing of the
later ones: on a hosted page a card can be declined and another one approved, and when their batch
closes the approval is in the batch while the decline stays unsettled for ever.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from lxml import etree

from core import clock
from payments.gateways.answers import GatewayTransaction, Lookup, LookupResult, Outcome
from payments.gateways.authorizenet.documents import PAGE_SIZE, RequestBuilder
from payments.gateways.authorizenet.reading import (
    Row,
    read_batch_ids,
    read_rows,
    to_transaction,
)
from payments.gateways.base import Reply, ReplyStatus

# The gateway's clock and ours may differ, and a list row is stamped when it arrived there.
_MARGIN = timedelta(hours=1)
# One request may span 31 days.
_BATCH_SPAN = timedelta(days=30)
# A day more at both ends: settlement times are those of the batch.
_BATCH_MARGIN = timedelta(days=1)

_NO_SUCH_RECORD = frozenset({"E00040", "I00004"})


class ListUnreadableError(Exception):
    """One of the lists could not be read: absence of the key proves nothing."""


class Account(Protocol):
    """What a search needs of the adapter."""

    def read(self, body: bytes) -> etree._Element | tuple[str, str]:
        """The answer, or code and text of what went wrong."""
        ...

    def details(self, gateway_ref: str) -> GatewayTransaction | None: ...


def find_by_key(
    account: Account, builder: RequestBuilder, *, key: str, since: datetime, customer_ref: str
) -> Lookup:
    """What carries the key; the batches are left out only if money was found before them."""
    return _search(account, _lists(account, builder, key, since, customer_ref), _has_money)


def find_all_by_key(
    account: Account, builder: RequestBuilder, *, key: str, since: datetime, customer_ref: str
) -> Lookup:
    """Everything that carries the key, from every list."""
    return _search(account, _lists(account, builder, key, since, customer_ref), lambda _: False)


def list_all(
    account: Account, builder: RequestBuilder, *, since: datetime
) -> Reply[tuple[GatewayTransaction, ...]]:
    """Every row of the lists since then, once each; the batch's row is the later truth."""
    found: dict[str, GatewayTransaction] = {}
    try:
        for row in _all_rows(account, builder, since - _MARGIN):
            transaction = to_transaction(row)
            if transaction is not None and transaction.submitted_at >= since:
                found[transaction.gateway_ref] = transaction
    except ListUnreadableError as error:
        return Reply(ReplyStatus.UNREACHABLE, text=str(error))
    return Reply(ReplyStatus.OK, tuple(found.values()))


def _all_rows(
    account: Account, builder: RequestBuilder, oldest: datetime
) -> Iterator[etree._Element]:
    yield from _rows(account, builder.unsettled_list, oldest)
    for batch_id in _batch_ids(account, builder, oldest):
        yield from _rows(account, partial(builder.batch_transactions, batch_id), None)


def _rows(
    account: Account, page_request: Callable[[int], bytes], oldest: datetime | None
) -> Iterator[etree._Element]:
    page = 1
    while True:
        document = _read(account, page_request(page))
        if document is None:
            return
        yield from document.findall("transactions/transaction")
        rows = read_rows(document)
        if len(rows) < PAGE_SIZE or _is_before(rows[-1], oldest):
            return
        page += 1


def _search(
    account: Account,
    lists: Iterator[set[str]],
    is_enough: Callable[[dict[str, GatewayTransaction]], bool],
) -> Lookup:
    found: dict[str, GatewayTransaction] = {}
    try:
        for refs in lists:
            for ref in sorted(refs - found.keys()):
                transaction = account.details(ref)
                if transaction is None:
                    raise ListUnreadableError(f"details of {ref} could not be read")
                found[ref] = transaction
            if is_enough(found):
                break
    except ListUnreadableError as error:
        return Lookup(LookupResult.CANNOT_TELL, text=str(error))
    return Lookup(
        LookupResult.FOUND if found else LookupResult.NOT_FOUND,
        charges=tuple(one for one in found.values() if not one.is_refund),
        refunds=tuple(one for one in found.values() if one.is_refund),
    )


def _has_money(found: dict[str, GatewayTransaction]) -> bool:
    """Only what has been taken is enough: a charge that waits may hide one that was settled."""
    return any(
        one.to_answer().outcome is Outcome.APPROVED and not one.is_refund for one in found.values()
    )


def _lists(
    account: Account, builder: RequestBuilder, key: str, since: datetime, customer_ref: str
) -> Iterator[set[str]]:
    """References with the key: first of what is open, then of what is settled."""
    oldest = since - _MARGIN
    is_open = _matching(account, builder.unsettled_list, key, oldest)
    if customer_ref:
        is_open |= _matching(account, partial(builder.customer_list, customer_ref), key, oldest)
    yield is_open
    yield _in_batches(account, builder, key, oldest)


def _in_batches(account: Account, builder: RequestBuilder, key: str, oldest: datetime) -> set[str]:
    found: set[str] = set()
    for batch_id in _batch_ids(account, builder, oldest):
        found |= _matching(account, partial(builder.batch_transactions, batch_id), key, None)
    return found


def _batch_ids(account: Account, builder: RequestBuilder, oldest: datetime) -> Iterator[str]:
    end = clock.now() + _BATCH_MARGIN
    first = oldest - _BATCH_MARGIN
    while first < end:
        last = min(first + _BATCH_SPAN, end)
        document = _read(account, builder.batch_list(first, last))
        if document is not None:
            yield from read_batch_ids(document)
        first = last


def _matching(
    account: Account, page_request: Callable[[int], bytes], key: str, oldest: datetime | None
) -> set[str]:
    """References of the rows with the key, from newest back to `oldest`."""
    found: set[str] = set()
    page = 1
    while True:
        document = _read(account, page_request(page))
        rows = [] if document is None else read_rows(document)
        found |= {row.gateway_ref for row in rows if row.key == key}
        if len(rows) < PAGE_SIZE or _is_before(rows[-1], oldest):
            return found
        page += 1


def _is_before(row: Row, oldest: datetime | None) -> bool:
    return oldest is not None and row.submitted_at is not None and row.submitted_at < oldest


def _read(account: Account, body: bytes) -> etree._Element | None:
    """The answer; None if the gateway says that there are no such records."""
    answer = account.read(body)
    if not isinstance(answer, tuple):
        return answer
    code, text = answer
    if code in _NO_SUCH_RECORD:
        return None
    raise ListUnreadableError(f"{code} {text}".strip())
