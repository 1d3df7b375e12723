"""Credit notes: an issued invoice taken back in part or as a whole, in both books."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import allocation, ledger, numbers, tax_filings
from billing.correction_models import CreditNote
from billing.invoice_contents import TaxLine, list_taxes
from billing.invoice_figures import kept_precision
from billing.invoice_models import Invoice
from billing.invoice_voiding import checked_reason
from billing.invoices import OUTGOING, get_invoice, lock_invoice
from billing.ledger import EntryKind
from billing.transaction_rows import author
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, InvariantError, NotFoundError
from core.money import LEDGER_PLACES, ROUNDING, minor_amount, round_amount
from tenants import audit

JOB = "billing.finish_credit_note"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a credit note takes back: net + tax + rounding = total, the taxes sum to `tax`."""

    net: Decimal
    tax: Decimal
    rounding: Decimal
    total: Decimal
    taxes: Sequence[TaxLine]


def split(
    net: Decimal, total: Decimal, taxes: Sequence[TaxLine], *, before: Decimal, amount: Decimal
) -> Parts:
    """The part of an invoice that `amount` of its `total` is, after `before` was credited.

    Each figure is the difference of two shares, both counted from the beginning: whatever the
    steps, credit notes that come to the whole invoice take back exactly its figures.
    """

    def part(figure: Decimal) -> Decimal:
        shares = [
            round_amount(ROUNDING.divide(figure * upto, total), LEDGER_PLACES)
            for upto in (before, before + amount)
        ]
        return shares[1] - shares[0]

    rows = [TaxLine(one.name, one.percent, part(one.base), part(one.amount)) for one in taxes]
    tax = sum((row.amount for row in rows), Decimal())
    part_of_net = part(net)
    return Parts(part_of_net, tax, amount - part_of_net - tax, amount, rows)


def preview(session: Session, invoice_id: UUID, amount: Decimal | None) -> Parts:
    """What a credit note of `amount` would take back, None: of all that is left; writes nothing.

    Raises as `create_credit_note`.
    """
    invoice = get_invoice(session, invoice_id)
    return _parts(session, invoice, _checked_amount(invoice, amount))


def create_credit_note(
    session: Session, *, credit_note_id: UUID, invoice_id: UUID, amount: Decimal | None, reason: str
) -> CreditNote:
    """Take `amount` of an issued invoice back, None: all that is left; it settles the invoice.

    Where payments had settled it already, as much of them is free again and goes to what else is
    open. The same id gives the note made before. Raises NotFoundError, InvalidInputError naming
    the field, ConflictError for an invoice that is not issued or is void.
    """
    reason = checked_reason(reason)
    invoice = lock_invoice(session, invoice_id)
    known = session.scalar(select(CreditNote).where(CreditNote.id == credit_note_id))
    if known is not None:
        if known.invoice_id != invoice_id:
            raise ConflictError("This form was sent before with other content.")
        return known
    parts = _parts(session, invoice, _checked_amount(invoice, amount))
    note = _insert(session, credit_note_id, invoice, parts, reason)
    _post(session, note)
    _settle(session, invoice, note.total)
    tax_filings.tell_of_credit(session, invoice, note=note.number, tax=note.tax)
    jobs.enqueue(session, JOB, reseller_id=note.reseller_id, credit_note_id=str(note.id))
    audit.record(
        session,
        reseller_id=note.reseller_id,
        client_id=note.client_id,
        action="create",
        object_type="credit_note",
        object_id=note.id,
        object_label=note.number,
        changes={
            "invoice": (None, invoice.number),
            "total": (None, note.total),
            "reason": (None, reason),
        },
    )
    return note


def list_credit_notes(session: Session, invoice_id: UUID) -> list[CreditNote]:
    """Those of an invoice, oldest first."""
    return list(
        session.scalars(
            select(CreditNote)
            .where(CreditNote.invoice_id == invoice_id)
            .order_by(CreditNote.running_number)
        )
    )


def get_credit_note(session: Session, credit_note_id: UUID) -> CreditNote:
    """Raises NotFoundError, also for one of another tenant."""
    note = session.scalar(select(CreditNote).where(CreditNote.id == credit_note_id))
    if note is None:
        raise NotFoundError("Credit note not found.")
    return note


def _checked_amount(invoice: Invoice, amount: Decimal | None) -> Decimal:
    if invoice.issued_at is None or invoice.direction != OUTGOING:
        raise ConflictError("Only an issued invoice can be credited.")
    if invoice.state == "void":
        raise ConflictError("Invoice %(number)s is void.", number=invoice.number)
    left = invoice.total - invoice.credited
    if left <= 0:
        raise ConflictError("Invoice %(number)s is credited in full.", number=invoice.number)
    if amount is None:
        return left
    if not amount.is_finite() or amount <= 0:
        raise InvalidInputError("Enter an amount above zero.", "amount")
    if amount > left:
        raise InvalidInputError(
            "At most %(left)s is left to credit.",
            "amount",
            left=minor_amount(left, invoice.currency),
        )
    places = kept_precision(invoice.parties, invoice.currency).totals
    # what an invoice of another precision left over is taken back as it is
    if amount not in (round_amount(amount, places), left):
        raise InvalidInputError("The amount has too many decimals for its currency.", "amount")
    return amount


def _parts(session: Session, invoice: Invoice, amount: Decimal) -> Parts:
    taxes = list_taxes(session, invoice.id)
    return split(invoice.net, invoice.total, taxes, before=invoice.credited, amount=amount)


def _insert(
    session: Session, note_id: UUID, invoice: Invoice, parts: Parts, reason: str
) -> CreditNote:
    at = now()
    on: date = at.astimezone(ZoneInfo(invoice.timezone)).date()
    number = numbers.take_number(
        session,
        reseller_id=invoice.reseller_id,
        client_id=invoice.client_id,
        invoice_on=on,
        direction=numbers.CREDIT_NOTES,
    )
    note = session.scalar(
        insert(CreditNote)
        .values(
            id=note_id,
            reseller_id=invoice.reseller_id,
            client_id=invoice.client_id,
            invoice_id=invoice.id,
            number=number.text,
            running_number=number.running,
            issued_at=at,
            issued_on=on,
            currency=invoice.currency,
            net=parts.net,
            tax=parts.tax,
            rounding=parts.rounding,
            total=parts.total,
            taxes=[_stored(tax) for tax in parts.taxes],
            reason=reason,
            author=author(),
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(CreditNote)
        .execution_options(synchronize_session=False)
    )
    if note is None:
        # another tenant's, which our look before did not see
        raise ConflictError("This form was sent before with other content.")
    return note


def _stored(tax: TaxLine) -> dict[str, Any]:
    return {
        "name": tax.name,
        "percent": str(tax.percent),
        "base": str(tax.base),
        "amount": str(tax.amount),
    }


def _post(session: Session, note: CreditNote) -> None:
    posted = ledger.post(
        session,
        ledger.Posting(
            reseller_id=note.reseller_id,
            client_id=note.client_id,
            kind=EntryKind.CREDIT_NOTE,
            source_id=note.id,
            currency=note.currency,
            effective_at=note.issued_at,
            description=note.number,
            lines=ledger.credit_lines(note.net, note.tax, note.total),
        ),
    )
    if posted is None:
        raise InvariantError("a new credit note was posted before")


def _settle(session: Session, invoice: Invoice, amount: Decimal) -> None:
    """Put the note on its invoice, in the place of payments where it was settled already."""
    too_much = amount - (invoice.total - invoice.paid)
    if too_much > 0:
        allocation.release_invoice(session, invoice, amount=too_much)
    invoice.credited += amount
    invoice.paid += amount
    session.flush()
    allocation.allocate(session, invoice.reseller_id, invoice.client_id)
