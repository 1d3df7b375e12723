"""What needs attention over all tenants, each figure with the way to what is behind it."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from core.clock import now
from core.platform_uow import platform_unit_of_work
from portal.access import platform_view
from portal.htmx import render
from portal.platform.home import queries
from tenants.permissions import PlatformPermission

bp = Blueprint("platform_home", __name__, url_prefix="/platform")


@bp.get("/")
@platform_view(PlatformPermission.TENANTS_READ)
def index() -> ResponseReturnValue:
    at = now()
    with platform_unit_of_work() as session:
        overview = queries.read_overview(session, at)
    return render("platform/home/index.html", overview=overview, at=at)
