"""Invoices: made from a client's charges in one transaction, issued, filed and mailed."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from billing import allocation, ledger, numbers, schedule, tax_filings
from billing.client_billing import LockedClient, lock_client
from billing.invoice_contents import (
    Contents,
    list_lines,
    list_taxes,
    read_contents,
    read_parties,
    write_contents,
)
from billing.invoice_document import make_document
from billing.invoice_drawing import draw_invoice
from billing.invoice_models import Invoice
from billing.ledger import EntryKind
from billing.periods import Period, due_date, local_midnight
from billing.suretax_requests import needs_suretax
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvariantError, NotFoundError
from tenants import audit
from tenants.files import create_file, get_file
from tenants.models import File

OUTGOING, INCOMING = "outgoing", "incoming"
# signs that a file's name cannot hold everywhere
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")


def create_invoice(
    session: Session,
    *,
    invoice_id: UUID,
    client_id: int,
    period: Period,
    autoinvoice: bool,
    invoice_on: date | None = None,
    is_taxed: bool = False,
) -> Invoice | None:
    """Invoice every charge dated before the end of `period` that no invoice holds yet.

    None when they come to zero or less: nothing is to be paid, and the charges wait for the next
    invoice. Last Invoiced moves on in the same transaction. An automatic invoice is dated at the
    period's boundary and issued at once; one made by hand is dated now, or at the midnight of
    `invoice_on`, and waits to be verified. The same id gives the invoice made before.
    Raises NotFoundError, ConflictError for a period that an invoice covers already, and for a
    client of SureTax unless `is_taxed` says that its taxes are charged (`tax_waits.make_invoice`).
    """
    known = find_invoice(session, invoice_id)
    if known is not None:
        return check_repeated(known, client_id, period)
    locked = lock_client(session, client_id)
    contents = read_contents(session, client_id, locked.balance.currency, period.ends_at)
    is_charged = contents.totals.total > 0
    if is_charged and not is_taxed and needs_suretax(session, locked.client, contents):
        raise ConflictError("SureTax has to say the taxes of this invoice first.")
    return write_invoice(
        session,
        locked,
        contents,
        invoice_id=invoice_id,
        period=period,
        autoinvoice=autoinvoice,
        invoice_on=invoice_on,
    )


def write_invoice(
    session: Session,
    locked: LockedClient,
    contents: Contents,
    *,
    invoice_id: UUID,
    period: Period,
    autoinvoice: bool,
    invoice_on: date | None = None,
) -> Invoice | None:
    """`create_invoice` of what was read under the client's locks, its taxes being charged.

    Raises ConflictError for a period that an invoice covers already.
    """
    check_free(session, locked.client.id, period)
    if contents.totals.total <= 0:
        return None
    dated = _dated(period, locked.zone, autoinvoice=autoinvoice, invoice_on=invoice_on)
    invoice = _insert(session, invoice_id, locked, period, contents, dated, autoinvoice=autoinvoice)
    write_contents(session, invoice, contents, locked.zone)
    schedule.advance(session, locked.billing, period, locked.zone)
    record(session, invoice, "create", {"total": (None, invoice.total)})
    if autoinvoice:
        # what SureTax said of it is written after it, as of an issued one
        _issue(session, invoice)
    return invoice


def issue(session: Session, invoice_id: UUID) -> Invoice:
    """Verified: the invoice moves Fixed, takes the payments that wait, and is to be sent.

    One that came to us is accepted: it moves Fixed the other way and is sent to nobody. Issuing
    again changes nothing. Raises NotFoundError, ConflictError for a void one.
    """
    invoice = lock_invoice(session, invoice_id)
    if invoice.state == "void":
        raise ConflictError("Invoice %(number)s is void.", number=invoice.number)
    if invoice.state == "to_verify":
        if invoice.direction == INCOMING:
            _accept(session, invoice)
        else:
            _issue(session, invoice)
            tax_filings.mark_issued(session, invoice)
    return invoice


def lock_invoice(session: Session, invoice_id: UUID) -> Invoice:
    """The invoice as it is now, under its client's balance lock, which every change takes first.

    Raises NotFoundError.
    """
    client_id = get_invoice(session, invoice_id).client_id
    ledger.lock_balance(session, client_id)
    return session.scalars(
        select(Invoice).where(Invoice.id == invoice_id).execution_options(populate_existing=True)
    ).one()


def get_invoice(session: Session, invoice_id: UUID) -> Invoice:
    """Raises NotFoundError, also for one of another tenant."""
    invoice = find_invoice(session, invoice_id)
    if invoice is None:
        raise NotFoundError("Invoice not found.")
    return invoice


def find_invoice(session: Session, invoice_id: UUID) -> Invoice | None:
    return session.get(Invoice, invoice_id)


def store_file(session: Session, invoice_id: UUID) -> File:
    """The invoice's PDF: drawn and stored the first time, the same bytes ever after.

    It is drawn before the invoice is locked; of two at once the first one's bytes stay. Raises
    NotFoundError, ConflictError for an invoice that waits to be verified.
    """
    invoice = get_invoice(session, invoice_id)
    if invoice.issued_at is None:
        raise ConflictError("This invoice waits to be verified.")
    if invoice.file_id is not None:
        return get_file(session, invoice.file_id)
    if invoice.direction == INCOMING:
        raise ConflictError("No file is attached to this invoice.")
    document = make_document(
        invoice,
        list_lines(session, invoice_id),
        list_taxes(session, invoice_id),
        read_logo(session, invoice),
    )
    content = draw_invoice(session, invoice, document)
    first_id = session.scalar(
        select(Invoice.file_id).where(Invoice.id == invoice_id).with_for_update()
    )
    if first_id is not None:
        session.refresh(invoice)
        return get_file(session, first_id)
    file = create_file(
        session,
        reseller_id=invoice.reseller_id,
        client_id=invoice.client_id,
        name=f"{_NOT_IN_NAMES.sub('_', invoice.number)}.pdf",
        media_type="application/pdf",
        content=content,
    )
    invoice.file_id = file.id
    session.flush()
    return file


def read_logo(session: Session, invoice: Invoice) -> bytes | None:
    """The logo that the invoice names."""
    # an invoice that was made before there were logos names none
    logo_id = invoice.parties.get("logo_file_id")
    return None if logo_id is None else get_file(session, UUID(logo_id)).content


def get_open_amount(session: Session, client_id: int, *, due_until: date | None = None) -> Decimal:
    """What is open on the client's issued invoices, in its currency.

    With `due_until` only on those due on that day or before it.
    """
    wanted = select(func.coalesce(func.sum(Invoice.total - Invoice.paid), 0)).where(
        Invoice.client_id == client_id,
        Invoice.direction == OUTGOING,
        Invoice.issued_at.is_not(None),
        Invoice.paid < Invoice.total,
    )
    if due_until is not None:
        wanted = wanted.where(Invoice.due_on <= due_until)
    return Decimal(session.scalar(wanted) or 0)


@dataclass(frozen=True, slots=True)
class _Dates:
    """When an invoice is dated: the instant, and its day in the client's zone."""

    at: datetime
    on: date


def _dated(period: Period, zone: ZoneInfo, *, autoinvoice: bool, invoice_on: date | None) -> _Dates:
    if invoice_on is not None:
        return _Dates(local_midnight(invoice_on, zone), invoice_on)
    if autoinvoice:
        return _Dates(period.ends_at, period.boundary_on)
    at = now()
    return _Dates(at, at.astimezone(zone).date())


def _insert(
    session: Session,
    invoice_id: UUID,
    locked: LockedClient,
    period: Period,
    contents: Contents,
    dated: _Dates,
    *,
    autoinvoice: bool,
) -> Invoice:
    client, balance, totals = locked.client, locked.balance, contents.totals
    parties = read_parties(session, client, contents.precision)
    # last of all: nobody of this reseller gets a number until this transaction ends
    number = numbers.take_number(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        invoice_on=dated.on,
        direction=OUTGOING,
    )
    invoice = Invoice(
        id=invoice_id,
        reseller_id=client.reseller_id,
        client_id=client.id,
        direction=OUTGOING,
        number=number.text,
        running_number=number.running,
        state="to_verify",
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        first_on=period.first_on,
        last_on=period.last_on,
        timezone=client.timezone,
        invoiced_at=dated.at,
        invoice_on=dated.on,
        due_on=due_date(dated.on, 0 if locked.terms is None else locked.terms.grace_days),
        currency=balance.currency,
        net=totals.net,
        tax=totals.tax,
        rounding=totals.rounding,
        total=totals.total,
        balance_before=balance.fixed,
        balance_after=balance.fixed - totals.total,
        parties=parties,
        autoinvoice=autoinvoice,
    )
    session.add(invoice)
    session.flush()
    return invoice


def _accept(session: Session, invoice: Invoice) -> None:
    _post(session, invoice, -invoice.total)
    invoice.state = "normal"
    session.flush()
    record(session, invoice, "accept", {"state": ("to_verify", "normal")})


def _post(session: Session, invoice: Invoice, owed: Decimal) -> None:
    """Take what the client owes by it, signed, from Fixed; it counts from now on."""
    posted = ledger.post(
        session,
        ledger.Posting(
            reseller_id=invoice.reseller_id,
            client_id=invoice.client_id,
            kind=EntryKind.INVOICE,
            source_id=invoice.id,
            currency=invoice.currency,
            effective_at=invoice.invoiced_at,
            description=invoice.number,
            lines=ledger.invoice_lines(owed),
        ),
    )
    if posted is None:
        raise InvariantError("an invoice that waits to be verified was posted before")
    invoice.issued_at = now()
    invoice.balance_before = posted.fixed + owed
    invoice.balance_after = posted.fixed


def _issue(session: Session, invoice: Invoice) -> None:
    _post(session, invoice, invoice.total)
    invoice.state = "to_send"
    session.flush()
    record(session, invoice, "issue", {"state": ("to_verify", "to_send")})
    allocation.allocate(session, invoice.reseller_id, invoice.client_id, is_open=True)
    jobs.enqueue(
        session,
        "billing.finish_invoice",
        reseller_id=invoice.reseller_id,
        invoice_id=str(invoice.id),
    )


def check_free(session: Session, client_id: int, period: Period) -> None:
    """Raises ConflictError when an invoice covers days of the period already."""
    taken = session.scalar(
        select(Invoice.number).where(
            Invoice.client_id == client_id,
            Invoice.direction == OUTGOING,
            Invoice.state != "void",
            Invoice.starts_at < period.ends_at,
            Invoice.ends_at > period.starts_at,
        )
    )
    if taken is not None:
        raise ConflictError("Invoice %(number)s covers days of this period already.", number=taken)


def check_repeated(known: Invoice, client_id: int, period: Period) -> Invoice:
    """The invoice that this id has made; raises ConflictError for one of other content."""
    if known.client_id != client_id or known.ends_at != period.ends_at:
        raise ConflictError("This form was sent before with other content.")
    return known


def record(
    session: Session, invoice: Invoice, action: str, changes: dict[str, tuple[object, object]]
) -> None:
    """Say in the audit log what was done to the invoice."""
    audit.record(
        session,
        reseller_id=invoice.reseller_id,
        client_id=invoice.client_id,
        action=action,
        object_type="invoice",
        object_id=invoice.id,
        object_label=invoice.number,
        changes=changes,
    )
