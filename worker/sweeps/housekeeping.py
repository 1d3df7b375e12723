"""What nobody needs any more."""

from core.db import Session
from tenants.password_resets import delete_old_resets
from tenants.signin_sessions import delete_old_sessions
from tenants.signin_throttle import delete_old_throttles
from worker.sweeps import sweep


@sweep("housekeeping.sign_in", every_s=3600)
def forget_old_sign_ins(session: Session) -> int:
    """Sessions, reset links and failure counts whose time is over; 0, for no row waits."""
    delete_old_sessions(session)
    delete_old_resets(session)
    delete_old_throttles(session)
    return 0
