"""What the own company allows strangers: a form of its own beside the list."""

from dataclasses import asdict

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from mail.queue import portal_address
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import render
from portal.office.sign_ups.blueprint import bp
from portal.office.sign_ups.forms import RulesForm
from portal.wording import refusal
from tenants import client_templates, resellers, sign_up_rules
from tenants.permissions import Permission
from tenants.stamps import make_stamp


@bp.get("/rules")
@office_view(Permission.SETTINGS_READ)
def show_rules() -> ResponseReturnValue:
    with unit_of_work() as session:
        rules = sign_up_rules.read_own_rules(session)
    form = RulesForm(
        data={
            **asdict(rules),
            "domains": "\n".join(rules.domains),
            "stamp": make_stamp(asdict(rules)),
        }
    )
    return _draw(form)


@bp.post("/rules")
@office_view(Permission.SETTINGS_WRITE)
def save_rules() -> ResponseReturnValue:
    form = RulesForm(request.form)
    with unit_of_work() as session:
        _offer(session, form)
    if not form.validate():
        return _draw(form, status=422)
    try:
        with unit_of_work() as session:
            sign_up_rules.save_rules(
                session,
                current_scope().home_reseller_id,
                form.to_rules(),
                stamp=form.stamp.data or "",
            )
    except InvalidInputError as error:
        messages = () if put_error(form, error) else (refusal(error),)
        return _draw(form, status=422, messages=messages)
    except ConflictError as error:
        return _draw(form, status=409, messages=(refusal(error),))
    flash(_("The rules of sign-up are saved."), "success")
    return redirect(url_for(".show_rules"), 303)


def _offer(session: Session, form: RulesForm) -> None:
    home_id = current_scope().home_reseller_id
    form.offer(
        [(one.id, one.name) for one in client_templates.list_templates(session, home_id)],
        _("The default template"),
    )


def _draw(form: RulesForm, *, status: int = 200, messages: tuple[str, ...] = ()) -> Response:
    with unit_of_work() as session:
        _offer(session, form)
        home = resellers.get_reseller(session, current_scope().home_reseller_id)
    own = "" if home.portal_host else f"?portal={home.code}"
    return render(
        "office/sign_ups/rules.html",
        status=status,
        form=form,
        messages=messages,
        address=f"{portal_address(home.portal_host)}/clients/sign-up{own}",
        may_write=current_viewer().may(Permission.SETTINGS_WRITE),
    )
