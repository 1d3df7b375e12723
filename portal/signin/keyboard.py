"""The keys that act by themselves: which they are, and switching them off for oneself.

WCAG 2.1.4: speech input and shaking hands press single keys by accident.
"""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.platform_uow import platform_unit_of_work
from portal.access import current_viewer, staff_view
from portal.errors import LAYOUTS
from portal.htmx import hx, render, wants_partial
from portal.sessions import current_identity
from portal.signin.blueprint import bp
from tenants import staff


@bp.get("/account/keyboard")
@staff_view
def keyboard() -> ResponseReturnValue:
    page = render(
        "signin/keyboard.html",
        "signin/_keyboard.html",
        layout=LAYOUTS[current_viewer().area],
        keys=_keys(),
    )
    return hx(page, trigger={"dialog:open": {}})


@bp.post("/account/keyboard")
@staff_view
def set_keyboard() -> ResponseReturnValue:
    me = current_identity()
    assert me is not None
    is_on = request.form.get("shortcuts") == "on"
    with platform_unit_of_work() as db:
        staff.set_keyboard_shortcuts(db, area=me.area, user_id=me.subject_id, is_on=is_on)
    flash(_("Keyboard shortcuts are on.") if is_on else _("Keyboard shortcuts are off."), "success")
    # the page that is open has its keys from when it was loaded
    return hx(refresh=True) if wants_partial() else redirect(url_for("signin.account"), 303)


def _keys() -> list[tuple[str, str]]:
    return [
        ("/", _("Go to the search")),
        ("n", _("Make a new one")),
        ("j", _("Next row")),
        ("k", _("Row before")),
        ("Enter", _("Open the row")),
        ("?", _("Show these keys")),
    ]
