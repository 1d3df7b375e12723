"""Voiding: an invoice that should not have been keeps its number and moves nothing any more."""

from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select, update

from billing import allocation, ledger, schedule, tax_filings, transactions
from billing.client_billing import lock_billing
from billing.invoice_contents import read_contents, read_parties, write_contents
from billing.invoice_models import Invoice, InvoiceLine, InvoiceTax
from billing.invoices import OUTGOING, lock_invoice, record
from billing.ledger import EntryKind
from billing.models import PaymentTerms, Transaction
from billing.periods import due_date
from billing.suretax_requests import needs_suretax
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, InvariantError
from tenants.clients import get_client

REASON_LENGTH = 500


def void_invoice(
    session: Session, invoice_id: UUID, *, reason: str, reopen: bool = False
) -> Invoice:
    """Take the invoice back: its posting is reversed, its payments and charges are free again.

    The charges wait for the next invoice. With `reopen` Last Invoiced moves back before its
    period, so that the same days are invoiced anew; only the client's last invoice can be reopened.
    Voiding a void one changes nothing. Raises NotFoundError, InvalidInputError without a reason,
    ConflictError for one with credit notes.
    """
    reason = checked_reason(reason)
    invoice = lock_invoice(session, invoice_id)
    if invoice.state == "void":
        return invoice
    if invoice.credited:
        raise ConflictError(
            "Credit notes correct invoice %(number)s already: credit what is left instead.",
            number=invoice.number,
        )
    before = invoice.state
    if invoice.issued_at is not None:
        _take_back(session, invoice)
    _free_charges(session, invoice)
    _take_back_taxes(session, invoice, reason)
    invoice.state, invoice.voided_at, invoice.void_reason = "void", now(), reason
    _draw_anew(session, invoice)
    session.flush()
    record(session, invoice, "void", {"state": (before, "void"), "reason": (None, reason)})
    if reopen:
        _reopen(session, invoice)
    allocation.allocate(session, invoice.reseller_id, invoice.client_id)
    return invoice


def _draw_anew(session: Session, invoice: Invoice) -> None:
    """Its file says that it is void; the one of before stays with the mails that carried it."""
    if invoice.issued_at is not None and invoice.direction == OUTGOING:
        invoice.file_id = None
        jobs.enqueue(
            session,
            "billing.finish_invoice",
            reseller_id=invoice.reseller_id,
            invoice_id=str(invoice.id),
        )


def regenerate(session: Session, invoice_id: UUID) -> Invoice:
    """Make an invoice that waits to be verified anew, from the charges and details as they are now.

    Its number, date and period stay. Raises NotFoundError, ConflictError for an issued one, or when
    nothing is left to pay.
    """
    invoice = lock_invoice(session, invoice_id)
    if invoice.state != "to_verify" or invoice.direction != OUTGOING:
        raise ConflictError("Only an invoice that waits to be verified can be made anew.")
    if tax_filings.find_filing(session, invoice.id) is not None:
        raise ConflictError(
            "SureTax computed the taxes of invoice %(number)s: void it and invoice its days anew.",
            number=invoice.number,
        )
    total = invoice.total
    _free_charges(session, invoice)
    for part in (InvoiceLine, InvoiceTax):
        session.execute(
            delete(part)
            .where(part.invoice_id == invoice.id)
            .execution_options(synchronize_session=False)
        )
    client = get_client(session, invoice.client_id)
    contents = read_contents(session, invoice.client_id, invoice.currency, invoice.ends_at)
    totals = contents.totals
    if needs_suretax(session, client, contents):
        raise ConflictError(
            "SureTax computes the taxes of this client now: void invoice %(number)s and invoice its"
            " days anew.",
            number=invoice.number,
        )
    if totals.total <= 0:
        raise ConflictError(
            "Nothing is left to pay on invoice %(number)s: void it instead.", number=invoice.number
        )
    invoice.net, invoice.tax = totals.net, totals.tax
    invoice.rounding, invoice.total = totals.rounding, totals.total
    invoice.parties = read_parties(session, client)
    invoice.balance_after = invoice.balance_before - totals.total
    invoice.due_on = due_date(invoice.invoice_on, _grace_days(session, invoice.client_id))
    session.flush()
    write_contents(session, invoice, contents, ZoneInfo(invoice.timezone))
    record(session, invoice, "regenerate", {"total": (total, invoice.total)})
    return invoice


def checked_reason(reason: str) -> str:
    """The reason on one line; raises InvalidInputError without one."""
    reason = " ".join(reason.split())
    if not reason:
        raise InvalidInputError("Enter the reason.", "reason")
    if len(reason) > REASON_LENGTH or not reason.isprintable():
        raise InvalidInputError("Use at most %(count)s characters.", "reason", count=REASON_LENGTH)
    return reason


def is_last_invoice(session: Session, invoice: Invoice) -> bool:
    """Whether no later period of the client is billed, so that this one can be reopened."""
    later = session.scalar(
        select(func.count()).where(
            Invoice.client_id == invoice.client_id,
            Invoice.direction == OUTGOING,
            Invoice.state != "void",
            Invoice.starts_at >= invoice.ends_at,
        )
    )
    return invoice.direction == OUTGOING and not later


def _take_back(session: Session, invoice: Invoice) -> None:
    """The opposite of its posting; what payments gave it is theirs again."""
    entry_id = ledger.find_entry_id(session, EntryKind.INVOICE, invoice.id)
    if entry_id is None:
        raise InvariantError("an issued invoice was never posted")
    posted = ledger.reverse(
        session,
        entry_id,
        source_id=invoice.id,
        effective_at=now(),
        description=f"Void: {invoice.number}",
    )
    if posted is None:
        raise InvariantError("an invoice that is not void was reversed before")
    allocation.release_invoice(session, invoice)
    invoice.paid = invoice.credited = max(invoice.total, invoice.paid)


def _free_charges(session: Session, invoice: Invoice) -> None:
    session.execute(
        update(Transaction)
        .where(
            Transaction.reseller_id == invoice.reseller_id,
            Transaction.invoice_id == invoice.id,
        )
        .values(invoice_id=None)
        .execution_options(synchronize_session=False)
    )


def _take_back_taxes(session: Session, invoice: Invoice, reason: str) -> None:
    """What SureTax computed was for this invoice alone: the next one asks for its own."""
    filing = tax_filings.mark_void(session, invoice)
    if filing is None or filing.transaction_id is None:
        return
    taken = transactions.reverse(
        session,
        filing.transaction_id,
        reversal_id=uuid5(invoice.id, "suretax-void"),
        reason=reason,
        with_invoice=True,
    )
    session.execute(
        update(Transaction)
        .where(
            Transaction.reseller_id == invoice.reseller_id,
            Transaction.id.in_((filing.transaction_id, taken.id)),
        )
        .values(invoice_id=invoice.id)
        .execution_options(synchronize_session=False)
    )


def _reopen(session: Session, invoice: Invoice) -> None:
    billing = lock_billing(session, invoice.client_id)
    if not is_last_invoice(session, invoice) or billing.last_invoiced_on != invoice.last_on:
        raise ConflictError("A later period is billed already: these days cannot be opened again.")
    schedule.rewind(session, billing, invoice, ZoneInfo(invoice.timezone))


def _grace_days(session: Session, client_id: int) -> int:
    billing = lock_billing(session, client_id)
    found = session.scalar(
        select(PaymentTerms.grace_days).where(PaymentTerms.id == billing.payment_terms_id)
    )
    return found or 0
