"""Reminders of open invoices: before and after the due day, as the client's payment terms ask.

Each (invoice, kind, days) is a row that is written once, whatever runs how often. Of several that
have come by the same day only the latest is mailed; the others are kept as passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from billing.correction_models import InvoiceReminder
from billing.invoice_mailing import letter_variables
from billing.invoice_models import Invoice
from billing.invoices import OUTGOING, get_invoice, lock_invoice
from billing.models import ClientBilling, PaymentTerms
from billing.periods import Reminder, due_reminders, list_reminders
from core.clock import now, today
from core.db import Session
from core.errors import InvalidInputError
from core.zones import get_zone
from mail import templates as mail_templates
from mail.models import MailMessage
from mail.queue import MailKind, queue_mail
from tenants import events
from tenants.client_blocks import get_company
from tenants.clients import get_client

LATE_DAYS = 7
"""A reminder whose day passed longer ago is not sent: it would speak of another time."""
JOB = "billing.remind_invoice"
_MAIL_KINDS = {"before": MailKind.REMINDER_BEFORE, "after": MailKind.REMINDER_AFTER}


@dataclass(frozen=True, slots=True)
class Step:
    """One reminder as the invoice's page tells of it.

    `state`: sent, passed, no_address, planned, or off (the invoice is settled or void).
    """

    kind: str
    days: int
    planned_on: date
    state: str
    row: InvoiceReminder | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The reminders of an invoice; `terms_name` is empty when the client has no terms."""

    terms_name: str
    steps: Sequence[Step]


def remind(session: Session, invoice_id: UUID) -> MailMessage | None:
    """Mail the reminder whose day has come; None when there is none, or no address to send to.

    Under the client's balance lock, so that two workers send once, and a payment that comes at the
    same moment comes before or after. Raises NotFoundError.
    """
    invoice = lock_invoice(session, invoice_id)
    client = get_client(session, invoice.client_id)
    terms = _find_terms(session, invoice.client_id)
    if terms is None or not _is_wanted(invoice) or client.status == "deleted":
        return None
    day = today(get_zone(client.timezone))
    due = _due_now(session, invoice, terms, day)
    if not due:
        return None
    *passed, last = due
    for one in passed:
        _write(session, invoice, one, terms, "passed")
    return _send(session, invoice, last, terms)


def read_plan(session: Session, invoice_id: UUID) -> Plan:
    """What was sent for the invoice and what will be, in the order of the days."""
    invoice = get_invoice(session, invoice_id)
    terms = _find_terms(session, invoice.client_id)
    rows = {
        (row.kind, row.days): row
        for row in session.scalars(
            select(InvoiceReminder).where(InvoiceReminder.invoice_id == invoice_id)
        )
    }
    steps = [Step(row.kind, row.days, row.planned_on, row.state, row) for row in rows.values()]
    if terms is not None and invoice.direction == OUTGOING and invoice.issued_at is not None:
        client = get_client(session, invoice.client_id)
        day = today(get_zone(client.timezone))
        steps += [
            Step(one.kind, one.offset_days, one.on, _outlook(invoice, one, day), None)
            for one in _of_terms(invoice, terms)
            if (one.kind.value, one.offset_days) not in rows
        ]
    ordered = sorted(steps, key=lambda step: (step.planned_on, step.kind, step.days))
    return Plan(terms.name if terms else "", ordered)


def _outlook(invoice: Invoice, reminder: Reminder, day: date) -> str:
    """What will become of a reminder that was not handled yet."""
    if not _is_wanted(invoice):
        return "off"
    return "passed" if reminder.on < day - timedelta(days=LATE_DAYS) else "planned"


def _is_wanted(invoice: Invoice) -> bool:
    return (
        invoice.direction == OUTGOING
        and invoice.state in ("to_send", "normal")
        and invoice.paid < invoice.total
    )


def _of_terms(invoice: Invoice, terms: PaymentTerms) -> list[Reminder]:
    """Those whose day is not before the invoice was made."""
    listed = list_reminders(invoice.due_on, terms.remind_before, terms.remind_after)
    return [one for one in listed if one.on >= _issued_on(invoice)]


def _due_now(session: Session, invoice: Invoice, terms: PaymentTerms, day: date) -> list[Reminder]:
    known = {
        (row.kind, row.days)
        for row in session.execute(
            select(InvoiceReminder.kind, InvoiceReminder.days).where(
                InvoiceReminder.invoice_id == invoice.id
            )
        )
    }
    return [
        one
        for one in due_reminders(invoice.due_on, terms.remind_before, terms.remind_after, day)
        if (one.kind.value, one.offset_days) not in known
        and one.on >= max(_issued_on(invoice), day - timedelta(days=LATE_DAYS))
    ]


def _issued_on(invoice: Invoice) -> date:
    """The day on which it was issued, where its days are counted."""
    issued_at = invoice.issued_at or now()
    return issued_at.astimezone(get_zone(invoice.timezone)).date()


def _send(
    session: Session, invoice: Invoice, reminder: Reminder, terms: PaymentTerms
) -> MailMessage | None:
    kind = reminder.kind.value
    company = get_company(session, invoice.client_id)
    address = company.billing_email or company.main_email
    letter = mail_templates.write(
        session,
        reseller_id=invoice.reseller_id,
        name=f"reminder_{kind}",
        locale=invoice.parties["locale"],
        variables=letter_variables(invoice),
    )
    try:
        mail = queue_mail(
            session,
            reseller_id=invoice.reseller_id,
            client_id=invoice.client_id,
            kind=_MAIL_KINDS[kind],
            dedupe_key=f"reminder:{invoice.id}:{kind}:{reminder.offset_days}",
            to_address=address,
            subject=letter.subject,
            body_text=letter.text,
            body_html=letter.html,
            file_ids=() if invoice.file_id is None else (invoice.file_id,),
        )
    except InvalidInputError as error:
        _write(session, invoice, reminder, terms, "no_address")
        _tell_unsent(session, invoice, error.message)
        return None
    _write(session, invoice, reminder, terms, "sent", address, mail.id if mail else None)
    return mail


def _write(
    session: Session,
    invoice: Invoice,
    reminder: Reminder,
    terms: PaymentTerms,
    state: str,
    address: str = "",
    mail_id: UUID | None = None,
) -> None:
    session.add(
        InvoiceReminder(
            reseller_id=invoice.reseller_id,
            client_id=invoice.client_id,
            invoice_id=invoice.id,
            kind=reminder.kind.value,
            days=reminder.offset_days,
            state=state,
            planned_on=reminder.on,
            due_on=invoice.due_on,
            open_amount=invoice.total - invoice.paid,
            terms_name=terms.name,
            to_address=address,
            mail_id=mail_id,
            at=now(),
        )
    )
    session.flush()


def _tell_unsent(session: Session, invoice: Invoice, why: str) -> None:
    events.record(
        session,
        reseller_id=invoice.reseller_id,
        client_id=invoice.client_id,
        level="warning",
        service="invoicing",
        code="reminder_not_mailed",
        text=events.EventText(
            "The reminder of invoice %(number)s was not mailed: %(why)s",
            number=invoice.number,
            why=why,
        ),
        object_type="invoice",
        object_id=invoice.id,
        dedupe_key=f"reminder-not-mailed:{invoice.id}",
    )


def _find_terms(session: Session, client_id: int) -> PaymentTerms | None:
    return session.scalar(
        select(PaymentTerms)
        .join(ClientBilling, ClientBilling.payment_terms_id == PaymentTerms.id)
        .where(ClientBilling.client_id == client_id)
    )
