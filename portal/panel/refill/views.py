"""Refill: the form, the way to the gateway's page and back, and the progress of a payment."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import cast
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from core import jobs
from core.clock import today
from core.errors import ConflictError, InvalidInputError, TemporaryError
from core.ids import new_id
from core.uow import unit_of_work
from payments import hosted_pages, refills
from payments.limits import limits_of
from payments.models import SavedCard
from payments.refills import Source
from portal.access import current_user_timezone, panel_view
from portal.fields import put_error
from portal.formatting import money
from portal.htmx import render
from portal.panel.card_words import card_name, expiry_text, is_bank, is_expired
from portal.panel.gateway_pages import gateway_opener, leave_for
from portal.panel.me import my_id
from portal.panel.refill import queries
from portal.panel.refill.forms import (
    OTHER_CARD,
    OWN,
    Method,
    RefillForm,
    limits_text,
    offered_amounts,
)
from portal.panel.refill.progress import describe
from portal.panel.refill.queries import Desk
from portal.wording import refusal

bp = Blueprint("panel_refill", __name__, url_prefix="/clients/refill")

# The box asks again after so many seconds, later less often, and in the end leaves it to a click.
_FIRST_DELAY_S, _LONGEST_DELAY_S, _LAST_LOOK = 1, 5, 120


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    """The form with a fresh refill id: however often it is sent, it is one payment."""
    with unit_of_work() as session:
        desk = queries.read_desk(session)
    form = RefillForm()
    methods = _methods(desk)
    _prefill(form, desk, methods)
    return _draw(desk, form, methods, new_id())


@bp.post("")
@panel_view
def create() -> ResponseReturnValue:
    """Ask for the payment; with another card, go on to the gateway's page."""
    refill_id = _read_refill_id()
    with unit_of_work() as session:
        desk = queries.read_desk(session)
    form, methods = RefillForm(), _methods(desk)
    if not form.validate():
        return _draw(desk, form, methods, refill_id, status=422)
    try:
        amount = form.read_amount(desk.me.currency)
        card_id = form.read_card_id(methods)
        with unit_of_work() as session:
            same = queries.find_same(session, amount=amount, card_id=card_id)
            if same is None and card_id is not None:
                refills.request_refill(
                    session,
                    refill_id=refill_id,
                    client_id=my_id(),
                    amount=amount,
                    saved_card_id=card_id,
                )
        if card_id is None:
            return _open_page(refill_id if same is None else same.id, amount)
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(desk, form, methods, refill_id, status=422, messages=messages)
    if same is not None and same.id != refill_id:
        flash(_("This payment is already on its way; it was not made a second time."), "info")
        return _go_to(same.id)
    return _go_to(refill_id)


@bp.get("/<uuid:refill_id>")
@panel_view
def show(refill_id: UUID) -> ResponseReturnValue:
    """The payment's progress: a page, or the box that replaces itself until the end."""
    with unit_of_work() as session:
        watch = queries.watch(session, refill_id)
    look = max(0, request.args.get("look", 0, type=int))
    is_back = "back" in request.args
    progress = describe(watch, is_back=is_back)
    is_tired = progress.state == "running" and look >= _LAST_LOOK
    return render(
        "panel/refill/show.html",
        "panel/refill/_progress.html",
        watch=watch,
        progress=progress,
        card_label=card_name(watch.card) if watch.card else _("on the gateway's page"),
        is_bank=watch.card is not None and is_bank(watch.card),
        state="unknown" if is_tired else progress.state,
        delay_s=min(_FIRST_DELAY_S + look // 4, _LONGEST_DELAY_S),
        next_look=url_for(
            ".show", refill_id=refill_id, look=look + 1, back="1" if is_back else None
        ),
        here=url_for(".show", refill_id=refill_id, back="1" if is_back else None),
    )


@bp.post("/<uuid:refill_id>/page")
@panel_view
def open_page(refill_id: UUID) -> ResponseReturnValue:
    """Open the gateway's page of a payment that waits for it, once more if need be."""
    with unit_of_work() as session:
        refill = refills.get_refill(session, refill_id)
    if refill.method != "hosted_page" or refill.state not in refills.OPEN_STATES:
        return _go_to(refill_id)
    return _open_page(refill_id, refill.amount, cast("Source", refill.source))


@bp.post("/<uuid:refill_id>/confirm")
@panel_view
def confirm(refill_id: UUID) -> ResponseReturnValue:
    """To the bank's page where the client confirms a charge; opened twice it is one charge."""
    with unit_of_work() as session:
        refills.get_refill(session, refill_id)
    try:
        page = hosted_pages.open_confirmation(
            unit_of_work,
            gateway_opener(),
            refill_id=refill_id,
            return_url=url_for(".come_back", refill_id=refill_id, _external=True),
        )
    except (TemporaryError, ConflictError) as error:
        flash(refusal(error), "error")
        return _go_to(refill_id)
    return leave_for(
        page,
        title=_("To your bank"),
        text=_("Your bank wants you to confirm this payment. Afterwards you come back here."),
        back_href=url_for(".show", refill_id=refill_id),
    )


@bp.get("/<uuid:refill_id>/return")
@panel_view
def come_back(refill_id: UUID) -> ResponseReturnValue:
    """The browser returns from the gateway. That proves nothing: have the gateway asked.

    Writes nothing; a job looks the payment up, and another finds a card that was saved there.
    Opened again and again, the gateway is asked once in a few seconds.
    """
    with unit_of_work() as session:
        refill = refills.get_refill(session, refill_id)
        if hosted_pages.look_after_return(session, refill_id):
            jobs.enqueue(
                session,
                "payments.sync_cards",
                reseller_id=refill.reseller_id,
                client_id=refill.client_id,
            )
    return redirect(url_for(".show", refill_id=refill_id, back="1"), 303)


def _open_page(refill_id: UUID, amount: Decimal, source: Source = "panel") -> BaseResponse:
    """Hand the browser over to the gateway; its trouble is told on the payment's own page."""
    try:
        page = hosted_pages.begin_hosted_refill(
            unit_of_work,
            gateway_opener(),
            refill_id=refill_id,
            client_id=my_id(),
            amount=amount,
            return_url=url_for(".come_back", refill_id=refill_id, _external=True),
            cancel_url=url_for(".show", refill_id=refill_id, _external=True),
            source=source,
            offer_to_save=True,
        )
    except (TemporaryError, ConflictError) as error:
        flash(refusal(error), "error")
        return _go_to(refill_id)
    return leave_for(
        page,
        title=_("To the secure payment page"),
        text=_(
            "You type your card details on the page of the payment gateway; we never see them."
            " Afterwards you come back here."
        ),
        back_href=url_for(".show", refill_id=refill_id),
    )


def _go_to(refill_id: UUID) -> BaseResponse:
    return redirect(url_for(".show", refill_id=refill_id), 303)


def _read_refill_id() -> UUID:
    try:
        return UUID(request.form.get("refill_id", ""))
    except ValueError as error:
        raise InvalidInputError("This form is out of date. Load the page anew.") from error


def _methods(desk: Desk) -> list[Method]:
    """The saved cards, the default first, then another card; none when no gateway is there."""
    if desk.account is None:
        return []
    day = today(current_user_timezone())
    return [
        *(_method_of(card, day) for card in desk.cards),
        Method(
            OTHER_CARD,
            _("Another card"),
            _("You type it on the secure page of the payment gateway."),
            icon="plus",
        ),
    ]


def _method_of(card: SavedCard, day: date) -> Method:
    if is_bank(card):
        note = _("Bank account. It comes to your balance when your bank has paid, in some days.")
        return Method(str(card.id), card_name(card), note, icon="building-bank")
    return Method(str(card.id), card_name(card), expiry_text(card, day), not is_expired(card, day))


def _prefill(form: RefillForm, desk: Desk, methods: Sequence[Method]) -> None:
    """The amount that the address asks for, else the second of the offer; the first usable card."""
    offered = offered_amounts(desk.rules, desk.me.currency)
    form.choice.data = str(offered[min(1, len(offered) - 1)])
    wanted = _wanted_amount(desk)
    if wanted is not None:
        form.choice.data = OWN
        limits = limits_of(desk.me.currency)
        form.amount.data = min(max(wanted, limits.least), limits.most)
        # as money is written: 412.10, not 412.1
        form.amount.raw_data = [money(form.amount.data, desk.me.currency)]
    form.method.data = next((one.value for one in methods if one.is_usable), OTHER_CARD)


def _wanted_amount(desk: Desk) -> Decimal | None:
    invoice = desk.find_invoice(request.args.get("invoice", type=UUID))
    if invoice is not None:
        return invoice.open
    if request.args.get("owed"):
        return desk.owed or None
    try:
        return refills.check_amount(Decimal(request.args.get("amount", "")), desk.me.currency)
    except (ArithmeticError, InvalidInputError):
        return None


def _draw(
    desk: Desk,
    form: RefillForm,
    methods: Sequence[Method],
    refill_id: UUID,
    *,
    status: int = 200,
    messages: Sequence[str] = (),
) -> Response:
    currency = desk.me.currency
    return render(
        "panel/refill/index.html",
        status=status,
        desk=desk,
        form=form,
        methods=methods,
        refill_id=refill_id,
        messages=list(messages),
        offered=[
            (str(one), f"{money(one, currency)} {currency}")
            for one in offered_amounts(desk.rules, currency)
        ],
        limits=limits_text(currency),
        invoice=desk.find_invoice(request.args.get("invoice", type=UUID)),
        own=OWN,
    )
