"""The rules for declined cards: when they are tried again, what stops it, what clients are told."""

from collections.abc import Sequence
from datetime import datetime

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.clock import now
from core.errors import ConflictError, InvalidInputError
from core.uow import unit_of_work
from core.zones import get_zone
from payments import dunning_rules
from payments.dunning_rules import Rules
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render, wants_partial
from portal.office.auto_payment import queries
from portal.office.auto_payment.blueprint import bp
from portal.office.auto_payment.forms import RulesForm, list_kinds, say_wait
from portal.office.client_choice import list_family
from portal.wording import refusal
from tenants.models import Reseller
from tenants.permissions import Permission
from tenants.stamps import make_stamp


@bp.get("/rules")
@office_view(Permission.GATEWAYS_READ)
def rules() -> ResponseReturnValue:
    with unit_of_work() as session:
        company = queries.get_company(session, request.args.get("reseller", type=int))
        held = dunning_rules.rules_of(session, company.id)
        family = list_family(session)
    form = RulesForm()
    form.show(held)
    return _draw(company, held, form, family=family)


@bp.post("/rules")
@office_view(Permission.GATEWAYS_WRITE)
def save_rules() -> ResponseReturnValue:
    form = RulesForm(request.form)
    with unit_of_work() as session:
        company = queries.get_company(session, request.form.get("reseller", type=int))
        held = dunning_rules.rules_of(session, company.id)
        family = list_family(session)
    if not form.validate():
        return _draw(company, held, form, family=family, status=422)
    try:
        with unit_of_work() as session:
            dunning_rules.save_rules(
                session, company.id, form.to_rules(), stamp=request.form.get("stamp", "")
            )
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(company, held, form, family=family, messages=messages, status=422)
    except ConflictError as error:
        return _draw(company, held, form, family=family, messages=[refusal(error)], status=409)
    flash(_("The rules are saved. What is planned already stays planned."), "success")
    address = url_for("office_auto_payment.rules", reseller=company.id)
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


def _draw(
    company: Reseller,
    held: Rules,
    form: RulesForm,
    *,
    family: list[tuple[int, str]],
    messages: Sequence[str] = (),
    status: int = 200,
) -> Response:
    return render(
        "office/auto_payment/rules.html",
        "office/auto_payment/_rules.html",
        status=status,
        company=company,
        form=form,
        kinds=list_kinds(),
        messages=list(messages),
        # who is told that somebody else saved has typed over what it knew: its next try is against
        # what is stored now, and it was told so
        stamp=make_stamp(held.facts()),
        family=family,
        example=_example(held, company),
        may_write=current_viewer().may(Permission.GATEWAYS_WRITE),
    )


def _example(held: Rules, company: Reseller) -> list[tuple[str, datetime | None]]:
    """What would follow a decline at this moment: each wait and when it ends; None: suspended."""
    zone, at = get_zone(company.timezone), now()
    found: list[tuple[str, datetime | None]] = []
    for declines in range(1, held.declines_to_suspend):
        place = min(declines, len(held.retry_hours)) - 1
        at = held.next_try(declines, at, zone)
        found.append((say_wait(held.retry_hours[place]), at))
    return [*found, ("", None)]
