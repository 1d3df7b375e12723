"""Invoices that wait for SureTax, and what SureTax is still to be told."""

from sqlalchemy import select

from billing import tax_filings, tax_waits
from billing.suretax_models import TaxFiling, TaxWait
from core import jobs
from core.clock import now
from core.db import Session
from tenants.models import Reseller
from tenants.signed_in import is_trading
from worker.sweeps import in_turn, sweep


@sweep("billing.tax_waits", every_s=20)
def find_waiting_invoices(session: Session) -> int:
    """Those whose next try has come, or whose worker died while it asked."""
    rows = session.execute(
        in_turn(
            select(TaxWait.id, TaxWait.reseller_id)
            .join(Reseller, Reseller.id == TaxWait.reseller_id)
            .where(TaxWait.next_try_at <= now(), is_trading()),
            owner=TaxWait.reseller_id,
            order=TaxWait.next_try_at,
        )
    ).all()
    for wait_id, reseller_id in rows:
        jobs.enqueue(session, tax_waits.JOB, reseller_id=reseller_id, wait_id=str(wait_id))
    return len(rows)


@sweep("billing.tax_filings", every_s=60)
def find_untold_filings(session: Session) -> int:
    """Invoices that are to be filed at SureTax or cancelled there, when their time has come."""
    rows = session.execute(
        in_turn(
            select(TaxFiling.invoice_id, TaxFiling.reseller_id).where(
                TaxFiling.state.in_(("to_file", "to_cancel")), TaxFiling.next_try_at <= now()
            ),
            owner=TaxFiling.reseller_id,
            order=TaxFiling.next_try_at,
        )
    ).all()
    for invoice_id, reseller_id in rows:
        jobs.enqueue(session, tax_filings.JOB, reseller_id=reseller_id, invoice_id=str(invoice_id))
    return len(rows)
