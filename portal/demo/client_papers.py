"""Papers of a demo client besides its invoices: a credit note, and invoices that it sent to us."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from billing import credit_notes, incoming_invoices, invoice_voiding
from billing.incoming_invoices import Incoming, IncomingLine, Upload
from billing.invoice_models import Invoice
from core.clock import now
from core.db import Session
from core.money import minor_amount
from portal.demo.plan import ClientPlan, Fate, ResellerPlan, demo_id

CREDITED = (5, 35)
"""Clients that were invoiced too much once, by their numbers."""


def credit(
    session: Session, reseller: ResellerPlan, plan: ClientPlan, invoices: Sequence[Invoice]
) -> None:
    """A third of the client's first invoice is taken back."""
    if plan.number in CREDITED and invoices:
        first = invoices[0]
        credit_notes.create_credit_note(
            session,
            credit_note_id=demo_id(reseller.code, plan.number, "credit note"),
            invoice_id=first.id,
            amount=minor_amount(first.total / 3, reseller.currency),
            reason="Fewer channels were in use than we invoiced",
        )


def receive(session: Session, reseller: ResellerPlan, plan: ClientPlan, client_id: int) -> None:
    """What it has invoiced for the minutes that it sells to us: the months before this one."""
    last_on = now().date().replace(day=1) - timedelta(days=1)
    for number, fate in enumerate(plan.sells):
        days = (last_on.replace(day=1), last_on)
        _receive_one(session, reseller, plan, client_id, number=number, fate=fate, days=days)
        last_on = days[0] - timedelta(days=1)


def _receive_one(
    session: Session,
    reseller: ResellerPlan,
    plan: ClientPlan,
    client_id: int,
    *,
    number: int,
    fate: Fate,
    days: tuple[date, date],
) -> None:
    first_on, last_on = days
    invoice_id = demo_id(reseller.code, plan.number, "incoming", number)
    lines = [
        IncomingLine(text, _price(reseller, rate, minutes), Decimal(minutes))
        for text, rate, minutes in (
            ("Termination, Germany mobile", "0.0131", 38_400 + 1_700 * number),
            ("Termination, United Kingdom fixed", "0.0042", 51_250 - 400 * plan.number),
        )
    ]
    net = sum((line.net for line in lines), Decimal())
    tax = minor_amount(net * Decimal(reseller.tax[1]) / 100, reseller.currency)
    incoming_invoices.create_incoming(
        session,
        invoice_id=invoice_id,
        client_id=client_id,
        incoming=Incoming(
            number=f"{plan.name[:3].upper()}-{first_on:%Y%m}",
            first_on=first_on,
            last_on=last_on,
            invoice_on=last_on + timedelta(days=1),
            due_on=last_on + timedelta(days=31),
            total=net + tax,
            tax=tax,
            tax_name=reseller.tax[0],
            lines=lines,
        ),
        upload=_calls(reseller, plan, number, lines),
        accept=fate in ("paid", "accepted"),
    )
    if fate == "paid":
        incoming_invoices.set_settled(session, invoice_id, is_settled=True)
    elif fate == "void":
        invoice_voiding.void_invoice(session, invoice_id, reason="Their copy: it came twice")


def _price(reseller: ResellerPlan, rate: str, minutes: int) -> Decimal:
    return minor_amount(Decimal(rate) * minutes * reseller.price_level, reseller.currency)


def _calls(
    reseller: ResellerPlan, plan: ClientPlan, number: int, lines: Sequence[IncomingLine]
) -> Upload:
    rows = [
        "destination,minutes,amount",
        *(f"{one.description.replace(',', '')},{one.quantity},{one.net}" for one in lines),
    ]
    return Upload(
        demo_id(reseller.code, plan.number, "incoming file", number),
        "calls.csv",
        "\n".join(rows).encode(),
    )
