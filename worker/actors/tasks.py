"""The actor of background tasks."""

from uuid import UUID

from tenants import tasks
from worker.broker import actor
from worker.task_turns import run_turn


@actor(tasks.JOB, max_retries=3)
def run_task(task_id: str) -> None:
    """Work on a task for one turn; it asks for its next turn by itself."""
    run_turn(UUID(task_id))
