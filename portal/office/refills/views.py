"""Refills: list, page, a charge of a saved card by the staff, looking up, resuming auto payment."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form, SelectField
from wtforms.validators import InputRequired

from core import jobs
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.uow import unit_of_work
from payments import attempts, auto_payment, refills, saved_cards
from payments.models import SavedCard
from portal.access import current_viewer, office_view
from portal.fields import AmountField, put_error, to_choices
from portal.formatting import money
from portal.htmx import hx, render, toast, wants_partial
from portal.keyset import read_place
from portal.listing import chosen, render_list
from portal.next_page import safe_next
from portal.office import client_choice
from portal.office.client_choice import ChosenClient
from portal.office.form_ids import read_form_id
from portal.office.period import period_options, read_period
from portal.office.refills import queries
from portal.office.refills.queries import SOURCES, STATES, Filters
from portal.wording import refusal
from tenants.permissions import Permission

bp = Blueprint("office_refills", __name__, url_prefix="/office/refills")


class RefillForm(Form):
    """Charge a saved card now."""

    amount = AmountField(_l("Amount"), [InputRequired(_l("Enter an amount."))])
    saved_card_id = SelectField(_l("Saved card"), [InputRequired(_l("Choose a card."))], coerce=str)


@bp.get("/")
@office_view(Permission.PAYMENTS_READ)
def index() -> ResponseReturnValue:
    filters = Filters(
        search=request.args.get("q", "").strip()[:100],
        client_id=request.args.get("client", type=int),
        state=chosen("state", STATES, "any"),
        source=chosen("source", SOURCES, "any"),
        period=read_period(),
    )
    with unit_of_work() as session:
        client = client_choice.find_chosen(session, filters.client_id)
        page = queries.read_refills(session, filters, read_place())
    return render_list(
        "office/refills/index.html",
        "office/refills/_table.html",
        page=page,
        filters=filters,
        client=client,
        periods=period_options(),
    )


@bp.get("/<uuid:refill_id>")
@office_view(Permission.PAYMENTS_READ)
def show(refill_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        page = queries.get_page(session, refill_id)
    return render(
        "office/refills/show.html",
        "office/refills/_refill.html",
        page=page,
        may_execute=current_viewer().may(Permission.PAYMENTS_EXECUTE),
    )


@bp.get("/new")
@office_view(Permission.PAYMENTS_EXECUTE)
def new() -> ResponseReturnValue:
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.args.get("client", 0, type=int))
        cards = saved_cards.list_cards(session, client.id)
        due = auto_payment.preview(session, client.id)
    form = _form(cards)
    if due.is_due:
        form.amount.data = due.amount
    return _draw(client, cards, form, new_id())


@bp.post("/new")
@office_view(Permission.PAYMENTS_EXECUTE)
def create() -> ResponseReturnValue:
    """Ask for the charge; a worker makes it. The same drawn form sent twice charges once."""
    refill_id = read_form_id("refill_id")
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.form.get("client", 0, type=int))
        cards = saved_cards.list_cards(session, client.id)
    form = _form(cards)
    if not form.validate() or form.amount.data is None:
        return _draw(client, cards, form, refill_id, status=422)
    try:
        with unit_of_work() as session:
            refill = refills.request_refill(
                session,
                refill_id=refill_id,
                client_id=client.id,
                amount=form.amount.data,
                saved_card_id=UUID(form.saved_card_id.data),
                source="staff",
            )
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(client, cards, form, refill_id, status=422, messages=messages)
    amount = f"{money(refill.amount, refill.currency)} {refill.currency}"
    flash(_("The card is being charged %(amount)s.", amount=amount), "info")
    address = url_for("office_refills.show", refill_id=refill_id)
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


@bp.post("/<uuid:refill_id>/look-up")
@office_view(Permission.PAYMENTS_EXECUTE)
def look_up(refill_id: UUID) -> ResponseReturnValue:
    """Ask the gateway now instead of when it is due; harmless at any time."""
    with unit_of_work() as session:
        page = queries.get_page(session, refill_id)
        attempt = page.open_attempt
        if attempt is None:
            if page.is_open:
                _enqueue_charge(session, page)
            else:
                raise ConflictError("This refill is finished; there is nothing to ask.")
        else:
            attempts.request_look(session, attempts.get_attempt(session, attempt.key))
    text = _("The gateway is being asked.")
    if wants_partial():
        return hx(trigger={"refills-changed": {}, "toast": toast(text, "info")}, reswap="none")
    flash(text, "info")
    return redirect(url_for("office_refills.show", refill_id=refill_id), 303)


@bp.post("/resume/<int:client_id>")
@office_view(Permission.PAYMENTS_EXECUTE)
def resume(client_id: int) -> ResponseReturnValue:
    """End the suspension of a client's auto payment; what is due is charged at once."""
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, client_id)
        row = auto_payment.find_row(session, client_id)
        if row is None:
            raise NotFoundError
        if row.suspended_at is not None or row.next_try_at is not None:
            auto_payment.resume(session, client_id)
            jobs.enqueue(
                session,
                "payments.auto_charge",
                reseller_id=client.reseller_id,
                client_id=client_id,
            )
    flash(_("Auto payment of %(name)s goes on.", name=client.name), "success")
    address = safe_next(request.form.get("next"), panel=False)
    return redirect(address or url_for("office_clients.show", client_id=client_id), 303)


def _enqueue_charge(session: Session, page: queries.RefillPage) -> None:
    jobs.enqueue(
        session,
        "payments.charge_refill",
        reseller_id=page.refill.reseller_id,
        refill_id=str(page.refill.id),
    )


def _form(cards: list[SavedCard]) -> RefillForm:
    form = RefillForm(request.form if request.method == "POST" else None)
    form.saved_card_id.choices = to_choices(
        [(str(one.id), f"{one.brand} ···· {one.last_four}") for one in cards]
    )
    return form


def _draw(
    client: ChosenClient,
    cards: list[SavedCard],
    form: RefillForm,
    refill_id: UUID,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/refills/new.html",
        "office/refills/_form.html",
        status=status,
        client=client,
        cards=cards,
        form=form,
        refill_id=refill_id,
        messages=messages or [],
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
