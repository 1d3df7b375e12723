"""Whether the work gets done: Redis, rows that wait, sweeps."""

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue

from core import schedule
from core.clock import now
from core.config import Settings
from core.platform_uow import platform_unit_of_work
from portal.access import platform_view
from portal.htmx import render
from portal.platform import sweep_states, waiting
from portal.platform.jobs.redis_queues import read_queues
from tenants.permissions import PlatformPermission

bp = Blueprint("platform_jobs", __name__, url_prefix="/platform/queues")


@bp.get("/")
@platform_view(PlatformPermission.QUEUES_READ)
def index() -> ResponseReturnValue:
    settings: Settings = current_app.extensions["settings"]
    with platform_unit_of_work() as session:
        lines = waiting.read_waiting(session)
        runs = schedule.list_runs(session)
    # asked with no transaction open: Redis may take its time to be found missing
    queues = read_queues(settings.redis_url)
    at = now()
    return render(
        "platform/jobs/index.html",
        "platform/jobs/_health.html",
        queues=queues,
        waiting=lines,
        sweeps=[(run, sweep_states.state_of(run, at)) for run in runs],
        clock_stands=sweep_states.clock_stands(runs, at),
        at=at,
    )
