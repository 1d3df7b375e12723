"""The ledger check over all tenants: results, one tenant's findings, run now."""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core import jobs
from core.clock import now
from core.db import Session
from core.errors import NotFoundError
from core.platform_uow import platform_unit_of_work
from portal.access import platform_view
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import render_list
from portal.platform.ledger import queries
from portal.platform.ledger.rules import explain
from tenants.permissions import PlatformPermission

bp = Blueprint("platform_ledger", __name__, url_prefix="/platform/ledger")

FAST_S = 10
"""So long the progress is asked for every second, then every five."""
GIVE_UP_S = 120
"""After so long without an end it asks no more: perhaps no worker runs."""


@bp.get("/")
@platform_view(PlatformPermission.LEDGER_READ)
def index() -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        page = queries.read_checks(session, read_place())
        summary = queries.read_summary(session)
        run = _read_run(session, None)
    return render_list(
        "platform/ledger/index.html",
        "platform/ledger/_table.html",
        rows=page,
        summary=summary,
        run=run,
    )


@bp.get("/<int:reseller_id>")
@platform_view(PlatformPermission.LEDGER_READ)
def show(reseller_id: int) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        check = queries.find_check(session, reseller_id)
        if check is None:
            raise NotFoundError("Reseller not found.")
        history = queries.list_history(session, reseller_id)
        run = _read_run(session, reseller_id)
    found = [(rule, explain(rule), lines) for rule, lines in check.findings.items()]
    return render("platform/ledger/show.html", check=check, found=found, history=history, run=run)


@bp.post("/run")
@platform_view(PlatformPermission.LEDGER_EXECUTE)
def run_all() -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        after_id = _ask(session, queries.list_ids(session))
    return redirect(url_for("platform_ledger.index", run=after_id, asked=_seconds()), 303)


@bp.post("/<int:reseller_id>/run")
@platform_view(PlatformPermission.LEDGER_EXECUTE)
def run_one(reseller_id: int) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        if reseller_id not in queries.list_ids(session):
            raise NotFoundError("Reseller not found.")
        after_id = _ask(session, [reseller_id])
    address = url_for(
        "platform_ledger.show", reseller_id=reseller_id, run=after_id, asked=_seconds()
    )
    return redirect(address, 303)


@bp.get("/progress")
@platform_view(PlatformPermission.LEDGER_READ)
def progress() -> ResponseReturnValue:
    """The box that draws itself anew; alone it is a page."""
    with platform_unit_of_work() as session:
        run = _read_run(session, request.args.get("tenant", type=int))
    if run is None:
        raise NotFoundError
    return render("platform/ledger/progress.html", "platform/ledger/_progress.html", run=run)


def _ask(session: Session, reseller_ids: list[int]) -> int:
    after_id = queries.newest_check_id(session)
    for reseller_id in reseller_ids:
        # the job leaves a tenant alone that has a newer result: asked for twice, it runs once
        jobs.enqueue(session, "billing.check_ledger", reseller_id=reseller_id, after_id=after_id)
    return after_id


def _read_run(session: Session, reseller_id: int | None) -> dict[str, object] | None:
    """What the progress box says about the run that the address names; None for no run."""
    after_id = request.args.get("run", type=int)
    asked = request.args.get("asked", type=int)
    if after_id is None or asked is None or not 0 <= after_id < 2**63:
        return None
    run = queries.read_run(session, after_id, reseller_id)
    waited_s = _seconds() - asked
    if run.done >= run.total:
        state = "failed" if run.broken else "done"
    else:
        state = "running" if waited_s < GIVE_UP_S else "unknown"
    return {
        "state": state,
        "done": run.done,
        "total": run.total,
        "broken": run.broken,
        "percent": 100 * run.done // max(run.total, 1),
        "delay_s": 1 if waited_s < FAST_S else 5,
        "href": url_for("platform_ledger.progress", run=after_id, asked=asked, tenant=reseller_id),
        "back": _back(reseller_id),
    }


def _back(reseller_id: int | None) -> tuple[str, str]:
    if reseller_id is None:
        return url_for("platform_ledger.index"), _("Show the results")
    return url_for("platform_ledger.show", reseller_id=reseller_id), _("Show the result")


def _seconds() -> int:
    return int(now().timestamp())
