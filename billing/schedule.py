"""When a client's next invoice falls due: its terms, its zone and how far it was billed."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from billing.invoice_models import Invoice
from billing.models import ClientBilling, PaymentTerms
from billing.periods import (
    EveryDays,
    InvoicingTerms,
    OnDayOfMonth,
    Period,
    due_periods,
    local_midnight,
    next_boundary,
)
from core.db import Session
from core.errors import InvariantError
from tenants.models import Client


def terms_rule(terms: PaymentTerms) -> InvoicingTerms:
    """The rule of stored terms."""
    if terms.day_of_month is not None:
        return OnDayOfMonth(terms.day_of_month)
    if terms.every_days is not None:
        return EveryDays(terms.every_days)
    raise InvariantError("payment terms without a rule")


def find_due_period(
    session: Session, billing: ClientBilling, zone: ZoneInfo, now: datetime
) -> Period | None:
    """The oldest period whose boundary has passed; None when autoinvoicing is off or none is."""
    terms = _find_terms(session, billing)
    if terms is None or billing.last_invoiced_on is None:
        return None
    passed = due_periods(
        terms_rule(terms),
        billing.last_invoiced_on,
        zone,
        now,
        previous_end_at=billing.billed_until,
        limit=1,
    )
    return passed[0] if passed else None


def refresh(session: Session, billing: ClientBilling, zone: ZoneInfo) -> None:
    """Compute `next_invoice_at` again, after anything that it depends on has changed."""
    terms = _find_terms(session, billing)
    if terms is None or billing.last_invoiced_on is None:
        billing.next_invoice_at = None
    else:
        billing.next_invoice_at = next_boundary(
            terms_rule(terms),
            billing.last_invoiced_on,
            zone,
            previous_end_at=billing.billed_until,
        ).ends_at
    # what it depends on has changed, or the last period is done: it need not fail again
    billing.retry_at = None
    session.flush()


def refresh_terms(session: Session, terms_id: int) -> None:
    """The same for every client that these terms invoice."""
    rows = session.execute(
        select(ClientBilling, Client.timezone)
        .join(Client, Client.id == ClientBilling.client_id)
        .where(ClientBilling.payment_terms_id == terms_id, ClientBilling.autoinvoicing)
        .order_by(ClientBilling.client_id)
        .with_for_update(of=ClientBilling)
    ).all()
    for billing, timezone in rows:
        refresh(session, billing, ZoneInfo(timezone))


def advance(session: Session, billing: ClientBilling, period: Period, zone: ZoneInfo) -> None:
    """Say that everything up to the end of `period` is billed; never moves back."""
    if billing.last_invoiced_on is not None and billing.last_invoiced_on >= period.last_on:
        return
    billing.last_invoiced_on = period.last_on
    billing.billed_until = period.ends_at
    refresh(session, billing, zone)


def rewind(session: Session, billing: ClientBilling, invoice: Invoice, zone: ZoneInfo) -> None:
    """Say that the days of a void invoice, the client's last one, are not billed."""
    billing.last_invoiced_on = invoice.first_on - timedelta(days=1)
    billing.billed_until = invoice.starts_at
    refresh(session, billing, zone)


def set_last_invoiced(session: Session, billing: ClientBilling, zone: ZoneInfo) -> None:
    """After Last Invoiced was set by hand: where the next period begins.

    At the midnight after it, but never before the end of the last invoice made: the two differ
    when the client's zone has changed since.
    """
    last_end_at = last_invoice_end(session, billing.client_id)
    billing.billed_until = None
    if last_end_at is None or billing.last_invoiced_on is None:
        return
    if local_midnight(billing.last_invoiced_on + timedelta(days=1), zone) < last_end_at:
        billing.billed_until = last_end_at


def last_invoice_end(session: Session, client_id: int) -> datetime | None:
    """The end of the client's latest outgoing invoice; None when there is none."""
    return session.scalar(
        select(func.max(Invoice.ends_at)).where(
            Invoice.client_id == client_id,
            Invoice.direction == "outgoing",
            Invoice.state != "void",
        )
    )


def _find_terms(session: Session, billing: ClientBilling) -> PaymentTerms | None:
    if not billing.autoinvoicing or billing.payment_terms_id is None:
        return None
    return session.get(PaymentTerms, billing.payment_terms_id)
