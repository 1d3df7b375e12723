"""The currencies of a company and their precision."""

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import currencies
from core.currencies import get_currency
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render
from portal.office.currencies.blueprint import CURRENCIES_CHANGED, bp, open_reseller
from portal.office.currencies.forms import NewCurrencyForm, PrecisionForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission
from tenants.stamps import make_stamp


@bp.get("/")
@office_view(Permission.CURRENCIES_READ)
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        reseller = open_reseller(session)
        rows = currencies.list_currencies(session, reseller.id)
        family = resellers.list_resellers(session)
    return render(
        "office/currencies/index.html",
        "office/currencies/_table.html",
        reseller=reseller,
        family=family,
        rows=rows,
        names={one.code: get_currency(one.code).name for one in rows},
        may_write=current_viewer().may(Permission.CURRENCIES_WRITE),
    )


@bp.get("/new")
@office_view(Permission.CURRENCIES_WRITE)
def new() -> ResponseReturnValue:
    form = NewCurrencyForm(rate_places=6, detail_places=6, total_places=2)
    with unit_of_work() as session:
        reseller = open_reseller(session)
        form.offer(currencies.list_codes(session, reseller.id))
    return _draw(form, reseller)


@bp.post("/new")
@office_view(Permission.CURRENCIES_WRITE)
def create() -> ResponseReturnValue:
    form = NewCurrencyForm(request.form)
    with unit_of_work() as session:
        reseller = open_reseller(session)
        form.offer(currencies.list_codes(session, reseller.id))
    if not form.validate():
        return _draw(form, reseller, status=422)
    try:
        with unit_of_work() as session:
            currencies.save_currency(
                session,
                reseller_id=reseller.id,
                code=form.code.data,
                precision=form.to_precision(),
                stamp=None,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, reseller, status=422)
    return _saved(form.code.data, reseller)


@bp.get("/<int:reseller_id>/<currency>")
@office_view(Permission.CURRENCIES_WRITE)
def edit(reseller_id: int, currency: str) -> ResponseReturnValue:
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, reseller_id)
        _check_used(currencies.list_codes(session, reseller_id), currency)
        facts = currencies.facts(currencies.precision_of(session, reseller_id, currency))
    form = PrecisionForm(data={**facts, "stamp": make_stamp(facts)})
    return _draw(form, reseller, currency)


@bp.post("/<int:reseller_id>/<currency>")
@office_view(Permission.CURRENCIES_WRITE)
def update(reseller_id: int, currency: str) -> ResponseReturnValue:
    form = PrecisionForm(request.form)
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, reseller_id)
        _check_used(currencies.list_codes(session, reseller_id), currency)
    if not form.validate():
        return _draw(form, reseller, currency, status=422)
    try:
        with unit_of_work() as session:
            currencies.save_currency(
                session,
                reseller_id=reseller_id,
                code=currency,
                precision=form.to_precision(),
                stamp=form.stamp.data or "",
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, reseller, currency, status=422)
    except ConflictError as error:
        return _draw(form, reseller, currency, status=409, messages=(refusal(error),))
    return _saved(currency, reseller)


@bp.post("/<int:reseller_id>/<currency>/remove")
@office_view(Permission.CURRENCIES_WRITE)
def remove(reseller_id: int, currency: str) -> ResponseReturnValue:
    """Only where nothing needs it."""
    with unit_of_work() as session:
        reseller = resellers.get_reseller(session, reseller_id)
        currencies.remove_currency(session, reseller_id, currency)
    return saved(
        _("%(currency)s is removed.", currency=currency),
        changed=CURRENCIES_CHANGED,
        address=_address(reseller),
    )


def _check_used(used: set[str], currency: str) -> None:
    if currency not in used:
        raise NotFoundError("Currency not found.")


def _address(reseller: Reseller) -> str:
    is_own = reseller.id == current_scope().home_reseller_id
    return url_for("office_currencies.index", reseller=None if is_own else reseller.id)


def _saved(currency: str, reseller: Reseller) -> Response:
    return saved(
        _("%(name)s is saved.", name=currency),
        changed=CURRENCIES_CHANGED,
        address=_address(reseller),
    )


def _draw(
    form: PrecisionForm,
    reseller: Reseller,
    currency: str = "",
    *,
    status: int = 200,
    messages: tuple[str, ...] = (),
) -> Response:
    page = render(
        "office/currencies/form.html",
        "office/currencies/_form.html",
        status=status,
        form=form,
        reseller=reseller,
        currency=currency,
        minor=get_currency(currency).minor_digits if currency else None,
        messages=messages,
        back=_address(reseller),
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
