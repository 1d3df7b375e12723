"""The filters of the invoices list: as the address says them, and as conditions of a query."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode

from flask import request
from sqlalchemy import ColumnElement, and_, select
from werkzeug.datastructures import MultiDict

from billing.invoice_models import Invoice
from billing.models import ClientBilling
from core.clock import today
from core.errors import InvalidInputError
from portal.access import current_user_timezone
from portal.office.client_choice import matching_ids
from portal.office.filter_reading import Reader
from portal.office.period import ANY_TIME, PeriodFilter, parse_period

STATES = ("any", "to_verify", "to_send", "normal", "void")
PAID = ("any", "open", "unpaid", "part", "overdue", "paid", "credited")
SORTS = ("-date", "date")
MADE = ("any", "auto", "manual")
DIRECTIONS = ("any", "outgoing", "incoming")


@dataclass(frozen=True, slots=True)
class Days:
    """`first_on` to `last_on`, both included; None is open."""

    first_on: date | None = None
    last_on: date | None = None

    @property
    def is_set(self) -> bool:
        return self.first_on is not None or self.last_on is not None


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; `query` is its text without the place in the list."""

    search: str = ""
    number: str = ""
    client_id: int | None = None
    reseller_id: int | None = None
    terms_id: int | None = None
    state: str = "any"
    paid: str = "any"
    made: str = "any"
    direction: str = "any"
    currency: str = ""
    period: PeriodFilter = ANY_TIME
    due: Days = Days()
    covers: Days = Days()
    total_from: Decimal | None = None
    total_to: Decimal | None = None
    sort: str = "-date"
    query: str = ""
    errors: tuple[str, ...] = ()

    @property
    def advanced_count(self) -> int:
        """How many of those that stand behind “More filters” are set."""
        return sum(
            map(
                bool,
                (
                    self.number,
                    self.reseller_id,
                    self.terms_id,
                    self.made != "any",
                    self.currency,
                    self.due.is_set,
                    self.covers.is_set,
                    self.total_from is not None,
                    self.total_to is not None,
                ),
            )
        )

    @property
    def is_narrowed(self) -> bool:
        return bool(
            self.search
            or self.client_id
            or self.state != "any"
            or self.paid != "any"
            or self.direction != "any"
            or self.period.is_set
            or self.advanced_count
        )


def read_filters() -> Filters:
    """What the present address asks for; what cannot be read is left open."""
    return parse_filters(request.args)


def parse_query(query: str) -> Filters:
    """The same of a text that stands behind a question mark."""
    return parse_filters(MultiDict(parse_qs(query[:4000])))


def parse_filters(args: "MultiDict[str, str]") -> Filters:
    reader = Reader(args)
    total_from, total_to = reader.amounts("total")
    currencies = reader.currencies("currency")
    return Filters(
        search=reader.text("q", 100),
        number=reader.text("number", 100),
        client_id=_one(reader.numbers("client")),
        reseller_id=_one(reader.numbers("reseller")),
        terms_id=_one(reader.numbers("terms")),
        state=reader.choice("state", STATES, "any"),
        paid=reader.choice("paid", PAID, "any"),
        made=reader.choice("made", MADE, "any"),
        direction=reader.choice("direction", DIRECTIONS, "any"),
        currency=currencies[0] if currencies else "",
        period=_period(reader),
        due=_days(reader, "due"),
        covers=_days(reader, "covers"),
        total_from=total_from,
        total_to=total_to,
        sort=reader.choice("sort", SORTS, "-date"),
        query=_query(args),
        errors=tuple(reader.errors.values()),
    )


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """That an invoice is meant."""
    wanted: list[tuple[object, Any]] = [
        (filters.client_id, lambda: Invoice.client_id == filters.client_id),
        (filters.reseller_id, lambda: Invoice.reseller_id == filters.reseller_id),
        (filters.terms_id, lambda: Invoice.client_id.in_(_of_terms(filters.terms_id))),
        (filters.state != "any", lambda: Invoice.state == filters.state),
        (filters.made != "any", lambda: Invoice.autoinvoice == (filters.made == "auto")),
        (filters.direction != "any", lambda: Invoice.direction == filters.direction),
        (filters.currency, lambda: Invoice.currency == filters.currency),
        (filters.search, lambda: _found(filters.search)),
        (filters.number, lambda: Invoice.number.icontains(filters.number, autoescape=True)),
        (filters.paid != "any", lambda: _paid(filters.paid)),
        (filters.total_from is not None, lambda: Invoice.total >= filters.total_from),
        (filters.total_to is not None, lambda: Invoice.total <= filters.total_to),
    ]
    asked = [condition() for is_asked, condition in wanted if is_asked]
    return [
        *asked,
        *filters.period.day_conditions(Invoice.invoice_on),
        *_within(filters.due, Invoice.due_on, Invoice.due_on),
        # every invoice whose days meet the ones asked for
        *_within(filters.covers, Invoice.last_on, Invoice.first_on),
    ]


def _within(days: Days, last: Any, first: Any) -> list[ColumnElement[bool]]:  # noqa: ANN401 (columns of days)
    found: list[ColumnElement[bool]] = []
    if days.first_on is not None:
        found.append(last >= days.first_on)
    if days.last_on is not None:
        found.append(first <= days.last_on)
    return found


def _of_terms(terms_id: int | None) -> Any:  # noqa: ANN401 (a select of ids)
    return select(ClientBilling.client_id).where(ClientBilling.payment_terms_id == terms_id)


def _found(search: str) -> ColumnElement[bool]:
    """The very number, ours or the sender's, or a client that matches."""
    return (Invoice.number == search) | Invoice.client_id.in_(matching_ids(search))


def _paid(state: str) -> ColumnElement[bool]:
    issued = and_(Invoice.issued_at.is_not(None), Invoice.state != "void")
    is_open = and_(issued, Invoice.paid < Invoice.total)
    by_state: Mapping[str, ColumnElement[bool]] = {
        "open": is_open,
        "unpaid": and_(is_open, Invoice.paid == 0),
        "part": and_(is_open, Invoice.paid > 0),
        "overdue": and_(is_open, Invoice.due_on < today(current_user_timezone())),
        "paid": and_(issued, Invoice.paid >= Invoice.total),
        "credited": and_(issued, Invoice.credited > 0),
    }
    return by_state[state]


def _period(reader: Reader) -> PeriodFilter:
    try:
        return parse_period(reader.raw("period"), reader.raw("from"), reader.raw("to"))
    except InvalidInputError:
        # a filter that cannot be read is left open
        return ANY_TIME


def _days(reader: Reader, name: str) -> Days:
    found = PeriodFilter()
    if reader.raw(f"{name}_from") or reader.raw(f"{name}_to"):
        custom = MultiDict(
            {
                name: "custom",
                f"{name}_from": reader.raw(f"{name}_from"),
                f"{name}_to": reader.raw(f"{name}_to"),
            }
        )
        inner = Reader(custom)
        found = inner.period(name)
        reader.errors |= inner.errors
    return Days(found.first_on, found.last_on)


def _one(numbers: tuple[int, ...]) -> int | None:
    return numbers[0] if numbers else None


def _query(args: "MultiDict[str, str]") -> str:
    kept = [
        (name, value)
        for name, value in args.items(multi=True)
        if value and name not in ("after", "before", "pick", "all", "filters")
    ]
    return urlencode(kept)
