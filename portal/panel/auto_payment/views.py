"""Automatic payment: how it is set, what it would do now, and the client's own choice."""

from collections.abc import Sequence
from decimal import Decimal

from flask import Blueprint, Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from core.clock import today
from core.db import Session
from core.errors import InvalidInputError
from core.uow import unit_of_work
from payments import auto_payment, saved_cards
from payments.models import ClientAutoPayment, SavedCard
from portal.access import current_user_timezone, panel_view
from portal.fields import put_error
from portal.formatting import money
from portal.htmx import render
from portal.panel import next_charge
from portal.panel.auto_payment.forms import AutoPaymentForm
from portal.panel.card_words import card_name, expiry_text, is_bank
from portal.panel.me import Me, my_id, read_me
from portal.panel.next_charge import NextCharge
from portal.wording import refusal
from tenants import panel_rules

bp = Blueprint("panel_auto_payment", __name__, url_prefix="/clients/auto-payment")


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        row = auto_payment.find_row(session, my_id())
        form = AutoPaymentForm(
            data={} if row is None else {"enabled": row.enabled, "extra_amount": row.extra_amount}
        )
        return _draw(session, row, form)


@bp.post("")
@panel_view
def save() -> ResponseReturnValue:
    """Keep the client's choice; the caps stay its provider's."""
    form = AutoPaymentForm()
    messages: list[str] = []
    if form.validate():
        extra = form.extra_amount.data if form.extra_amount.data is not None else Decimal(0)
        try:
            with unit_of_work() as session:
                auto_payment.save_own_choice(
                    session, my_id(), enabled=form.enabled.data, extra_amount=extra
                )
        except InvalidInputError as error:
            messages = [] if put_error(form, error) else [refusal(error)]
        else:
            text = (
                _("Automatic payment is on.")
                if form.enabled.data
                else _("Automatic payment is off.")
            )
            flash(text, "success")
            return redirect(url_for(".index"), 303)
    with unit_of_work() as session:
        row = auto_payment.find_row(session, my_id())
        return _draw(session, row, form, status=422, messages=messages)


def _draw(
    session: Session,
    row: ClientAutoPayment | None,
    form: AutoPaymentForm,
    *,
    status: int = 200,
    messages: Sequence[str] = (),
) -> Response:
    me = read_me(session)
    rules = panel_rules.read_rules(session, me.reseller_id)
    cards = saved_cards.list_cards(session, me.id)
    card = next((one for one in cards if one.is_default), None)
    return render(
        "panel/auto_payment/index.html",
        status=status,
        me=me,
        row=row,
        form=form,
        messages=list(messages),
        next_charge=_next_charge(session, me),
        is_disputed=row is not None and row.suspended_reason == auto_payment.DISPUTED,
        card_text=_card_text(card),
        is_bank=card is not None and is_bank(card),
        caps=_caps(me, row),
        may_switch=rules.switches_auto_payment,
    )


def _next_charge(session: Session, me: Me) -> NextCharge:
    return next_charge.describe(auto_payment.preview(session, me.id))


def _card_text(card: SavedCard | None) -> str:
    if card is None:
        return ""
    expiry = expiry_text(card, today(current_user_timezone()))
    return f"{card_name(card)}. {expiry}" if expiry else card_name(card)


def _caps(me: Me, row: ClientAutoPayment | None) -> list[tuple[str, str]]:
    """What the provider allows at most, in words."""
    if row is None:
        return []
    found = ((_("At most a day"), row.day_cap), (_("At most a month"), row.month_cap))
    return [
        (label, f"{money(cap, me.currency)} {me.currency}")
        for label, cap in found
        if cap is not None
    ]
