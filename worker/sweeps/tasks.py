"""Tasks that nobody works on, and what is no longer kept of them."""

from core import jobs
from core.clock import now
from core.db import Session
from tenants import tasks
from worker.sweeps import BATCH, sweep


@sweep("tasks.stuck", every_s=30)
def find_stuck_tasks(session: Session) -> int:
    """Ask again for tasks whose job was lost or whose worker died."""
    stuck = tasks.list_stuck(session, limit=BATCH, at=now())
    for task_id, reseller_id in stuck:
        # a job too many does no harm: whoever comes first claims the row
        jobs.enqueue(session, tasks.JOB, reseller_id=reseller_id, task_id=str(task_id))
    return len(stuck)


@sweep("tasks.expired", every_s=3600)
def clear_expired_tasks(session: Session) -> int:
    """Results, uploads and items are kept for seven days."""
    return tasks.clear_expired(session, limit=20)
