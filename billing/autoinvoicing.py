"""Automatic invoices: one per boundary passed, none twice, none left out."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import exists, select

from billing import schedule, tax_waits
from billing.client_billing import lock_client
from billing.invoice_models import Invoice
from billing.models import ClientBilling, Transaction
from billing.periods import Period
from billing.suretax_models import TaxWait
from core.clock import now
from core.db import Session
from core.errors import AppError
from core.ids import new_id
from tenants import events
from tenants.models import Client

# After a failure it is tried again when it has waited twice as long, within these.
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A boundary that made no invoice: nothing was to be paid. `unbilled` waits for the next."""

    period: Period
    unbilled: bool


def invoice_next_period(session: Session, client_id: int) -> Invoice | Skipped | TaxWait | None:
    """Handle the oldest boundary that has passed; None when there is none, or one waits for taxes.

    Both the invoice and Last Invoiced move in the caller's transaction, under the lock of the
    client's balance: two schedulers at once make one invoice. Raises NotFoundError.
    """
    locked = lock_client(session, client_id)
    client, billing, zone = locked.client, locked.billing, locked.zone
    if client.status == "deleted" or tax_waits.find_client_wait(session, client_id) is not None:
        return None
    period = schedule.find_due_period(session, billing, zone, now())
    if period is None:
        # the zone or the terms have moved the boundary since it was computed
        schedule.refresh(session, billing, zone)
        return None
    invoice = tax_waits.make_invoice(
        session,
        invoice_id=new_id(),
        client_id=client_id,
        period=period,
        autoinvoice=True,
        locked=locked,
    )
    if invoice is not None:
        return invoice
    schedule.advance(session, billing, period, zone)
    skipped = Skipped(period, _has_unbilled(session, client, period))
    _record_skipped(session, client, skipped)
    return skipped


def is_due(session: Session, client_id: int) -> bool:
    """Whether another boundary has passed, by what was computed last."""
    due_at = session.scalar(
        select(ClientBilling.next_invoice_at).where(ClientBilling.client_id == client_id)
    )
    return due_at is not None and due_at <= now()


def run_client(session: Session, client_id: int) -> list[Invoice]:
    """Every boundary that has passed, oldest first, in one transaction; the invoices made."""
    invoices = []
    while (result := invoice_next_period(session, client_id)) is not None:
        if isinstance(result, Invoice):
            invoices.append(result)
    return invoices


def record_failure(session: Session, client_id: int, error: Exception) -> None:
    """The sweep comes back to the client later and later, and the staff are told, once a day."""
    at = now()
    billing = session.scalar(
        select(ClientBilling).where(ClientBilling.client_id == client_id).with_for_update()
    )
    if billing is None:
        return
    overdue = at - (billing.next_invoice_at or at)
    billing.retry_at = at + min(max(overdue, _SHORTEST_WAIT), _LONGEST_WAIT)
    session.flush()
    reason = error.message if isinstance(error, AppError) else type(error).__name__
    events.record(
        session,
        reseller_id=billing.reseller_id,
        client_id=client_id,
        level="error",
        service="invoicing",
        code="invoice_failed",
        text=events.EventText(
            "The automatic invoice could not be made: %(reason)s It is tried again by itself.",
            reason=f"{reason.rstrip('.')}.",
        ),
        object_type="client",
        object_id=client_id,
        dedupe_key=f"invoice-failed:{client_id}:{at:%Y-%m-%d}",
    )


def _has_unbilled(session: Session, client: Client, period: Period) -> bool:
    return bool(
        session.scalar(
            select(
                exists().where(
                    Transaction.reseller_id == client.reseller_id,
                    Transaction.client_id == client.id,
                    Transaction.type == "charge",
                    Transaction.status == "approved",
                    Transaction.invoice_id.is_(None),
                    Transaction.dated_at < period.ends_at,
                    Transaction.total != Decimal(0),
                )
            )
        )
    )


def _record_skipped(session: Session, client: Client, skipped: Skipped) -> None:
    period = skipped.period
    days = {"first": period.first_on, "last": period.last_on}
    text = (
        events.EventText(
            "No invoice for %(first)s to %(last)s: what was charged comes to nothing to pay and"
            " waits for the next.",
            **days,
        )
        if skipped.unbilled
        else events.EventText("No invoice for %(first)s to %(last)s: nothing was charged.", **days)
    )
    events.record(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        level="info",
        service="invoicing",
        code="invoice_carried" if skipped.unbilled else "invoice_skipped",
        text=text,
        object_type="client",
        object_id=client.id,
        dedupe_key=f"invoice-skipped:{client.id}:{period.ends_at.isoformat()}",
    )
