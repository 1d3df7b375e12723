"""Sign-ups that wait for their client, and those that nobody confirmed."""

from core import jobs
from core.db import Session
from tenants import sign_ups
from worker.sweeps import BATCH, sweep


@sweep("sign_ups.unmade", every_s=30)
def find_unmade(session: Session) -> int:
    """Ask again for clients whose job was lost."""
    found = sign_ups.list_unmade(session, limit=BATCH)
    for sign_up_id, reseller_id in found:
        jobs.enqueue(session, sign_ups.JOB, reseller_id=reseller_id, sign_up_id=str(sign_up_id))
    return len(found)


@sweep("sign_ups.expired", every_s=3600)
def forget_expired(session: Session) -> int:
    """Wishes whose link was not used in time."""
    return sign_ups.delete_expired(session)
