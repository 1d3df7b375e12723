"""Exchange rates by date: the list, the rate of a day, new, change, delete."""

from datetime import date

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import currencies, exchange_rates
from billing.currency_models import ExchangeRate
from core.clock import today
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_user_timezone, current_viewer, office_view
from portal.fields import put_error, to_choices
from portal.htmx import hx, render
from portal.office.currencies import queries
from portal.office.currencies.blueprint import RATES_CHANGED, bp, open_reseller
from portal.office.currencies.forms import NewRateForm, RateForm
from portal.office.saved import saved
from portal.wording import refusal
from tenants import resellers
from tenants.models import Reseller
from tenants.permissions import Permission
from tenants.stamps import make_stamp


@bp.get("/rates")
@office_view(Permission.CURRENCIES_READ)
def list_rates() -> ResponseReturnValue:
    asked = queries.read_asked(request.args, today(current_user_timezone()))
    with unit_of_work() as session:
        reseller = open_reseller(session)
        page = queries.read_rates(session, reseller.id, asked)
        family = resellers.list_resellers(session)
        codes = sorted(currencies.list_codes(session, reseller.id))
        held = queries.read_held(session, reseller.id, asked)
    return render(
        "office/currencies/rates.html",
        "office/currencies/_rates.html",
        reseller=reseller,
        family=family,
        asked=asked,
        page=page,
        codes=codes,
        held=held,
        held_error="" if not isinstance(held, InvalidInputError) else refusal(held),
        is_own=reseller.id == current_scope().home_reseller_id,
        may_write=current_viewer().may(Permission.CURRENCIES_WRITE),
    )


@bp.get("/rates/new")
@office_view(Permission.CURRENCIES_WRITE)
def new_rate() -> ResponseReturnValue:
    with unit_of_work() as session:
        reseller = open_reseller(session)
        form = NewRateForm(day=today(current_user_timezone()), to_currency=reseller.currency)
        _offer(session, form, reseller.id)
    return _draw(form, reseller)


@bp.post("/rates/new")
@office_view(Permission.CURRENCIES_WRITE)
def create_rate() -> ResponseReturnValue:
    form = NewRateForm(request.form)
    with unit_of_work() as session:
        reseller = open_reseller(session)
        _offer(session, form, reseller.id)
    day: date | None = form.day.data
    if not form.validate() or day is None or form.rate.data is None:
        return _draw(form, reseller, status=422)
    try:
        with unit_of_work() as session:
            exchange_rates.create_rate(
                session,
                reseller_id=reseller.id,
                from_currency=form.from_currency.data,
                to_currency=form.to_currency.data,
                day=day,
                rate=form.rate.data,
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, reseller, status=422)
    return _saved(reseller)


@bp.get("/rates/<int:rate_id>")
@office_view(Permission.CURRENCIES_WRITE)
def edit_rate(rate_id: int) -> ResponseReturnValue:
    with unit_of_work() as session:
        rate = exchange_rates.get_rate(session, rate_id)
        reseller = resellers.get_reseller(session, rate.reseller_id)
    form = RateForm(
        data={"rate": rate.rate.normalize(), "stamp": make_stamp(exchange_rates.facts(rate))}
    )
    return _draw(form, reseller, rate)


@bp.post("/rates/<int:rate_id>")
@office_view(Permission.CURRENCIES_WRITE)
def update_rate(rate_id: int) -> ResponseReturnValue:
    form = RateForm(request.form)
    with unit_of_work() as session:
        rate = exchange_rates.get_rate(session, rate_id)
        reseller = resellers.get_reseller(session, rate.reseller_id)
    if not form.validate() or form.rate.data is None:
        return _draw(form, reseller, rate, status=422)
    try:
        with unit_of_work() as session:
            exchange_rates.update_rate(
                session, rate_id, rate=form.rate.data, stamp=form.stamp.data or ""
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, reseller, rate, status=422)
    except ConflictError as error:
        return _draw(form, reseller, rate, status=409, messages=(refusal(error),))
    return _saved(reseller)


@bp.post("/rates/<int:rate_id>/delete")
@office_view(Permission.CURRENCIES_WRITE)
def delete_rate(rate_id: int) -> ResponseReturnValue:
    """The one before it holds again."""
    with unit_of_work() as session:
        rate = exchange_rates.get_rate(session, rate_id)
        reseller = resellers.get_reseller(session, rate.reseller_id)
        exchange_rates.delete_rate(session, rate_id)
    return saved(
        _("The exchange rate is deleted."), changed=RATES_CHANGED, address=_address(reseller)
    )


def _offer(session: Session, form: NewRateForm, reseller_id: int) -> None:
    codes = sorted(currencies.list_codes(session, reseller_id))
    for field in (form.from_currency, form.to_currency):
        field.choices = to_choices([("", ""), *((code, code) for code in codes)])


def _address(reseller: Reseller) -> str:
    is_own = reseller.id == current_scope().home_reseller_id
    return url_for("office_currencies.list_rates", reseller=None if is_own else reseller.id)


def _saved(reseller: Reseller) -> Response:
    return saved(
        _("The exchange rate is saved."), changed=RATES_CHANGED, address=_address(reseller)
    )


def _draw(
    form: RateForm,
    reseller: Reseller,
    rate: ExchangeRate | None = None,
    *,
    status: int = 200,
    messages: tuple[str, ...] = (),
) -> Response:
    page = render(
        "office/currencies/rate.html",
        "office/currencies/_rate_form.html",
        status=status,
        form=form,
        reseller=reseller,
        rate=rate,
        messages=messages,
        back=_address(reseller),
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
