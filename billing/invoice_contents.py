"""What stands on an invoice: the charges it takes, its lines, taxes, totals and parties."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import aliased

from billing.currencies import Precision, client_precision, precision_for
from billing.invoice_format import InvoiceFormatter
from billing.invoice_look import look_as_json
from billing.invoice_models import Invoice, InvoiceLine, InvoiceTax
from billing.invoice_templates import get_client_look
from billing.models import Transaction
from billing.package_models import UsageCharge
from billing.payment_accounts import printed_details
from billing.taxes import (
    InvoiceTotals,
    TaxAmount,
    TaxedAmount,
    TaxMode,
    round_invoice_totals,
    sum_taxes,
)
from billing.usage_lines import gather_usage
from core.db import Session
from core.errors import InvalidInputError, InvariantError
from core.money import round_amount
from tenants.client_blocks import get_company
from tenants.logos import find_logo
from tenants.models import Client, Reseller
from tenants.resellers import get_reseller

RATE_PLACES = 10
# the order of the groups on paper, and what a charge without a description is called
_GROUPS = {
    "package_fee": "Package fee",
    "services_charge": "Services",
    "extra_charge": "Extra charge",
}


@dataclass(frozen=True, slots=True)
class Charge:
    """One approved charge that no invoice holds yet; a reversal has negative amounts.

    `unit` is what usage is counted in; None for what is no usage.
    """

    id: UUID
    kind: str
    description: str
    quantity: Decimal | None
    tax_mode: str
    net: Decimal
    tax: Decimal
    total: Decimal
    tax_details: dict[str, Any]
    dated_at: datetime
    is_reversal: bool = False
    unit: str | None = None

    @property
    def is_tax_only(self) -> bool:
        """The taxes that SureTax computed: they stand in the tax table, not among the lines."""
        return not self.net and "suretax" in self.tax_details


@dataclass(frozen=True, slots=True)
class Contents:
    """The charges of an invoice, what they come to, and the decimals that it is printed with."""

    charges: Sequence[Charge]
    totals: InvoiceTotals
    precision: Precision


@dataclass(frozen=True, slots=True)
class Line:
    """One stored line; `group` is the kind of its charge, amounts in the invoice's currency."""

    group: str
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One stored row of the tax table."""

    name: str
    percent: Decimal
    base: Decimal
    amount: Decimal


def read_contents(session: Session, client_id: int, currency: str, before: datetime) -> Contents:
    """Every charge of the client dated before `before` and not invoiced yet, and the totals.

    A reversal counts at the date of what it reverses, so that the two meet on one invoice.
    """
    charges = _list_unbilled(session, client_id, before)
    taxes = sum_taxes(_as_taxed(charge) for charge in charges)
    precision = precision_for(session, client_id, currency)
    totals = round_invoice_totals(
        [charge.net for charge in charges],
        taxes,
        currency,
        total_places=precision.totals,
    )
    if totals.tax != sum((charge.tax for charge in charges), Decimal()):
        raise InvariantError("the taxes of the charges and of their invoice differ")
    return Contents(charges, totals, precision)


def write_contents(session: Session, invoice: Invoice, contents: Contents, zone: ZoneInfo) -> None:
    """The lines and taxes of a new invoice; its charges are marked as invoiced."""
    owner = {
        "reseller_id": invoice.reseller_id,
        "client_id": invoice.client_id,
        "invoice_id": invoice.id,
    }
    printed = [charge for charge in contents.charges if not charge.is_tax_only]
    lines = [
        _line(charge, zone, invoice.first_on)
        for charge in gather_usage(printed, zone, invoice.first_on)
    ]
    connection = session.connection()
    connection.exec_driver_sql(
        _INSERT_LINES,
        (*owner.values(), *([line[name] for line in lines] for name in _LINE_COLUMNS)),
    )
    if contents.totals.taxes:
        connection.execute(
            insert(InvoiceTax),
            [
                {
                    **owner,
                    "line_no": number,
                    "name": tax.name,
                    "percent": tax.percent,
                    "base": tax.base,
                    "amount": tax.amount,
                }
                for number, tax in enumerate(contents.totals.taxes, 1)
            ],
        )
    marked = connection.execute(
        update(Transaction)
        .where(
            Transaction.reseller_id == invoice.reseller_id,
            # one array: the same statement for any number of charges
            Transaction.id
            == any_(bindparam(None, [charge.id for charge in contents.charges], ARRAY(Uuid))),
            Transaction.invoice_id.is_(None),
        )
        .values(invoice_id=invoice.id)
    )
    if marked.rowcount != len(contents.charges):
        raise InvariantError("a charge went on another invoice meanwhile")


_LINE_COLUMNS = (
    "group", "description", "quantity", "unit_price", "net", "tax", "transaction_id",
)  # fmt: skip
# one statement, the same for any number of lines
_INSERT_LINES = (
    'insert into invoice_lines (reseller_id, client_id, invoice_id, "group", description, quantity,'
    " unit_price, net, tax, transaction_id, line_no)"
    " select %s, %s, %s, line.* from unnest(%s::text[], %s::text[], %s::numeric[], %s::numeric[],"
    " %s::numeric[], %s::numeric[], %s::uuid[]) with ordinality line"
)


def list_lines(session: Session, invoice_id: UUID) -> list[Line]:
    """The lines as printed, in their order."""
    rows = session.execute(
        select(
            InvoiceLine.group,
            InvoiceLine.description,
            InvoiceLine.quantity,
            InvoiceLine.unit,
            InvoiceLine.unit_price,
            InvoiceLine.net,
            InvoiceLine.tax,
        )
        .where(InvoiceLine.invoice_id == invoice_id)
        .order_by(InvoiceLine.line_no)
    )
    return [Line(*row) for row in rows]


def list_taxes(session: Session, invoice_id: UUID) -> list[TaxLine]:
    """The tax table as printed."""
    rows = session.execute(
        select(InvoiceTax.name, InvoiceTax.percent, InvoiceTax.base, InvoiceTax.amount)
        .where(InvoiceTax.invoice_id == invoice_id)
        .order_by(InvoiceTax.line_no)
    )
    return [TaxLine(*row) for row in rows]


def read_parties(
    session: Session, client: Client, precision: Precision | None = None
) -> dict[str, Any]:
    """Seller, buyer and the look as they are now, to be kept with the invoice.

    `precision` is that of its figures, by default that of the client's balance.
    """
    reseller = get_reseller(session, client.reseller_id)
    company = get_company(session, client.id)
    look = get_client_look(session, client)
    seller = seller_facts(session, reseller)
    ways = [reseller.account_details, *printed_details(session, reseller.id, client.id)]
    seller["seller"]["account_details"] = "\n".join(way for way in ways if way)
    return {
        "locale": _known_locale(look.locale or company.locale or reseller.locale),
        "look": look_as_json(look),
        "precision": asdict(precision or client_precision(session, client.id)),
        **seller,
        "buyer": {
            "client_id": client.id,
            "name": company.company_name or client.name,
            "address": company.address,
            "zip_code": company.zip_code,
            "tax_id": company.tax_id,
            "reg_id": company.reg_id,
            "account_details": company.account_details,
        },
    }


def seller_facts(session: Session, reseller: Reseller) -> dict[str, Any]:
    """The reseller's part of the parties: who sells, in which colours, and where to pay."""
    logo = find_logo(session, reseller.id)
    return {
        "seller_locale": reseller.locale,
        "brand_color": reseller.brand_color,
        "logo_file_id": None if logo is None else str(logo.file_id),
        "portal_host": reseller.portal_host or "",
        "seller": {
            "name": reseller.company_name or reseller.name,
            "address": reseller.address,
            "zip_code": reseller.zip_code,
            "tax_id": reseller.tax_id,
            "reg_id": reseller.reg_id,
            "email": reseller.email,
            "account_details": reseller.account_details,
        },
    }


def _unbilled_charges() -> Select[*tuple[Any, ...]]:
    original = aliased(Transaction)
    # never joined: no charge may come twice
    unit = (
        select(UsageCharge.unit)
        .where(
            UsageCharge.reseller_id == Transaction.reseller_id,
            UsageCharge.transaction_id == Transaction.id,
        )
        .limit(1)
        .correlate(Transaction)
        .scalar_subquery()
    )
    billed_at = func.coalesce(original.dated_at, Transaction.dated_at)
    return (
        select(
            Transaction.id,
            Transaction.kind,
            Transaction.description,
            Transaction.quantity,
            Transaction.tax_mode,
            Transaction.net,
            Transaction.tax,
            Transaction.total,
            Transaction.tax_details,
            Transaction.dated_at,
            Transaction.reverses_id.is_not(None).label("is_reversal"),
            unit,
        )
        .outerjoin(
            original,
            and_(
                original.reseller_id == Transaction.reseller_id,
                original.id == Transaction.reverses_id,
            ),
        )
        .where(
            Transaction.client_id == bindparam("client"),
            Transaction.type == "charge",
            Transaction.status == "approved",
            Transaction.invoice_id.is_(None),
            billed_at < bindparam("before"),
        )
        .order_by(billed_at, Transaction.dated_at, Transaction.id)
    )


# built once: with its alias it takes longer to build than to run
_UNBILLED = _unbilled_charges()


def _list_unbilled(session: Session, client_id: int, before: datetime) -> list[Charge]:
    rows = session.execute(_UNBILLED, {"client": client_id, "before": before})
    groups = list(_GROUPS)
    return sorted((Charge(*row) for row in rows), key=lambda charge: groups.index(charge.kind))


def _as_taxed(charge: Charge) -> TaxedAmount:
    taxes = tuple(
        TaxAmount(
            tax["name"],
            Decimal(tax["percent"]),
            tax["priority"],
            Decimal(tax["base"]),
            Decimal(tax["amount"]),
        )
        for tax in charge.tax_details.get("taxes", ())
    )
    return TaxedAmount(TaxMode(charge.tax_mode), charge.net, taxes, charge.total, ())


def _line(charge: Charge, zone: ZoneInfo, first_on: date) -> dict[str, object]:
    quantity = Decimal(1) if charge.quantity is None else charge.quantity
    description = charge.description or _GROUPS[charge.kind]
    # what a package gives back says so itself
    if charge.net < 0 and charge.is_reversal:
        description = f"Reversal: {description}"
    charged_on = charge.dated_at.astimezone(zone).date()
    if charged_on < first_on:
        # it came after the invoice of its own days was made
        description = f"{description} ({charged_on.isoformat()})"
    return {
        "group": charge.kind,
        "description": description,
        "quantity": quantity,
        "unit_price": round_amount(charge.net / quantity, RATE_PLACES),
        "net": charge.net,
        "tax": charge.tax,
        "transaction_id": charge.id,
    }


def _known_locale(locale: str) -> str:
    """A locale that invoices can be written in; English when nobody speaks this one."""
    try:
        return str(InvoiceFormatter.create(locale, "USD").locale)
    except InvalidInputError:
        return "en"
