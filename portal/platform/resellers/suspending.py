"""Suspending a reseller and letting it back in, each with a reason."""

from collections.abc import Callable

from flask import Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.errors import InvalidInputError
from core.platform_uow import platform_unit_of_work
from portal.access import platform_view
from portal.fields import put_error
from portal.htmx import hx, render, wants_partial
from portal.platform.actor import platform_actor
from portal.platform.resellers.blueprint import bp
from portal.platform.resellers.forms import ReasonForm
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import PlatformPermission

Change = Callable[..., bool]


@bp.route("/<int:reseller_id>/suspend", methods=["GET", "POST"])
@platform_view(PlatformPermission.TENANTS_WRITE)
def suspend(reseller_id: int) -> ResponseReturnValue:
    return _change(reseller_id, "suspend", resellers.suspend)


@bp.route("/<int:reseller_id>/reactivate", methods=["GET", "POST"])
@platform_view(PlatformPermission.TENANTS_WRITE)
def reactivate(reseller_id: int) -> ResponseReturnValue:
    return _change(reseller_id, "reactivate", resellers.reactivate)


def _change(reseller_id: int, action: str, change: Change) -> ResponseReturnValue:
    with platform_unit_of_work() as session:
        reseller = resellers.get_reseller(session, reseller_id)
        beneath = len(resellers.list_family(session, reseller_id)) - 1
    form = ReasonForm()
    if not form.is_submitted():
        return _draw(form, reseller, action, beneath)
    if not form.validate():
        return _draw(form, reseller, action, beneath, status=422)
    try:
        with platform_unit_of_work() as session:
            change(session, reseller_id, reason=form.reason.data, actor=platform_actor())
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, reseller, action, beneath, status=422)
    # the same words for a second click: what was wished for is so
    if action == "suspend":
        flash(_("%(name)s is suspended; its people are signed out.", name=reseller.name), "success")
    else:
        flash(_("%(name)s is active again.", name=reseller.name), "success")
    address = url_for("platform_resellers.show", reseller_id=reseller_id)
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


def _draw(
    form: ReasonForm, reseller: Reseller, action: str, beneath: int, *, status: int = 200
) -> Response:
    page = render(
        "platform/resellers/reason.html",
        "platform/resellers/_reason.html",
        status=status,
        form=form,
        reseller=reseller,
        action=action,
        beneath=beneath,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
