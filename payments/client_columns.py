"""Everything of a client that a file can hold, column by column, read for many clients at once.

Keys of the columns that the Clients list shows too are those of the list.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, BigInteger, and_, any_, case, func, literal, select

from billing.client_models import ClientLowBalance
from billing.invoice_models import InvoiceTemplate
from billing.models import ClientBalance, ClientBilling, PaymentTerms, TaxProfile
from core.db import Session
from core.sheet_writer import Cell
from payments.models import ClientAutoPayment
from tenants.models import Client, ClientCompany, ClientLogin, ClientTag, Reseller, Tag

Kind = Literal["whole", "text", "amount", "day", "instant", "flag"]
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Column:
    """`pick` is read from the client's own row or from the table `source`; words are English."""

    key: str
    kind: Kind
    pick: Any
    source: str = ""


def list_columns() -> tuple[str, ...]:
    """Keys of every column, in the order of the form."""
    return tuple(_COLUMNS)


def kind_of(key: str) -> Kind:
    return _COLUMNS[key].kind


def known(keys: Iterable[str]) -> list[str]:
    """Those of `keys` that are columns, each once."""
    return [key for key in dict.fromkeys(keys) if key in _COLUMNS]


def read_cells(
    session: Session, client_ids: Sequence[int], keys: Sequence[str], zone: ZoneInfo
) -> list[list[Cell]]:
    """The cells of these clients of the scope, in the order of the ids; unknown ids give no row.

    Instants are told in `zone`, without it; amounts exactly, each in the client's own currency.
    """
    columns = [_COLUMNS[key] for key in keys]
    query = select(Client.id, *(one.pick.label(f"cell_{one.key}") for one in columns))
    query = query.select_from(Client)
    for name in _sources(columns):
        model, condition = _SOURCES[name]
        query = query.join(model, condition, isouter=True)
    wanted = literal(list(client_ids), ARRAY(BigInteger))
    found = session.execute(query.where(Client.id == any_(wanted))).all()
    by_id = {row[0]: row[1:] for row in found}
    readers = [_reader(one.kind, zone) for one in columns]
    return [
        [read(value) for read, value in zip(readers, by_id[one], strict=True)]
        for one in client_ids
        if one in by_id
    ]


def plain_amount(value: Decimal) -> Decimal:
    """`value` without idle zeros, with two places at least."""
    short = value.normalize()
    return short.quantize(_CENT) if int(short.as_tuple().exponent) > -2 else short


def _reader(kind: Kind, zone: ZoneInfo) -> Callable[[Any], Cell]:
    if kind == "amount":
        return lambda value: None if value is None else plain_amount(value)
    if kind == "instant":

        def in_zone(value: datetime | None) -> Cell:
            return None if value is None else value.astimezone(zone).replace(tzinfo=None)

        return in_zone
    return lambda value: value


def _sources(columns: Iterable[Column]) -> list[str]:
    wanted = {one.source for one in columns}
    wanted |= {_NEEDED_FIRST[one] for one in wanted if one in _NEEDED_FIRST}
    return [name for name in _SOURCES if name in wanted]


def _of_client(model: Any) -> Any:  # noqa: ANN401 (any table with a client)
    return and_(model.reseller_id == Client.reseller_id, model.client_id == Client.id)


def _of_billing(model: Any, column: Any) -> Any:  # noqa: ANN401 (a table that billing points to)
    return and_(model.reseller_id == ClientBilling.reseller_id, model.id == column)


# in the order in which they may stand
_SOURCES: dict[str, tuple[Any, Any]] = {
    "reseller": (Reseller, Reseller.id == Client.reseller_id),
    "balance": (ClientBalance, _of_client(ClientBalance)),
    "billing": (ClientBilling, _of_client(ClientBilling)),
    "terms": (PaymentTerms, _of_billing(PaymentTerms, ClientBilling.payment_terms_id)),
    "taxes": (TaxProfile, _of_billing(TaxProfile, ClientBilling.tax_profile_id)),
    "template": (
        InvoiceTemplate,
        _of_billing(InvoiceTemplate, ClientBilling.invoice_template_id),
    ),
    "low": (ClientLowBalance, _of_client(ClientLowBalance)),
    "auto": (ClientAutoPayment, _of_client(ClientAutoPayment)),
    "company": (ClientCompany, _of_client(ClientCompany)),
    "login": (ClientLogin, _of_client(ClientLogin)),
}
_NEEDED_FIRST = {"terms": "billing", "taxes": "billing", "template": "billing"}

_TAGS = (
    select(func.string_agg(Tag.name, literal(", ")))
    .select_from(ClientTag)
    .join(Tag, and_(Tag.reseller_id == ClientTag.reseller_id, Tag.id == ClientTag.tag_id))
    .where(ClientTag.reseller_id == Client.reseller_id, ClientTag.client_id == Client.id)
    .correlate(Client)
    .scalar_subquery()
)
_ROLE = case(
    (and_(Client.is_originator, Client.is_terminator), "both"),
    (Client.is_terminator, "term"),
    else_="orig",
)


def _company(key: str, name: str = "") -> Column:
    return Column(key, "text", getattr(ClientCompany, name or key), "company")


_COLUMNS: dict[str, Column] = {
    one.key: one
    for one in (
        Column("id", "whole", Client.id),
        Column("name", "text", Client.name),
        Column("reseller", "text", Reseller.name, "reseller"),
        Column("currency", "text", Client.currency),
        Column("timezone", "text", Client.timezone),
        Column("status", "text", Client.status),
        Column("role", "text", _ROLE),
        Column("tags", "text", _TAGS),
        Column(
            "available",
            "amount",
            case((ClientBalance.postpaid, None), else_=ClientBalance.live + ClientBalance.credit),
            "balance",
        ),
        Column("live", "amount", ClientBalance.live, "balance"),
        Column("fixed", "amount", ClientBalance.fixed, "balance"),
        Column("postpaid", "flag", ClientBalance.postpaid, "balance"),
        Column("credit", "amount", ClientBalance.credit, "balance"),
        Column("terms", "text", PaymentTerms.name, "terms"),
        Column("tax_profile", "text", TaxProfile.name, "taxes"),
        Column("notify_client", "amount", ClientLowBalance.notify_client, "low"),
        Column("notify_admin", "amount", ClientLowBalance.notify_admin, "low"),
        Column("threshold", "amount", ClientLowBalance.threshold, "low"),
        Column("low_capacity", "whole", ClientLowBalance.low_capacity, "low"),
        Column(
            "autoinvoicing", "flag", func.coalesce(ClientBilling.autoinvoicing, False), "billing"
        ),
        Column("invoice_template", "text", InvoiceTemplate.name, "template"),
        Column("last_invoiced", "day", ClientBilling.last_invoiced_on, "billing"),
        Column("auto_payment", "flag", func.coalesce(ClientAutoPayment.enabled, False), "auto"),
        Column("extra_amount", "amount", ClientAutoPayment.extra_amount, "auto"),
        Column("day_cap", "amount", ClientAutoPayment.day_cap, "auto"),
        Column("month_cap", "amount", ClientAutoPayment.month_cap, "auto"),
        Column("panel", "flag", func.coalesce(ClientLogin.enabled, False), "login"),
        Column("login", "text", ClientLogin.login, "login"),
        _company("company", "company_name"),
        _company("main_email"),
        _company("noc_email"),
        _company("billing_email"),
        _company("rates_email"),
        Column(
            "notify_factors_watcher",
            "flag",
            func.coalesce(ClientCompany.notify_factors_watcher, False),
            "company",
        ),
        _company("address"),
        _company("zip_code"),
        _company("tax_id"),
        _company("reg_id"),
        _company("account_details"),
        _company("locale"),
        Column("created", "instant", Client.created_at),
    )
}
