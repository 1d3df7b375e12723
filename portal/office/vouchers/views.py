"""Series of vouchers: the list, a new one, its page; and the list of all vouchers."""

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import vouchers
from core.db import Session
from core.errors import InvalidInputError
from core.ids import new_id
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal.access import current_viewer, office_view
from portal.fields import put_error
from portal.htmx import hx, render, wants_partial
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.office import client_choice
from portal.office.form_ids import read_form_id
from portal.office.vouchers import queries
from portal.office.vouchers.blueprint import bp
from portal.office.vouchers.forms import SeriesForm
from portal.office.vouchers.queries import STATES, Filters
from portal.wording import refusal
from tenants import resellers
from tenants.permissions import Permission


@bp.get("/")
@office_view(Permission.VOUCHERS_READ)
def index() -> ResponseReturnValue:
    search = request.args.get("q", "").strip()[:60]
    with unit_of_work() as session:
        page = queries.read_series(session, search, read_place())
    return render_list(
        "office/vouchers/index.html",
        "office/vouchers/_series.html",
        page=page,
        search=search,
        may_write=current_viewer().may(Permission.VOUCHERS_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/all")
@office_view(Permission.VOUCHERS_READ)
def list_all() -> ResponseReturnValue:
    """Every voucher, by state, series and serial number."""
    filters = Filters(
        search=request.args.get("q", "").strip()[:60],
        series_id=request.args.get("series", type=int),
        client_id=request.args.get("client", type=int),
        state=chosen("state", STATES, "any"),
    )
    with unit_of_work() as session:
        series = None
        if filters.series_id is not None:
            series = vouchers.get_series(session, filters.series_id)
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_vouchers(session, filters, read_place())
    return render_list(
        "office/vouchers/list.html",
        "office/vouchers/_vouchers.html",
        page=page,
        filters=filters,
        series=series,
        client=client,
        may_write=current_viewer().may(Permission.VOUCHERS_WRITE),
        is_family=len(current_scope().reseller_ids) > 1,
    )


@bp.get("/new")
@office_view(Permission.VOUCHERS_WRITE)
def new() -> ResponseReturnValue:
    with unit_of_work() as session:
        home = resellers.get_reseller(session, current_scope().home_reseller_id)
        form = SeriesForm(reseller_id=home.id, currency=home.currency)
        _offer(session, form)
    return _draw(form, str(new_id()))


@bp.post("/new")
@office_view(Permission.VOUCHERS_WRITE)
def create() -> ResponseReturnValue:
    """Ask for the series; a task makes its vouchers."""
    request_id = read_form_id("request_id")
    form = SeriesForm(request.form, data={"reseller_id": current_scope().home_reseller_id})
    with unit_of_work() as session:
        _offer(session, form)
    if not form.validate() or form.amount.data is None:
        return _draw(form, str(request_id), status=422)
    try:
        with unit_of_work() as session:
            series = vouchers.request_series(
                session,
                request_id=request_id,
                reseller_id=form.reseller_id.data,
                wish=form.to_wish(),
            )
    except InvalidInputError as error:
        messages = () if put_error(form, error) else (refusal(error),)
        return _draw(form, str(request_id), status=422, messages=messages)
    address = url_for(".show", series_id=series.id)
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


@bp.get("/series/<int:series_id>")
@office_view(Permission.VOUCHERS_READ)
def show(series_id: int) -> ResponseReturnValue:
    """One series; its box asks again while vouchers are made."""
    with unit_of_work() as session:
        page = queries.get_page(session, series_id)
    viewer = current_viewer()
    return render(
        "office/vouchers/show.html",
        "office/vouchers/_show.html",
        page=page,
        series=page.series,
        may_write=viewer.may(Permission.VOUCHERS_WRITE),
        may_take=viewer.may(Permission.VOUCHERS_EXECUTE),
    )


def _offer(session: Session, form: SeriesForm) -> None:
    form.offer(
        [(one.id, one.name) for one in resellers.list_resellers(session)],
        queries.list_accounts(session),
        _("An account of their own, “%(name)s”", name=vouchers.ACCOUNT),
    )


def _draw(
    form: SeriesForm, request_id: str, *, status: int = 200, messages: tuple[str, ...] = ()
) -> Response:
    page = render(
        "office/vouchers/form.html",
        "office/vouchers/_form.html",
        status=status,
        form=form,
        request_id=request_id,
        messages=messages,
        most=vouchers.MOST,
        days=vouchers.PINS_KEPT.days,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
