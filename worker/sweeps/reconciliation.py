"""Comparisons with gateways: one a night for each account, and those that nobody is at."""

from datetime import timedelta

from sqlalchemy import Date, Interval, and_, cast, exists, func, literal, or_, select

from core import jobs
from core.clock import now
from core.db import Session
from payments import reconciliation
from payments.models import GatewayAccount
from payments.refund_models import Reconciliation
from tenants.models import Reseller
from tenants.signed_in import is_trading
from worker.sweeps import in_turn, sweep

# Gateways close their day at midnight or soon after; before this hour their lists move still.
NIGHT_BEGINS = timedelta(hours=3)


@sweep("payments.nights", every_s=600)
def find_nights(session: Session) -> int:
    """Ask for the comparison of every account whose reseller's night has come."""
    local = func.timezone(Reseller.timezone, now()) - cast(literal(NIGHT_BEGINS), Interval)
    night = cast(local, Date)
    is_made = exists().where(
        Reconciliation.reseller_id == GatewayAccount.reseller_id,
        Reconciliation.gateway_account_id == GatewayAccount.id,
        or_(
            Reconciliation.night_on == night,
            # one at a time: the night's comes when it has ended
            Reconciliation.state.in_(["requested", "running"]),
        ),
    )
    due = session.execute(
        in_turn(
            select(GatewayAccount.id, GatewayAccount.reseller_id, night.label("night"))
            .join(Reseller, Reseller.id == GatewayAccount.reseller_id)
            .where(GatewayAccount.enabled, is_trading(), ~is_made),
            owner=GatewayAccount.reseller_id,
            order=GatewayAccount.id,
        )
    ).all()
    for account_id, reseller_id, on in due:
        jobs.enqueue(
            session,
            reconciliation.NIGHT_JOB,
            reseller_id=reseller_id,
            account_id=account_id,
            night_on=on.isoformat(),
        )
    return len(due)


@sweep("payments.reconciliations", every_s=60)
def find_waiting_runs(session: Session) -> int:
    """Ask again for the comparisons whose job was lost, or whose gateway was silent."""
    waiting = session.execute(
        in_turn(
            select(Reconciliation.id, Reconciliation.reseller_id).where(
                and_(
                    Reconciliation.state.in_(["requested", "running"]),
                    Reconciliation.next_look_at <= now(),
                )
            ),
            owner=Reconciliation.reseller_id,
            order=Reconciliation.next_look_at,
        )
    ).all()
    for run_id, reseller_id in waiting:
        jobs.enqueue(session, reconciliation.JOB, reseller_id=reseller_id, run_id=str(run_id))
    return len(waiting)
