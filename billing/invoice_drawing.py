"""The PDF of a stored invoice: by the own source that it names, else by our layout.

An own source that fails never stops an invoice: our layout takes its place and staff are told.
"""

from billing.invoice_look import look_from_json
from billing.invoice_models import Invoice
from billing.invoice_pdf import InvoiceDocument, render_invoice_pdf
from billing.invoice_sources import SourceRefusedError, draw_source, get_source
from core.db import Session
from core.errors import NotFoundError
from tenants import events


def draw_invoice(session: Session, invoice: Invoice, document: InvoiceDocument) -> bytes:
    """`document` as PDF in the layout that the invoice kept.

    A process of its own draws a foreign source, for some seconds at most. InvariantError where
    not even our own layout can be drawn.
    """
    look = look_from_json(invoice.parties)
    # a foreign source cannot be trusted to print that it is void
    if look.source_digest is None or invoice.state == "void":
        return render_invoice_pdf(document)
    try:
        return draw_source(get_source(session, invoice.reseller_id, look.source_digest), document)
    except (SourceRefusedError, NotFoundError) as error:
        events.record(
            session,
            reseller_id=invoice.reseller_id,
            client_id=invoice.client_id,
            level="error",
            service="invoicing",
            code="invoice_source_failed",
            text=events.EventText(
                "Invoice %(number)s was drawn by the standard layout, because the own source of "
                "template %(template)s failed: %(why)s",
                number=invoice.number,
                template=look.name,
                why=str(error),
            ),
            object_type="invoice",
            object_id=invoice.id,
            dedupe_key=f"invoice-source-failed:{invoice.id}",
        )
        return render_invoice_pdf(document)
