"""The file of a credit note, drawn once and stored, and the mail that carries it to the client."""

import re
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from billing.correction_models import CreditNote
from billing.credit_note_document import make_credit_note_document
from billing.credit_notes import get_credit_note
from billing.invoice_models import Invoice
from billing.invoice_pdf import render_invoice_pdf
from billing.invoices import get_invoice, read_logo
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from mail import templates as mail_templates
from mail.models import MailMessage
from mail.queue import MailKind, queue_mail
from tenants import audit, events
from tenants.client_blocks import get_company
from tenants.files import create_file, get_file
from tenants.models import File

MAILED_WITHIN = timedelta(days=7)
"""An older note is not mailed by itself: its file was made late, and nobody waits for it."""
_NOT_IN_NAMES = re.compile(r"[^\w.\- ]")


def finish_credit_note(session: Session, credit_note_id: UUID) -> None:
    """Store the file and queue its mail, in one transaction; done before, it changes nothing."""
    note = get_credit_note(session, credit_note_id)
    if note.file_id is not None:
        return
    store_file(session, credit_note_id)
    if note.issued_at < now() - MAILED_WITHIN:
        return
    invoice = get_invoice(session, note.invoice_id)
    try:
        _queue(session, note, invoice, f"credit_note:{note.id}")
    except InvalidInputError as error:
        _record_unsent(session, note, error.message)


def store_file(session: Session, credit_note_id: UUID) -> File:
    """The note's PDF: drawn and stored the first time, the same bytes ever after.

    Of two at once the first one's bytes stay. Raises NotFoundError.
    """
    note = get_credit_note(session, credit_note_id)
    if note.file_id is not None:
        return get_file(session, note.file_id)
    invoice = get_invoice(session, note.invoice_id)
    document = make_credit_note_document(note, invoice, read_logo(session, invoice))
    content = render_invoice_pdf(document)
    first_id = session.scalar(
        select(CreditNote.file_id).where(CreditNote.id == credit_note_id).with_for_update()
    )
    if first_id is not None:
        session.refresh(note)
        return get_file(session, first_id)
    file = create_file(
        session,
        reseller_id=note.reseller_id,
        client_id=note.client_id,
        name=f"{_NOT_IN_NAMES.sub('_', note.number)}.pdf",
        media_type="application/pdf",
        content=content,
    )
    note.file_id = file.id
    session.flush()
    return file


def mail_again(session: Session, credit_note_id: UUID, *, request_id: UUID) -> MailMessage | None:
    """Queue its file on staff's wish; None when this wish was queued before.

    Raises NotFoundError, ConflictError without a file, InvalidInputError for a client without an
    address that mail can reach.
    """
    note = get_credit_note(session, credit_note_id)
    if note.file_id is None:
        raise ConflictError("This credit note has no file yet.")
    invoice = get_invoice(session, note.invoice_id)
    mail = _queue(session, note, invoice, f"credit_note:{note.id}:{request_id}")
    if mail is not None:
        audit.record(
            session,
            reseller_id=note.reseller_id,
            client_id=note.client_id,
            action="mail_again",
            object_type="credit_note",
            object_id=note.id,
            object_label=note.number,
            changes={"to": (None, mail.to_address)},
        )
    return mail


def _queue(
    session: Session, note: CreditNote, invoice: Invoice, dedupe_key: str
) -> MailMessage | None:
    company = get_company(session, note.client_id)
    letter = mail_templates.write(
        session,
        reseller_id=note.reseller_id,
        name="credit_note",
        locale=invoice.parties["locale"],
        variables=letter_variables(note, invoice),
    )
    return queue_mail(
        session,
        reseller_id=note.reseller_id,
        client_id=note.client_id,
        kind=MailKind.CREDIT_NOTE,
        dedupe_key=dedupe_key,
        to_address=company.billing_email or company.main_email,
        subject=letter.subject,
        body_text=letter.text,
        body_html=letter.html,
        file_ids=() if note.file_id is None else (note.file_id,),
    )


def letter_variables(note: CreditNote, invoice: Invoice) -> dict[str, object]:
    """What the credit note's mail can say."""
    parties = invoice.parties
    return {
        "credit_note_number": note.number,
        "number": invoice.number,
        "client_name": parties["buyer"]["name"],
        "sender_name": parties["seller"]["name"],
        "currency": note.currency,
        "credited": note.total,
        "credited_on": note.issued_on,
        "credit_reason": note.reason,
        "panel_url": f"https://{parties['portal_host']}/clients/" if parties["portal_host"] else "",
    }


def _record_unsent(session: Session, note: CreditNote, why: str) -> None:
    events.record(
        session,
        reseller_id=note.reseller_id,
        client_id=note.client_id,
        level="warning",
        service="invoicing",
        code="credit_note_not_mailed",
        text=events.EventText(
            "Credit note %(number)s was not mailed: %(why)s", number=note.number, why=why
        ),
        object_type="credit_note",
        object_id=note.id,
        dedupe_key=f"credit-note-not-mailed:{note.id}",
    )
