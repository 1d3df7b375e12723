"""Whether everything holds that must: the last results, and asking now."""

from datetime import UTC, datetime

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from core import jobs
from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.platform_uow import platform_unit_of_work
from portal.access import current_viewer, platform_view
from portal.htmx import render
from portal.platform.health import queries
from portal.platform.health.blueprint import bp
from portal.platform.health.rules import RULES
from tenants.permissions import PlatformPermission

JOB = "invariants.check"
FAST_S = 10
"""So long the progress is asked for every second, then every five."""
GIVE_UP_S = 180
"""After so long without an end it asks no more: perhaps no worker runs."""


@bp.get("/")
@platform_view(PlatformPermission.HEALTH_READ)
def index() -> ResponseReturnValue:
    at = now()
    with platform_unit_of_work() as session:
        groups = queries.read_health(session, at)
        run = _read_run(session)
    lines = [line for group in groups for line in group.lines]
    return render(
        "platform/health/index.html",
        groups=groups,
        broken=sum(line.state == "broken" for line in lines),
        failed=sum(line.state == "failed" for line in lines),
        unasked=sum(line.state in {"never", "stale"} for line in lines),
        run=run,
        may_run=current_viewer().may(PlatformPermission.HEALTH_EXECUTE),
        at=at,
    )


@bp.post("/run")
@platform_view(PlatformPermission.HEALTH_EXECUTE)
def run_all() -> ResponseReturnValue:
    """Ask for every rule now; asked for twice, each runs twice and does no harm."""
    with platform_unit_of_work() as session:
        for name in RULES:
            jobs.enqueue(session, JOB, reseller_id=None, rule=name)
    return redirect(url_for("platform_health.index", asked=int(now().timestamp())), 303)


@bp.get("/progress")
@platform_view(PlatformPermission.HEALTH_READ)
def progress() -> ResponseReturnValue:
    """The box that draws itself anew; alone it is a page."""
    with platform_unit_of_work() as session:
        run = _read_run(session)
    if run is None:
        raise NotFoundError
    return render("platform/health/progress.html", "platform/health/_progress.html", run=run)


def _read_run(session: Session) -> dict[str, object] | None:
    """What the progress box says about the run that the address names; None for no run."""
    asked = request.args.get("asked", type=int)
    if asked is None or not 0 <= asked < 2**33:
        return None
    done, broken = queries.count_checked(session, datetime.fromtimestamp(asked, UTC))
    waited_s = int(now().timestamp()) - asked
    if done >= len(RULES):
        state = "failed" if broken else "done"
    else:
        state = "running" if waited_s < GIVE_UP_S else "unknown"
    return {
        "state": state,
        "done": done,
        "total": len(RULES),
        "percent": 100 * done // len(RULES),
        "delay_s": 1 if waited_s < FAST_S else 5,
        "href": url_for("platform_health.progress", asked=asked),
    }
