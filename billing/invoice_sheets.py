"""Invoices and statements as tables, for spreadsheets: figures as figures, days as days.

The words come from the caller, in the reader's language.
"""

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billing.correction_models import CreditNote
from billing.invoice_contents import list_lines, list_taxes
from billing.invoice_models import Invoice
from billing.models import Transaction
from billing.statements import Statement
from core.db import Session
from core.sheet_writer import Cell
from core.zones import get_zone

Say = Callable[[str], str]
_PIECE = 2_000
CHARGE_COLUMNS = (
    "Date",
    "Kind",
    "Description",
    "Quantity",
    "Net",
    "Tax",
    "Total",
    "Currency",
    "Taxes",
    "Reverses",
)


def invoice_rows(
    session: Session, invoice: Invoice, notes: Sequence[CreditNote], say: Say
) -> Iterator[list[Cell]]:
    """The facts of an invoice, its lines, its taxes and its totals, one below the other."""
    seller, buyer = invoice.parties["seller"], invoice.parties["buyer"]
    facts: list[tuple[str, Cell]] = [
        (say("Number"), invoice.number),
        (say("From"), seller["name"]),
        (say("To"), buyer["name"]),
        (say("Invoice date"), invoice.invoice_on),
        (say("Due"), invoice.due_on),
        (say("First day"), invoice.first_on),
        (say("Last day"), invoice.last_on),
        (say("Time zone"), invoice.timezone),
        (say("Currency"), invoice.currency),
    ]
    yield from ([label, value] for label, value in facts)
    yield []
    yield [say(one) for one in ("Description", "Quantity", "Unit", "Price", "Net", "Tax")]
    for line in list_lines(session, invoice.id):
        yield [line.description, line.quantity, line.unit, line.unit_price, line.net, line.tax]
    yield []
    for tax in list_taxes(session, invoice.id):
        yield [tax.name, tax.percent, "%", say("of"), tax.base, tax.amount]
    totals: list[tuple[str, Cell]] = [
        (say("Net"), invoice.net),
        (say("Tax"), invoice.tax),
        (say("Rounding"), invoice.rounding),
        (say("Total"), invoice.total),
        (say("Paid"), invoice.paid - invoice.credited),
        (say("Credited"), invoice.credited),
        (say("Still open"), invoice.total - invoice.paid),
    ]
    yield from ([label, "", "", "", value] for label, value in totals)
    for note in notes:
        yield [f"{say('Credit note')} {note.number}", note.issued_on, "", "", note.total]


def charge_rows(session: Session, invoice: Invoice) -> Iterator[list[Cell]]:
    """Every charge of an invoice as it was booked, in the order of its days."""
    zone: ZoneInfo = get_zone(invoice.timezone)
    after: tuple[object, UUID] | None = None
    while True:
        wanted = (
            select(Transaction)
            .where(
                Transaction.reseller_id == invoice.reseller_id,
                Transaction.invoice_id == invoice.id,
            )
            .order_by(Transaction.dated_at, Transaction.id)
            .limit(_PIECE)
        )
        if after is not None:
            at, last_id = after
            wanted = wanted.where(
                (Transaction.dated_at > at)
                | ((Transaction.dated_at == at) & (Transaction.id > last_id))
            )
        rows = session.scalars(wanted).all()
        if not rows:
            return
        for one in rows:
            taxes = one.tax_details.get("taxes", ())
            yield [
                one.dated_at.astimezone(zone).replace(tzinfo=None),
                one.kind,
                one.description,
                one.quantity,
                one.net,
                one.tax,
                one.total,
                one.currency,
                "; ".join(f"{tax['name']} {tax['percent']}%: {tax['amount']}" for tax in taxes),
                str(one.reverses_id or ""),
            ]
        after = rows[-1].dated_at, rows[-1].id
        session.expunge_all()


def statement_rows(statement: Statement, tell: Callable[[str, str], str]) -> Iterator[list[Cell]]:
    """Opening, every movement, closing. `tell` gives the word of a movement's kind."""
    yield [statement.first_on, tell("opening", ""), "", None, statement.opening]
    for one in statement.movements:
        yield [one.on, tell(one.kind, one.reverses), one.description, one.amount, one.balance]
    yield [statement.last_on, tell("closing", ""), "", None, statement.closing]
