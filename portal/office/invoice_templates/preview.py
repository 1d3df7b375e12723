"""What the form would print, before it is saved: the first page as a picture, or the whole PDF."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select

from billing import invoices
from billing.invoice_contents import list_lines, list_taxes
from billing.invoice_document import make_document
from billing.invoice_look import STANDARD, InvoiceLook, checked_look
from billing.invoice_models import Invoice
from billing.invoice_pdf import InvoiceDocument, render_first_page, render_invoice_pdf
from billing.invoice_sample import make_sample
from billing.invoice_sources import draw_source
from core.db import Session
from core.errors import AppError
from core.uow import unit_of_work
from portal.office.invoice_templates.forms import InvoiceTemplateForm
from portal.wording import refusal
from tenants import resellers
from tenants.files import get_file
from tenants.logos import find_logo
from tenants.models import Client

OFFERED = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture as data address, or the sentence that says why there is none."""

    image: str
    refusal: str


def list_offered(session: Session, reseller_id: int) -> Sequence[tuple[UUID, str]]:
    """The latest invoices of a reseller, for trying a template out with real data."""
    rows = session.execute(
        select(Invoice.id, Invoice.number, Client.name)
        .join(Client, Client.id == Invoice.client_id)
        .where(Invoice.reseller_id == reseller_id)
        .order_by(Invoice.invoiced_at.desc(), Invoice.id.desc())
        .limit(OFFERED)
    )
    return [(invoice_id, f"{number}, {name}") for invoice_id, number, name in rows]


def draw_picture(form: InvoiceTemplateForm, invoice_id: UUID | None) -> Preview:
    """The first page; raises NotFoundError for an invoice or a reseller outside the scope."""
    with unit_of_work() as session:
        _check_there(session, form, invoice_id)
    try:
        source = form.typed_source
        document = _document(form, invoice_id)
        png = draw_source(source, document, png=True) if source else render_first_page(document)
    except AppError as error:
        return Preview("", refusal(error))
    return Preview(f"data:image/png;base64,{base64.b64encode(png).decode()}", "")


def draw_pdf(form: InvoiceTemplateForm, invoice_id: UUID | None) -> bytes:
    """The whole document. Raises NotFoundError, InvalidInputError."""
    document = _document(form, invoice_id)
    source = form.typed_source
    return draw_source(source, document) if source else render_invoice_pdf(document)


def draw_sample(reseller_id: int, source: str) -> None:
    """Draw the made-up invoice by an own source; raises SourceRefusedError where that fails."""
    with unit_of_work() as session:
        invoice, lines, taxes = make_sample(session, reseller_id)
    draw_source(source, make_document(invoice, lines, taxes, None, InvoiceLook(STANDARD)))


def _check_there(session: Session, form: InvoiceTemplateForm, invoice_id: UUID | None) -> None:
    resellers.get_reseller(session, form.reseller_id.data or 0)
    if invoice_id is not None:
        invoices.get_invoice(session, invoice_id)


def _document(form: InvoiceTemplateForm, invoice_id: UUID | None) -> InvoiceDocument:
    # a name is not printed: a form without one shows its picture all the same
    look = checked_look(replace(form.to_look(), name=STANDARD))
    with unit_of_work() as session:
        if invoice_id is None:
            invoice, lines, taxes = make_sample(
                session, resellers.get_reseller(session, form.reseller_id.data or 0).id
            )
        else:
            invoice = invoices.get_invoice(session, invoice_id)
            lines, taxes = list_lines(session, invoice_id), list_taxes(session, invoice_id)
        return make_document(invoice, lines, taxes, _logo(session, invoice), look)


def _logo(session: Session, invoice: Invoice) -> bytes | None:
    logo = find_logo(session, invoice.reseller_id)
    return None if logo is None else get_file(session, logo.file_id).content
