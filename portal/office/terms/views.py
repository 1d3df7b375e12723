"""Payment terms: a small list and its form."""

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import payment_terms
from billing.models import ClientBilling, PaymentTerms
from core.db import Session
from core.errors import InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render
from portal.office.saved import saved
from portal.office.terms.forms import TermsForm
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission

bp = Blueprint("office_terms", __name__, url_prefix="/office/payment-terms")
CHANGED = "terms-changed"


@bp.get("/")
@office_view(Permission.TERMS_READ)
def index() -> ResponseReturnValue:
    used = (
        select(func.count())
        .select_from(ClientBilling)
        .where(
            ClientBilling.reseller_id == PaymentTerms.reseller_id,
            ClientBilling.payment_terms_id == PaymentTerms.id,
        )
        .correlate(PaymentTerms)
        .scalar_subquery()
    )
    with unit_of_work() as session:
        rows = session.execute(
            select(PaymentTerms, Reseller.name.label("reseller"), used.label("clients"))
            .join(Reseller, Reseller.id == PaymentTerms.reseller_id)
            .order_by(Reseller.name, PaymentTerms.name)
            .limit(500)
        ).all()
    return render(
        "office/terms/index.html",
        "office/terms/_table.html",
        rows=rows,
        may_write=current_viewer().may(Permission.TERMS_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.TERMS_WRITE)
def new() -> ResponseReturnValue:
    form = TermsForm(reseller_id=current_scope().home_reseller_id, grace_days=14)
    with unit_of_work() as session:
        _offer(session, form)
    return _draw(form)


@bp.post("/new")
@office_view(Permission.TERMS_WRITE)
def create() -> ResponseReturnValue:
    form = TermsForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
        repeated = _find_same(session, form)
    if repeated:
        return _saved(form)
    if not form.validate():
        return _draw(form, status=422)
    try:
        with unit_of_work() as session:
            payment_terms.create_terms(
                session, reseller_id=form.reseller_id.data, **form.to_details()
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, status=422)
    return _saved(form)


@bp.get("/<int:terms_id>")
@office_view(Permission.TERMS_WRITE)
def edit(terms_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        terms = payment_terms.get_terms(session, terms_id)
        form = TermsForm(obj=terms)
        form.show(terms)
        _offer(session, form)
    return _draw(form, terms)


@bp.post("/<int:terms_id>")
@office_view(Permission.TERMS_WRITE)
def update(terms_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        terms = payment_terms.get_terms(session, terms_id)
        form = TermsForm(request.form, obj=terms)
        _offer(session, form)
    if not form.validate():
        return _draw(form, terms, status=422)
    try:
        with unit_of_work() as session:
            payment_terms.update_terms(session, terms_id, **form.to_details())
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, terms, status=422)
    return _saved(form)


@bp.post("/<int:terms_id>/delete")
@office_view(Permission.TERMS_WRITE)
def delete(terms_id: int) -> ResponseReturnValue:
    """Only where no client has them."""
    with unit_of_work() as session:
        payment_terms.delete_terms(session, terms_id)
    return saved(
        _("The payment terms are deleted."), changed=CHANGED, address=url_for("office_terms.index")
    )


def _find_same(session: Session, form: TermsForm) -> bool:
    """Whether these very terms exist: the form was sent twice."""
    name = " ".join((form.name.data or "").split())
    for terms in payment_terms.list_terms(session, form.reseller_id.data or 0):
        facts = form.to_details()
        if terms.name == name:
            return all(
                getattr(terms, field) == (sorted(set(value)) if isinstance(value, list) else value)
                for field, value in {**facts, "name": name}.items()
            )
    return False


def _offer(session: Session, form: TermsForm) -> None:
    form.reseller_id.choices = to_choices(
        [(one.id, one.name) for one in resellers.list_resellers(session)]
    )


def _saved(form: TermsForm) -> Response:
    return saved(
        _("%(name)s is saved.", name=form.name.data),
        changed=CHANGED,
        address=url_for("office_terms.index"),
    )


def _draw(form: TermsForm, terms: PaymentTerms | None = None, *, status: int = 200) -> Response:
    page = render(
        "office/terms/form.html", "office/terms/_form.html", status=status, form=form, terms=terms
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
