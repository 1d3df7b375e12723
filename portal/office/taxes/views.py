"""Tax profiles: a small list, its form with rows of taxes, and a try of them."""

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import currencies, tax_profiles
from billing.models import ClientBilling, TaxProfile
from billing.suretax_profiles import find_words
from core.clock import today
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_user_timezone, current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render
from portal.office.saved import saved
from portal.office.taxes.forms import MODES, ProfileForm
from portal.office.taxes.trying import try_taxes
from portal.wording import refusal
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission
from tenants.stamps import make_stamp

bp = Blueprint("office_taxes", __name__, url_prefix="/office/tax-profiles")
CHANGED = "taxes-changed"
_REMOVE = "remove-"


@dataclass(frozen=True, slots=True)
class Desk:
    """A form and what it is drawn with; `profile` None is a new one."""

    form: ProfileForm
    currency: str
    total_places: int
    profile: TaxProfile | None = None


@bp.get("/")
@office_view(Permission.TAXES_READ)
def index() -> ResponseReturnValue:
    used = (
        select(func.count())
        .select_from(ClientBilling)
        .where(
            ClientBilling.reseller_id == TaxProfile.reseller_id,
            ClientBilling.tax_profile_id == TaxProfile.id,
        )
        .correlate(TaxProfile)
        .scalar_subquery()
    )
    with unit_of_work() as session:
        rows = session.execute(
            select(TaxProfile, Reseller.name.label("reseller"), used.label("clients"))
            .join(Reseller, Reseller.id == TaxProfile.reseller_id)
            .order_by(Reseller.name, TaxProfile.name)
            .limit(500)
        ).all()
        taxes = tax_profiles.list_rows_of(session, [row.TaxProfile.id for row in rows])
    return render(
        "office/taxes/index.html",
        "office/taxes/_table.html",
        rows=rows,
        taxes=taxes,
        modes=MODES,
        today=_today(),
        may_write=current_viewer().may(Permission.TAXES_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.TAXES_WRITE)
def new() -> ResponseReturnValue:
    home_id = current_scope().home_reseller_id
    form = ProfileForm(reseller_id=home_id, try_on=_today())
    with unit_of_work() as session:
        desk = _make_desk(session, form, home_id)
    return _draw(desk, opens=True)


@bp.post("/new")
@office_view(Permission.TAXES_WRITE)
def create() -> ResponseReturnValue:
    home_id = current_scope().home_reseller_id
    form = ProfileForm(request.form, data={"reseller_id": home_id})
    with unit_of_work() as session:
        desk = _make_desk(session, form, home_id)
    if _is_drafted(form):
        return _draw(desk)
    if not form.validate():
        return _draw(desk, status=422)
    with unit_of_work() as session:
        is_repeated = _find_same(session, form)
    if is_repeated:
        return _saved(form)
    try:
        with unit_of_work() as session:
            tax_profiles.create_profile(
                session,
                reseller_id=form.reseller_id.data,
                name=form.name.data or "",
                taxes=form.to_rows(),
                is_default=form.is_default.data,
                mode=form.mode.data,
                suretax=form.to_words(),
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(desk, status=422)
    return _saved(form)


@bp.get("/<int:profile_id>")
@office_view(Permission.TAXES_WRITE)
def edit(profile_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        profile = tax_profiles.get_profile(session, profile_id)
        rows = tax_profiles.list_rows(session, profile_id)
        words = find_words(session, profile_id)
        form = ProfileForm(
            data={
                "reseller_id": profile.reseller_id,
                "name": profile.name,
                "mode": profile.mode,
                "is_default": profile.is_default,
                "stamp": make_stamp(tax_profiles.facts(profile, rows, words)),
                **({} if words is None else words._asdict()),
            }
        )
        form.show(rows, _today())
        desk = _make_desk(session, form, profile.reseller_id, profile)
    return _draw(desk, opens=True)


@bp.post("/<int:profile_id>")
@office_view(Permission.TAXES_WRITE)
def update(profile_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        profile = tax_profiles.get_profile(session, profile_id)
        form = ProfileForm(request.form, data={"reseller_id": profile.reseller_id})
        desk = _make_desk(session, form, profile.reseller_id, profile)
    if _is_drafted(form):
        return _draw(desk)
    if not form.validate():
        return _draw(desk, status=422)
    try:
        with unit_of_work() as session:
            tax_profiles.update_profile(
                session,
                profile_id,
                name=form.name.data or "",
                taxes=form.to_rows(),
                is_default=form.is_default.data,
                mode=form.mode.data,
                suretax=form.to_words(),
                stamp=form.stamp.data or "",
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(desk, status=422)
    except ConflictError as error:
        return _draw(desk, status=409, messages=(refusal(error),))
    return _saved(form)


@bp.post("/<int:profile_id>/delete")
@office_view(Permission.TAXES_WRITE)
def delete(profile_id: int) -> ResponseReturnValue:
    """Only where no client has it and it is not the default."""
    with unit_of_work() as session:
        tax_profiles.delete_profile(session, profile_id)
    return saved(
        _("The tax profile is deleted."), changed=CHANGED, address=url_for("office_taxes.index")
    )


def _is_drafted(form: ProfileForm) -> bool:
    """Whether a button of the form was pressed that saves nothing; its work is done."""
    action = request.form.get("action", "")
    if action == "add":
        form.add_row()
    elif action.startswith(_REMOVE):
        form.remove_row(action.removeprefix(_REMOVE))
    return action == "add" or action == "try" or action.startswith(_REMOVE)


def _find_same(session: Session, form: ProfileForm) -> bool:
    """Whether this very profile exists: the form was sent twice."""
    name = " ".join((form.name.data or "").split())
    wanted = {row._replace(name=" ".join(row.name.split())) for row in form.to_rows()}
    for profile in tax_profiles.list_profiles(session, form.reseller_id.data):
        if profile.name == name:
            rows = tax_profiles.list_rows(session, profile.id)
            words = find_words(session, profile.id)
            same_words = words is None or words.sales_type == form.sales_type.data
            return profile.mode == form.mode.data and set(rows) == wanted and same_words
    return False


def _make_desk(
    session: Session, form: ProfileForm, reseller_id: int, profile: TaxProfile | None = None
) -> Desk:
    family = resellers.list_resellers(session)
    form.reseller_id.choices = to_choices([(one.id, one.name) for one in family])
    own = {one.id: one.currency for one in family}
    chosen = form.reseller_id.data if profile is None else reseller_id
    if chosen not in own:
        chosen = reseller_id
    places = currencies.precision_of(session, chosen, own[chosen]).totals
    return Desk(form, own[chosen], places, profile)


def _today() -> date:
    return today(current_user_timezone())


def _saved(form: ProfileForm) -> Response:
    return saved(
        _("%(name)s is saved.", name=form.name.data),
        changed=CHANGED,
        address=url_for("office_taxes.index"),
    )


def _draw(
    desk: Desk, *, status: int = 200, messages: tuple[str, ...] = (), opens: bool = False
) -> Response:
    form = desk.form
    day = form.try_on.data or _today()
    page = render(
        "office/taxes/form.html",
        "office/taxes/_form.html",
        status=status,
        form=form,
        profile=desk.profile,
        messages=messages,
        trial=try_taxes(
            form.to_rows(),
            form.mode.data or "",
            form.try_amount.data,
            day,
            desk.currency,
            desk.total_places,
        ),
        currency=desk.currency,
    )
    return hx(page, trigger={"dialog:open": {}}) if opens else page
