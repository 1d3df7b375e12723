"""Which clients: the filters of an address, and the same filters in SQL.

One reading for the list, its export, mass edit and whatever else says "all that match": what an
address means must not depend on who asks. `parse_filters(args)` reads, `Filters.to_args()` writes
the shortest address that means the same, `narrow(select, filters)` narrows a select of clients.

A filter that cannot be read has a message in `Filters.errors`, and `narrow` then finds nobody:
a mistyped figure must never widen what a mass edit changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, false
from werkzeug.datastructures import MultiDict

from portal.office import client_conditions as conditions
from portal.office.client_columns import Column, list_columns
from portal.office.filter_reading import Reader
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import CLIENT_STATUSES

__all__ = [
    "NONE", "ROLES", "SORTS", "STATUSES", "YES_NO", "Column", "Filters", "Range", "list_columns",
    "narrow", "parse_filters",
]  # fmt: skip

STATUSES = (*CLIENT_STATUSES, "any")
ROLES = ("orig", "term", "both")
YES_NO = ("yes", "no")
TAG_MATCHES = ("any", "all")
INVOICED = ("never", "period")
SORTS = ("name", "-name", "id", "-id", "available", "-available")
NONE = 0
"""Among chosen ids: clients that have none."""

Args = dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Range:
    """Amounts from `low` to `high`, both included, each in its client's own currency."""

    low: Decimal | None = None
    high: Decimal | None = None

    @property
    def is_set(self) -> bool:
        return self.low is not None or self.high is not None


OPEN = Range()


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for. Empty texts, tuples and ranges ask nothing; status "any" likewise.

    Texts mean the beginning of the field; `*` alone means that it has any, `*text` that it holds
    the text anywhere. `q` is the box above the list: a name, or a client's id in digits.
    """

    q: str = ""
    ids: tuple[int, ...] = ()
    name: str = ""
    status: str = "active"
    resellers: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    tag_match: str = "any"
    currencies: tuple[str, ...] = ()
    terms: tuple[int, ...] = ()
    taxes: tuple[int, ...] = ()
    templates: tuple[int, ...] = ()
    available: Range = OPEN
    live: Range = OPEN
    fixed: Range = OPEN
    credit: Range = OPEN
    postpaid: str = ""
    role: str = ""
    autoinvoicing: str = ""
    auto_payment: str = ""
    is_never_invoiced: bool = False
    invoiced: PeriodFilter = ANY_TIME
    created: PeriodFilter = ANY_TIME
    main_email: str = ""
    billing_email: str = ""
    rates_email: str = ""
    company: str = ""
    sort: str = "name"
    errors: Mapping[str, str] = field(default_factory=dict, hash=False)
    typed: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What stood in the fields that have an error."""

    @property
    def is_narrowed(self) -> bool:
        """Anything but the list that everybody begins with."""
        plain = replace(self, sort="name", errors={}, typed={})
        return bool(self.errors) or plain != Filters()

    @property
    def is_advanced(self) -> bool:
        """Something is asked that only the advanced search shows."""
        return replace(self, q="", status="active").is_narrowed

    def to_args(self) -> Args:
        """The arguments of an address that means the same; what asks nothing is left out.

        Fields with an error are left out too: ask `errors` before you hand filters on.
        """
        args: Args = {}
        for key, (attribute, write) in _WRITTEN.items():
            value = getattr(self, attribute)
            if value != _DEFAULTS[attribute]:
                written = write(value)
                args |= written if isinstance(written, dict) else {key: written}
        if self.is_never_invoiced:
            args["invoiced"] = "never"
        else:
            args |= self.invoiced.to_args("invoiced")
        args |= self.created.to_args("created")
        return args

    def to_query(self) -> str:
        """The same as the text behind the question mark of an address."""
        return urlencode(self.to_args(), doseq=True)


def parse_filters(args: Mapping[str, Any]) -> Filters:
    """Read the arguments of an address, or what `to_args` gave; never raises."""
    read = Reader(args if isinstance(args, MultiDict) else MultiDict(args))
    is_never = read.raw("invoiced") == "never"
    return Filters(
        q=read.text("q", 100),
        ids=read.numbers("id"),
        name=read.text("name", 200),
        status=read.choice("status", STATUSES, "active"),
        resellers=read.numbers("reseller"),
        tags=read.words("tag", 60),
        tag_match=read.choice("tags", TAG_MATCHES, "any"),
        currencies=read.currencies("currency"),
        terms=read.numbers("terms", none=NONE),
        taxes=read.numbers("tax", none=NONE),
        templates=read.numbers("template", none=NONE),
        available=Range(*read.amounts("available")),
        live=Range(*read.amounts("live")),
        fixed=Range(*read.amounts("fixed")),
        credit=Range(*read.amounts("credit")),
        postpaid=read.choice("postpaid", YES_NO, ""),
        role=read.choice("role", ROLES, ""),
        autoinvoicing=read.choice("autoinvoicing", YES_NO, ""),
        auto_payment=read.choice("auto_payment", YES_NO, ""),
        is_never_invoiced=is_never,
        invoiced=ANY_TIME if is_never else read.period("invoiced"),
        created=read.period("created"),
        main_email=read.text("main_email", 300),
        billing_email=read.text("billing_email", 300),
        rates_email=read.text("rates_email", 300),
        company=read.text("company", 300),
        # an order is no wish that could be missed
        sort=sort if (sort := read.raw("sort")) in SORTS else "name",
        errors=read.errors,
        typed=read.typed,
    )


def narrow(pick: Select[Any], filters: Filters) -> Select[Any]:
    """`pick`, which has `Client` among its tables, with the clients that match and no others.

    The order of `filters` is left to whoever asks. Nobody matches filters with an error.
    """
    if filters.errors:
        return pick.where(false())
    if filters.status != "any":
        pick = pick.where(conditions.has_status(filters.status))
    for attribute, condition in _CONDITIONS.items():
        value = getattr(filters, attribute)
        if value != _DEFAULTS[attribute]:
            pick = pick.where(condition(value))
    if filters.tags:
        pick = pick.where(conditions.tagged(filters.tags, all_of=filters.tag_match == "all"))
    if filters.is_never_invoiced:
        pick = pick.where(conditions.never_invoiced())
    return _narrow_by_ranges(pick, filters)


def _narrow_by_ranges(pick: Select[Any], filters: Filters) -> Select[Any]:
    for key in ("available", "live", "fixed", "credit"):
        wanted: Range = getattr(filters, key)
        if wanted.is_set:
            pick = pick.where(conditions.balance(key, wanted.low, wanted.high))
    if filters.invoiced.is_set:
        pick = pick.where(conditions.invoiced(filters.invoiced))
    if filters.created.is_set:
        pick = pick.where(*conditions.created(filters.created))
    return pick


_CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "q": conditions.name_or_id,
    "ids": conditions.is_one_of,
    "name": conditions.name,
    "resellers": conditions.of_resellers,
    "currencies": conditions.in_currencies,
    "terms": conditions.with_terms,
    "taxes": conditions.with_taxes,
    "templates": conditions.with_templates,
    "postpaid": conditions.postpaid,
    "role": conditions.role,
    "autoinvoicing": conditions.autoinvoicing,
    "auto_payment": conditions.auto_payment,
    "main_email": conditions.main_email,
    "billing_email": conditions.billing_email,
    "rates_email": conditions.rates_email,
    "company": conditions.company,
}
_DEFAULTS = {one.name: getattr(Filters(), one.name) for one in fields(Filters)}


def _ids(values: tuple[int, ...]) -> list[str]:
    return [str(value) if value != NONE else "none" for value in values]


def _amount(value: Decimal) -> str:
    """Read alike in every language: three digits after a point could be thousands."""
    text = f"{value.normalize():f}"
    return f"{text}0" if len(text.rpartition(".")[2]) == 3 and "." in text else text


def _range(key: str) -> Any:  # noqa: ANN401 (one of the writers below)
    def write(value: Range) -> dict[str, str]:
        ends = {f"{key}_from": value.low, f"{key}_to": value.high}
        return {name: _amount(end) for name, end in ends.items() if end is not None}

    return write


# argument of the address: attribute, and how it is written
_WRITTEN: dict[str, tuple[str, Any]] = {
    "q": ("q", str),
    "id": ("ids", lambda ids: ",".join(map(str, ids))),
    "name": ("name", str),
    "status": ("status", str),
    "reseller": ("resellers", _ids),
    "tag": ("tags", list),
    "tags": ("tag_match", str),
    "currency": ("currencies", list),
    "terms": ("terms", _ids),
    "tax": ("taxes", _ids),
    "template": ("templates", _ids),
    "available": ("available", _range("available")),
    "live": ("live", _range("live")),
    "fixed": ("fixed", _range("fixed")),
    "credit": ("credit", _range("credit")),
    "postpaid": ("postpaid", str),
    "role": ("role", str),
    "autoinvoicing": ("autoinvoicing", str),
    "auto_payment": ("auto_payment", str),
    "main_email": ("main_email", str),
    "billing_email": ("billing_email", str),
    "rates_email": ("rates_email", str),
    "company": ("company", str),
    "sort": ("sort", str),
}
