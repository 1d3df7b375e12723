"""Tax profiles: a small list and its form."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import tax_profiles
from billing.models import ClientBilling, TaxProfile
from billing.taxes import TaxRate
from core.db import Session
from core.errors import InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render
from portal.office.saved import saved
from portal.office.taxes.forms import ROWS, ProfileForm
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission

bp = Blueprint("office_taxes", __name__, url_prefix="/office/tax-profiles")
CHANGED = "taxes-changed"


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
        taxes = {
            row.TaxProfile.id: tax_profiles.list_taxes(session, row.TaxProfile.id) for row in rows
        }
    return render(
        "office/taxes/index.html",
        "office/taxes/_table.html",
        rows=rows,
        taxes=taxes,
        may_write=current_viewer().may(Permission.TAXES_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.TAXES_WRITE)
def new() -> ResponseReturnValue:
    form = ProfileForm(reseller_id=current_scope().home_reseller_id)
    with unit_of_work() as session:
        _offer(session, form)
    return _draw(form)


@bp.post("/new")
@office_view(Permission.TAXES_WRITE)
def create() -> ResponseReturnValue:
    form = ProfileForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
    if not form.validate():
        return _draw(form, status=422)
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
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, status=422)
    return _saved(form)


@bp.get("/<int:profile_id>")
@office_view(Permission.TAXES_WRITE)
def edit(profile_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        profile = tax_profiles.get_profile(session, profile_id)
        form = _filled(profile, tax_profiles.list_taxes(session, profile_id))
        _offer(session, form)
    return _draw(form, profile)


@bp.post("/<int:profile_id>")
@office_view(Permission.TAXES_WRITE)
def update(profile_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        profile = tax_profiles.get_profile(session, profile_id)
        form = ProfileForm(request.form, data={"reseller_id": profile.reseller_id})
        _offer(session, form)
    if not form.validate():
        return _draw(form, profile, status=422)
    try:
        with unit_of_work() as session:
            tax_profiles.update_profile(
                session,
                profile_id,
                name=form.name.data or "",
                taxes=form.to_rows(),
                is_default=form.is_default.data,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, profile, status=422)
    return _saved(form)


@bp.post("/<int:profile_id>/delete")
@office_view(Permission.TAXES_WRITE)
def delete(profile_id: int) -> ResponseReturnValue:
    """Only where no client has it."""
    with unit_of_work() as session:
        tax_profiles.delete_profile(session, profile_id)
    return saved(
        _("The tax profile is deleted."), changed=CHANGED, address=url_for("office_taxes.index")
    )


def _find_same(session: Session, form: ProfileForm) -> bool:
    """Whether this very profile exists: the form was sent twice."""
    name = " ".join((form.name.data or "").split())
    wanted = {(" ".join(tax.split()), percent, rank) for tax, percent, rank in form.to_rows()}
    for profile in tax_profiles.list_profiles(session, form.reseller_id.data):
        if profile.name == name:
            taxes = tax_profiles.list_taxes(session, profile.id)
            return {(tax.name, tax.percent, tax.priority) for tax in taxes} == wanted
    return False


def _filled(profile: TaxProfile, taxes: list[TaxRate]) -> ProfileForm:
    rows = [{"name": tax.name, "percent": tax.percent, "priority": tax.priority} for tax in taxes]
    rows += [{} for _row in range(max(ROWS - len(rows), 1))]
    return ProfileForm(
        data={
            "reseller_id": profile.reseller_id,
            "name": profile.name,
            "is_default": profile.is_default,
            "taxes": rows,
        }
    )


def _offer(session: Session, form: ProfileForm) -> None:
    form.reseller_id.choices = to_choices(
        [(one.id, one.name) for one in resellers.list_resellers(session)]
    )


def _saved(form: ProfileForm) -> Response:
    return saved(
        _("%(name)s is saved.", name=form.name.data),
        changed=CHANGED,
        address=url_for("office_taxes.index"),
    )


def _draw(form: ProfileForm, profile: TaxProfile | None = None, *, status: int = 200) -> Response:
    page = render(
        "office/taxes/form.html",
        "office/taxes/_form.html",
        status=status,
        form=form,
        profile=profile,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
