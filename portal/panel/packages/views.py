"""Packages of the client, to be read only."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from core.uow import unit_of_work
from portal.access import panel_view
from portal.htmx import render
from portal.panel.packages import queries

bp = Blueprint("panel_packages", __name__, url_prefix="/clients/packages")
STATUS_WORDS = {
    "pending": (_l("not begun yet"), "warn"),
    "active": (_l("active"), "ok"),
    "archived": (_l("ended"), "off"),
}


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        rows = queries.list_packages(session)
    return render("panel/packages/index.html", rows=rows, status_words=STATUS_WORDS)
