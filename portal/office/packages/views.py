"""Packages: a small list and its form."""

from dataclasses import asdict

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import packages
from billing.package_models import Package
from billing.packages import StalePackageError, Terms
from core.db import Session
from core.errors import InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render
from portal.listing import chosen
from portal.office.packages import queries
from portal.office.packages.blueprint import bp
from portal.office.packages.forms import ROWS, PackageForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants import resellers
from tenants.permissions import Permission

CHANGED = "packages-changed"


@bp.get("/")
@office_view(Permission.PACKAGES_READ)
def index() -> ResponseReturnValue:
    shown = chosen("show", queries.SHOWN, "current")
    with unit_of_work() as session:
        rows = queries.list_packages(session, shown)
    return render(
        "office/packages/index.html",
        "office/packages/_table.html",
        rows=rows,
        shown=shown,
        may_write=current_viewer().may(Permission.PACKAGES_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.PACKAGES_WRITE)
def new() -> ResponseReturnValue:
    with unit_of_work() as session:
        home = resellers.get_reseller(session, current_scope().home_reseller_id)
        form = PackageForm(reseller_id=home.id, currency=home.currency, prorate_start=True)
        _offer(session, form)
    return _draw(form)


@bp.post("/new")
@office_view(Permission.PACKAGES_WRITE)
def create() -> ResponseReturnValue:
    form = PackageForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
    if not form.validate():
        return _draw(form, status=422)
    terms = form.to_terms()
    try:
        with unit_of_work() as session:
            reseller_id = resellers.check_choice(session, form.reseller_id.data).id
            if not queries.exists_same(session, reseller_id, terms):
                packages.create_package(session, reseller_id=reseller_id, terms=terms)
    except InvalidInputError as error:
        _put(form, error)
        return _draw(form, status=422)
    return _saved(form)


@bp.get("/<int:package_id>")
@office_view(Permission.PACKAGES_WRITE)
def edit(package_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        package = packages.get_package(session, package_id)
        terms = packages.get_terms(session, package)
        form = _filled(package, terms)
        _offer(session, form, stored=package.currency)
        is_used = packages.is_used(session, package)
    return _draw(form, package, is_used=is_used)


@bp.post("/<int:package_id>")
@office_view(Permission.PACKAGES_WRITE)
def update(package_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        package = packages.get_package(session, package_id)
        form = PackageForm(request.form, data={"reseller_id": package.reseller_id})
        _offer(session, form, stored=package.currency)
        is_used = packages.is_used(session, package)
    if not form.validate():
        return _draw(form, package, is_used=is_used, status=422)
    try:
        with unit_of_work() as session:
            packages.update_package(
                session,
                package_id,
                version=request.form.get("version", 0, type=int),
                terms=form.to_terms(),
            )
    except InvalidInputError as error:
        _put(form, error)
        return _draw(form, package, is_used=is_used, status=422)
    except StalePackageError as error:
        return _draw(form, package, is_used=is_used, status=409, messages=[refusal(error)])
    return _saved(form)


@bp.post("/<int:package_id>/delete")
@office_view(Permission.PACKAGES_WRITE)
def delete(package_id: int) -> ResponseReturnValue:
    """Only one that nobody ever had."""
    with unit_of_work() as session:
        packages.delete_package(session, package_id)
    return saved(
        _("The package is deleted."), changed=CHANGED, address=url_for("office_packages.index")
    )


def _filled(package: Package, terms: Terms) -> PackageForm:
    values = asdict(terms)
    values["units"] = [asdict(one) for one in terms.units] + [
        {} for _row in range(max(ROWS - len(terms.units), 1))
    ]
    return PackageForm(data={**values, "reseller_id": package.reseller_id})


def _offer(session: Session, form: PackageForm, *, stored: str = "") -> None:
    form.offer([(one.id, one.name) for one in resellers.list_resellers(session)], stored=stored)


def _put(form: PackageForm, error: InvalidInputError) -> None:
    if error.field == "units" or not put_error(form, error):
        form.name.errors = [*form.name.errors, refusal(error)]


def _saved(form: PackageForm) -> Response:
    return saved(
        _("%(name)s is saved.", name=form.name.data),
        changed=CHANGED,
        address=url_for("office_packages.index"),
    )


def _draw(
    form: PackageForm,
    package: Package | None = None,
    *,
    is_used: bool = False,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/packages/form.html",
        "office/packages/_form.html",
        status=status,
        form=form,
        package=package,
        is_used=is_used,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
