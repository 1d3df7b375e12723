"""The columns of clients: what a list can show, an export can write, and where each comes from.

Every column names what it needs (`needs`); `select_columns` turns the needs of those that are
wanted into one query's columns and joins, so that nothing is read that nobody sees.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, and_, func, select

from billing.models import ClientBalance, ClientBilling, PaymentTerms, TaxProfile
from payments.models import ClientAutoPayment
from tenants.models import (
    Client,
    ClientCompany,
    ClientTag,
    ClientTemplate,
    Reseller,
    Tag,
)

Kind = Literal["id", "text", "word", "amount", "day", "instant", "flag", "tags"]
Join = tuple[Any, Any, bool]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `read` takes a row of `select_columns` and gives a plain value.

    Values by kind: id int, text and word str, amount Decimal (None: unlimited) in the row's
    `currency`, day date or None, instant aware datetime or None, flag bool, tags a tuple of names.
    """

    key: str
    label: LazyString
    kind: Kind
    needs: Sequence[str]
    read: Callable[[Any], Any]
    is_default: bool = False
    sort: str = ""
    title: LazyString | None = None


def split_tags(row: Any) -> list[tuple[str, str]]:  # noqa: ANN401 (a row of any query)
    """Name and colour of each tag, by name."""
    pairs = (one.partition(":") for one in row.tags or ())
    return sorted(((name, color) for color, _colon, name in pairs), key=_by_name)


def _by_name(tag: tuple[str, str]) -> str:
    return tag[0].casefold()


def _tag_names(row: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(name for name, _color in split_tags(row))


def _role(row: Any) -> str:  # noqa: ANN401 (a row of any query)
    if row.is_originator:
        return "orig_term" if row.is_terminator else "orig"
    return "term" if row.is_terminator else ""


def _same(key: str, label: LazyString, kind: Kind, **more: Any) -> Column:  # noqa: ANN401
    """A column that shows one value, needed under the column's own key."""
    return Column(key, label, kind, (key,), lambda row: getattr(row, key), **more)


def _figure(key: str, label: LazyString, **more: Any) -> Column:  # noqa: ANN401
    return Column(key, label, "amount", (key, "currency"), lambda row: getattr(row, key), **more)


COLUMNS: tuple[Column, ...] = (
    _same("id", _l("ID"), "id", is_default=True, sort="id"),
    _same("name", _l("Name"), "text", is_default=True, sort="name"),
    Column(
        "available",
        _l("Available"),
        "amount",
        ("live", "credit", "postpaid", "currency"),
        lambda row: None if row.postpaid else row.live + row.credit,
        is_default=True,
        sort="available",
        title=_l("Live balance with the credit allowed"),
    ),
    _figure("live", _l("Live"), is_default=True, title=_l("Payments less charges so far")),
    _figure("fixed", _l("Fixed"), is_default=True, title=_l("Payments less invoices issued")),
    _same("terms", _l("Pay terms"), "text", is_default=True),
    Column("tags", _l("Tags"), "tags", ("tags",), _tag_names, True),
    _same("reseller", _l("Reseller"), "text", is_default=True),
    _same("status", _l("Status"), "word"),
    Column("role", _l("Role"), "word", ("is_originator", "is_terminator"), _role),
    _same("currency", _l("Currency"), "text"),
    Column(
        "credit",
        _l("Credit"),
        "amount",
        ("credit", "postpaid", "currency"),
        lambda row: None if row.postpaid else row.credit,
    ),
    _same("last_invoiced", _l("Last invoiced"), "day"),
    _same("company", _l("Company"), "text"),
    _same("main_email", _l("Main email"), "text"),
    _same("billing_email", _l("Billing email"), "text"),
    _same("tax_profile", _l("Tax profile"), "text"),
    _same("template", _l("Template"), "text"),
    _same("autoinvoicing", _l("Autoinvoicing"), "flag"),
    _same("auto_payment", _l("Auto payment"), "flag"),
    _same("created", _l("Created"), "instant"),
)
BY_KEY = {column.key: column for column in COLUMNS}
DEFAULT_KEYS = tuple(column.key for column in COLUMNS if column.is_default)


def list_columns() -> tuple[Column, ...]:
    """Every column there is, in the order in which they are offered."""
    return COLUMNS


def choose_columns(keys: Iterable[str]) -> tuple[Column, ...]:
    """Those of `keys` that exist, in their order, each once; the usual ones when none does."""
    found = tuple(BY_KEY[key] for key in dict.fromkeys(keys) if key in BY_KEY)
    return found or tuple(BY_KEY[key] for key in DEFAULT_KEYS)


def select_columns(needs: Iterable[str]) -> tuple[list[Any], list[Join]]:
    """Columns labelled by their needs; (table, condition, is outer) of each join from Client."""
    columns: list[Any] = []
    wanted: set[str] = set()
    for name in dict.fromkeys(needs):
        expression, source = _PICKS[name]
        columns.append(expression.label(name))
        wanted |= {source, _NEEDED_FIRST.get(source, "")}
    return columns, [join for source, join in _SOURCES.items() if source in wanted]


def select_clients(columns: Sequence[Column]) -> Select[Any]:
    """Rows that `columns` can read, of all clients in the scope; narrow and order it."""
    needs = ["id", *(name for column in columns for name in column.needs)]
    picked, joins = select_columns(needs)
    query = select(*picked).select_from(Client)
    for table, condition, is_outer in joins:
        query = query.join(table, condition, isouter=is_outer)
    return query


def _tags() -> Any:  # noqa: ANN401 (an array subquery)
    return (
        select(func.array_agg(Tag.color + ":" + Tag.name))
        .select_from(ClientTag)
        .join(Tag, and_(Tag.reseller_id == ClientTag.reseller_id, Tag.id == ClientTag.tag_id))
        .where(ClientTag.reseller_id == Client.reseller_id, ClientTag.client_id == Client.id)
        .correlate(Client)
        .scalar_subquery()
    )


def _of_client(model: Any) -> Any:  # noqa: ANN401 (any table with a client)
    return and_(model.reseller_id == Client.reseller_id, model.client_id == Client.id)


def _of_billing(model: Any, column: Any) -> Any:  # noqa: ANN401 (a table that billing points to)
    return and_(model.reseller_id == ClientBilling.reseller_id, model.id == column)


# in the order in which they may stand
_SOURCES: dict[str, Join] = {
    "balance": (ClientBalance, _of_client(ClientBalance), False),
    "reseller": (Reseller, Reseller.id == Client.reseller_id, False),
    "billing": (ClientBilling, _of_client(ClientBilling), True),
    "terms": (PaymentTerms, _of_billing(PaymentTerms, ClientBilling.payment_terms_id), True),
    "taxes": (TaxProfile, _of_billing(TaxProfile, ClientBilling.tax_profile_id), True),
    "company": (ClientCompany, _of_client(ClientCompany), True),
    "auto": (ClientAutoPayment, _of_client(ClientAutoPayment), True),
    "template": (
        ClientTemplate,
        and_(
            ClientTemplate.reseller_id == Client.reseller_id,
            ClientTemplate.id == Client.template_id,
        ),
        True,
    ),
}
_NEEDED_FIRST = {"terms": "billing", "taxes": "billing"}
# what a need is read from; "" is the client's own row
_PICKS: dict[str, tuple[Any, str]] = {
    "id": (Client.id, ""),
    "name": (Client.name, ""),
    "status": (Client.status, ""),
    "is_originator": (Client.is_originator, ""),
    "is_terminator": (Client.is_terminator, ""),
    "currency": (Client.currency, ""),
    "created": (Client.created_at, ""),
    "tags": (_tags(), ""),
    "live": (ClientBalance.live, "balance"),
    "fixed": (ClientBalance.fixed, "balance"),
    "credit": (ClientBalance.credit, "balance"),
    "postpaid": (ClientBalance.postpaid, "balance"),
    "reseller": (Reseller.name, "reseller"),
    "last_invoiced": (ClientBilling.last_invoiced_on, "billing"),
    "autoinvoicing": (func.coalesce(ClientBilling.autoinvoicing, False), "billing"),
    "terms": (func.coalesce(PaymentTerms.name, ""), "terms"),
    "tax_profile": (func.coalesce(TaxProfile.name, ""), "taxes"),
    "company": (func.coalesce(ClientCompany.company_name, ""), "company"),
    "main_email": (func.coalesce(ClientCompany.main_email, ""), "company"),
    "billing_email": (func.coalesce(ClientCompany.billing_email, ""), "company"),
    "template": (func.coalesce(ClientTemplate.name, ""), "template"),
    "auto_payment": (func.coalesce(ClientAutoPayment.enabled, False), "auto"),
}
