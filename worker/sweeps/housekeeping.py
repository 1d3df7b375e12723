"""What nobody needs any more."""

from core.db import Session
from tenants.password_resets import delete_old_resets
from tenants.signin_sessions import delete_old_sessions, delete_sessions_of_erased
from tenants.signin_throttle import delete_old_throttles
from worker.sweeps import sweep


@sweep("housekeeping.sign_in", every_s=3600)
def forget_old_sign_ins(session: Session) -> int:
    """Sessions, reset links and failure counts whose time or person is gone; 0: no row waits."""
    delete_old_sessions(session)
    delete_sessions_of_erased(session)
    delete_old_resets(session)
    delete_old_throttles(session)
    return 0
