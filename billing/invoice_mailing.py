"""The mails of an invoice: its stored file to the client's billing address."""

from uuid import UUID

from sqlalchemy import select

from billing.invoice_models import Invoice
from billing.invoices import OUTGOING, get_invoice, lock_invoice, record
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from mail import templates as mail_templates
from mail.models import MailMessage
from mail.queue import MailKind, queue_mail
from tenants import events
from tenants.client_blocks import get_company


def mail_invoice(session: Session, invoice_id: UUID) -> MailMessage | None:
    """Queue the mail with the stored PDF to Billing Email, else Main Email; once per invoice.

    None when it was queued before, or when the client has no address that mail can reach: then an
    event says so and the invoice stays to be sent. Raises NotFoundError, ConflictError without
    a stored file.
    """
    invoice = session.scalar(
        select(Invoice)
        .where(Invoice.id == invoice_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if invoice is None:
        raise NotFoundError("Invoice not found.")
    if invoice.file_id is None:
        raise ConflictError("This invoice has no file yet.")
    if invoice.state != "to_send":
        return None
    try:
        mail = _queue(session, invoice, f"invoice:{invoice.id}")
    except InvalidInputError as error:
        _record_unsent(session, invoice, error.message)
        return None
    invoice.state = "normal"
    invoice.sent_at = now()
    session.flush()
    return mail


def mail_again(session: Session, invoice_id: UUID, *, request_id: UUID) -> MailMessage | None:
    """Queue the same file once more, on staff's wish; None when this wish was queued before.

    Raises NotFoundError, ConflictError without a stored file, InvalidInputError for a client
    without an address that mail can reach.
    """
    invoice = get_invoice(session, invoice_id)
    if invoice.direction != OUTGOING:
        raise ConflictError("This invoice came from the client: it is mailed to nobody.")
    if invoice.file_id is None:
        raise ConflictError("This invoice has no file yet.")
    mail = _queue(session, invoice, f"invoice:{invoice.id}:{request_id}")
    if mail is not None:
        record(session, invoice, "mail_again", {"to": (None, mail.to_address)})
    return mail


def _queue(session: Session, invoice: Invoice, dedupe_key: str) -> MailMessage | None:
    company = get_company(session, invoice.client_id)
    letter = mail_templates.write(
        session,
        reseller_id=invoice.reseller_id,
        name="invoice",
        locale=invoice.parties["locale"],
        variables=letter_variables(invoice),
    )
    return queue_mail(
        session,
        reseller_id=invoice.reseller_id,
        client_id=invoice.client_id,
        kind=MailKind.INVOICE,
        dedupe_key=dedupe_key,
        to_address=company.billing_email or company.main_email,
        subject=letter.subject,
        body_text=letter.text,
        body_html=letter.html,
        file_ids=() if invoice.file_id is None else (invoice.file_id,),
    )


def letter_variables(invoice: Invoice) -> dict[str, object]:
    """What the invoice's mail can say."""
    parties = invoice.parties
    return {
        "number": invoice.number,
        "client_name": parties["buyer"]["name"],
        "sender_name": parties["seller"]["name"],
        "currency": invoice.currency,
        "total": invoice.total,
        "open_amount": invoice.total - invoice.paid,
        "invoice_on": invoice.invoice_on,
        "due_on": invoice.due_on,
        "first_on": invoice.first_on,
        "last_on": invoice.last_on,
        "account_details": parties["seller"]["account_details"],
        "panel_url": f"https://{parties['portal_host']}/clients/" if parties["portal_host"] else "",
    }


def _record_unsent(session: Session, invoice: Invoice, why: str) -> None:
    events.record(
        session,
        reseller_id=invoice.reseller_id,
        client_id=invoice.client_id,
        level="warning",
        service="invoicing",
        code="invoice_not_mailed",
        text=events.EventText(
            "Invoice %(number)s was not mailed: %(why)s", number=invoice.number, why=why
        ),
        object_type="invoice",
        object_id=invoice.id,
        dedupe_key=f"invoice-not-mailed:{invoice.id}",
    )


def mark_sent(session: Session, invoice_id: UUID) -> Invoice:
    """Say that an issued invoice reached its client by another way; no mail is queued for it then.

    Marking again changes nothing. Raises NotFoundError, ConflictError for one without a file.
    """
    invoice = lock_invoice(session, invoice_id)
    if invoice.state == "normal":
        return invoice
    if invoice.state != "to_send" or invoice.file_id is None:
        raise ConflictError("Only an issued invoice with its file can be marked as sent.")
    invoice.state = "normal"
    session.flush()
    record(session, invoice, "mark_sent", {"state": ("to_send", "normal")})
    return invoice
