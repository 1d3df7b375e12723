"""Invoices that a client of the world sent: one that waits to be verified, one that is accepted."""

from datetime import date
from decimal import Decimal

from billing import incoming_invoices
from billing.incoming_invoices import Incoming, IncomingLine, Upload
from core.db import Session
from core.ids import new_id
from tests.factories import cast


def make_documents(session: Session, client: cast.Client, token: str) -> dict[str, str]:
    """Their ids, by kind."""
    made = {}
    for kind, accept in (("incoming_invoice", False), ("accepted_incoming", True)):
        invoice = incoming_invoices.create_incoming(
            session,
            invoice_id=new_id(),
            client_id=client.id,
            incoming=Incoming(
                number=f"{kind} {token}",
                first_on=date(2026, 1, 1),
                last_on=date(2026, 1, 31),
                invoice_on=date(2026, 2, 1),
                due_on=None,
                total=Decimal("2.00"),
                tax=Decimal("0.30"),
                tax_name=f"Tax {token}",
                lines=[IncomingLine(f"Calls {token}", Decimal("1.70"))],
            ),
            upload=Upload(new_id(), "came.txt", f"Calls {token}".encode()),
            accept=accept,
        )
        made[kind] = str(invoice.id)
    return made
