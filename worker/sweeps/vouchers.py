"""Vouchers whose PIN waits to be looked at, whose last day is over, and what is kept no longer."""

from datetime import timedelta

from billing import voucher_moves, voucher_redemptions, voucher_throttle, vouchers
from core import jobs
from core.clock import now
from core.db import Session
from worker.sweeps import BATCH, sweep

# the job that was sent with the row gets this long before it counts as lost
GRACE = timedelta(seconds=15)
_AT_ONCE = 2_000


@sweep("vouchers.redemptions", every_s=15)
def find_redemptions(session: Session) -> int:
    """Ask again for PINs that nobody has looked at."""
    waiting = voucher_redemptions.list_waiting(session, before=now() - GRACE, limit=BATCH)
    for redemption_id, reseller_id in waiting:
        jobs.enqueue(
            session,
            voucher_redemptions.JOB,
            reseller_id=reseller_id,
            redemption_id=str(redemption_id),
        )
    return len(waiting)


@sweep("vouchers.expired", every_s=60)
def expire_vouchers(session: Session) -> int:
    """Vouchers whose last day is over; until then the day itself refuses them."""
    return voucher_moves.expire_due(session, limit=_AT_ONCE)


@sweep("vouchers.forgotten", every_s=3600)
def forget_pins(session: Session) -> int:
    """PINs that nobody took out in a week, and old counts of wrong ones."""
    voucher_throttle.delete_old(session)
    return vouchers.forget_old_pins(session)
