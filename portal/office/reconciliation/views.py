"""Reconciliation: runs each night and on demand, differences and what to do about each."""

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from core.errors import InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from payments import reconciliation
from payments.reconciliation import MOST_DAYS, MOST_NOTE
from payments.refund_models import ReconciliationDifference
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render, toast, wants_partial
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office.form_ids import read_form_id
from portal.office.reconciliation import queries
from portal.office.reconciliation.queries import STATES, AccountRow
from portal.wording import refusal
from tenants.permissions import Permission

bp = Blueprint("office_reconciliation", __name__, url_prefix="/office/reconciliation")

_DAYS = 7


class RunForm(Form):
    """Compare now."""

    account_id = SelectField(
        _l("Payment gateway"), [InputRequired(_l("Choose a payment gateway."))], coerce=int
    )
    days = IntegerField(
        _l("Days back"),
        [
            InputRequired(_l("Enter a number of days.")),
            NumberRange(min=1, max=MOST_DAYS, message=_l("Enter from 1 to 90 days.")),
        ],
        default=_DAYS,
    )


class EndForm(Form):
    """Why a difference is none any more."""

    note = StringField(
        _l("What you found out or did"),
        [InputRequired(_l("Say what you found out or did.")), Length(max=MOST_NOTE)],
    )


@bp.get("/")
@office_view(Permission.PAYMENTS_READ)
def index() -> ResponseReturnValue:
    state = chosen("state", STATES, "open")
    with unit_of_work() as session:
        page = queries.read_differences(session, state, read_place())
        runs = queries.list_runs(session)
        has_accounts = bool(queries.list_accounts(session))
    return render_list(
        "office/reconciliation/index.html",
        "office/reconciliation/_table.html",
        page=page,
        runs=runs,
        is_whole=False,
        state=state,
        has_accounts=has_accounts,
        may_execute=current_viewer().may(Permission.PAYMENTS_EXECUTE),
    )


@bp.get("/runs")
@office_view(Permission.PAYMENTS_READ)
def runs() -> ResponseReturnValue:
    """The latest runs; the box asks for itself anew while one is under way."""
    with unit_of_work() as session:
        latest = queries.list_runs(session)
    page = render(
        "office/reconciliation/runs.html",
        "office/reconciliation/_runs.html",
        runs=latest,
        is_whole=not wants_partial() or request.args.get("whole") == "1",
    )
    was_open = request.args.get("open") == "1"
    is_over = was_open and not any(one.is_open for one in latest)
    return hx(page, trigger={"reconciliation-changed": {}}) if is_over else page


@bp.get("/run")
@office_view(Permission.PAYMENTS_EXECUTE)
def ask() -> ResponseReturnValue:
    with unit_of_work() as session:
        accounts = queries.list_accounts(session)
    return _draw_run(_run_form(accounts), accounts)


@bp.post("/run")
@office_view(Permission.PAYMENTS_EXECUTE)
def run() -> ResponseReturnValue:
    """Ask for a comparison; a worker makes it. Sent twice it is one."""
    run_id = read_form_id("run_id")
    with unit_of_work() as session:
        accounts = queries.list_accounts(session)
    form = _run_form(accounts)
    if not form.validate():
        return _draw_run(form, accounts, status=422)
    with unit_of_work() as session:
        reconciliation.request_run(
            session, run_id=run_id, account_id=form.account_id.data, days=form.days.data or _DAYS
        )
    return _done(_("The gateway's list is being compared with ours."))


@bp.post("/<int:difference_id>/book")
@office_view(Permission.PAYMENTS_EXECUTE)
def book(difference_id: int) -> ResponseReturnValue:
    """Book what went back at the gateway; a second click changes nothing."""
    with unit_of_work() as session:
        reconciliation.book(session, difference_id)
    return _done(_("It is booked."))


@bp.get("/<int:difference_id>/end")
@office_view(Permission.PAYMENTS_EXECUTE)
def end_form(difference_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        found = reconciliation.get_difference(session, difference_id)
    return _draw_end(found, EndForm())


@bp.post("/<int:difference_id>/end")
@office_view(Permission.PAYMENTS_EXECUTE)
def end(difference_id: int) -> ResponseReturnValue:
    """End it by a person's word."""
    form = EndForm(request.form)
    with unit_of_work() as session:
        found = reconciliation.get_difference(session, difference_id)
    if not form.validate():
        return _draw_end(found, form, status=422)
    try:
        with unit_of_work() as session:
            reconciliation.dismiss(session, difference_id, note=form.note.data or "")
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw_end(found, form, status=422, messages=messages)
    return _done(_("The difference is ended."))


def _run_form(accounts: list[AccountRow]) -> RunForm:
    form = RunForm(request.form if request.method == "POST" else None)
    is_family = len({one.reseller for one in accounts}) > 1
    form.account_id.choices = to_choices(
        [
            (
                one.id,
                f"{one.name} ({one.currency}) – {one.reseller}"
                if is_family
                else f"{one.name} ({one.currency})",
            )
            for one in accounts
        ]
    )
    return form


def _draw_run(form: RunForm, accounts: list[AccountRow], *, status: int = 200) -> Response:
    page = render(
        "office/reconciliation/run.html",
        "office/reconciliation/_run.html",
        status=status,
        form=form,
        accounts=accounts,
        run_id=new_id(),
        messages=[],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _draw_end(
    found: ReconciliationDifference,
    form: EndForm,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/reconciliation/end.html",
        "office/reconciliation/_end.html",
        status=status,
        found=found,
        form=form,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _done(text: str) -> ResponseReturnValue:
    if wants_partial():
        return hx(
            trigger={
                "dialog:close": {},
                "reconciliation-changed": {},
                "runs-changed": {},
                "toast": toast(text),
            },
            reswap="none",
        )
    flash(text, "success")
    return redirect(url_for("office_reconciliation.index"), 303)
