"""Cards: list, the way to the gateway's page and back, the default, removal."""

from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from core import jobs
from core.clock import now, today
from core.errors import ConflictError, InvalidInputError, TemporaryError
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments import saved_cards
from payments.gateways.base import MethodKind
from portal.access import current_user_timezone, panel_view
from portal.htmx import render
from portal.panel.card_words import brand_name, card_name, expiry_text, is_bank, is_expired
from portal.panel.cards import queries
from portal.panel.gateway_pages import gateway_opener, leave_for
from portal.panel.me import my_id
from portal.wording import refusal

bp = Blueprint("panel_cards", __name__, url_prefix="/clients/cards")

# The gateway's page is valid for a quarter of an hour: a card as young as this was added just now.
_JUST_NOW_S = 30 * 60


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    with unit_of_work() as session:
        wallet = queries.read_wallet(session)
    day = today(current_user_timezone())
    return render(
        "panel/cards/index.html",
        wallet=wallet,
        name_of=card_name,
        brand_of=brand_name,
        expiry_of=lambda card: expiry_text(card, day),
        is_expired=lambda card: is_expired(card, day),
        is_bank=is_bank,
    )


@bp.post("/add")
@panel_view
def add() -> ResponseReturnValue:
    """Hand the browser over to the gateway's page for a new card or bank account."""
    wants_bank = request.form.get("kind") == MethodKind.BANK_ACCOUNT
    try:
        page = saved_cards.request_card_page(
            unit_of_work,
            gateway_opener(),
            client_id=my_id(),
            return_url=url_for(".come_back", _external=True),
            cancel_url=url_for(".index", _external=True),
            kind=MethodKind.BANK_ACCOUNT if wants_bank else MethodKind.CARD,
        )
    except (TemporaryError, ConflictError, InvalidInputError) as error:
        flash(refusal(error), "error")
        return _to_list()
    if wants_bank:
        return leave_for(
            page,
            title=_("To the secure bank account page"),
            text=_(
                "You name your bank account on the page of the payment gateway; we never see its"
                " number. Afterwards you come back here."
            ),
            back_href=url_for(".index"),
        )
    return leave_for(
        page,
        title=_("To the secure card page"),
        text=_(
            "You type your card details on the page of the payment gateway; we never see them."
            " Afterwards you come back here."
        ),
        back_href=url_for(".index"),
    )


@bp.get("/return")
@panel_view
def come_back() -> ResponseReturnValue:
    """The browser returns from the gateway: a page that asks, by itself or by its button.

    Writes nothing: what the browser says about a card counts for nothing.
    """
    return render("panel/cards/return.html")


@bp.post("/check")
@panel_view
def check() -> ResponseReturnValue:
    """Make the list equal to the gateway's; asked again it changes nothing more."""
    try:
        cards = saved_cards.sync_cards(unit_of_work, gateway_opener(), my_id())
    except (TemporaryError, ConflictError) as error:
        _check_later()
        flash(
            _("%(reason)s What you saved appears here by itself.", reason=refusal(error)), "error"
        )
        return _to_list()
    added = [card for card in cards if (now() - card.created_at).total_seconds() < _JUST_NOW_S]
    if added:
        newest = max(added, key=lambda card: card.created_at)
        flash(_("%(card)s is saved.", card=card_name(newest)), "success")
    else:
        flash(_("Nothing new was saved."), "info")
    return _to_list()


@bp.post("/<uuid:card_id>/default")
@panel_view
def make_default(card_id: UUID) -> ResponseReturnValue:
    with unit_of_work() as session:
        card = saved_cards.set_default(session, my_id(), card_id)
        name = card_name(card)
    flash(_("%(card)s is your default now.", card=name), "success")
    return _to_list()


@bp.post("/<uuid:card_id>/remove")
@panel_view
def remove(card_id: UUID) -> ResponseReturnValue:
    """Forget a card here and at the gateway; removed already, it stays removed."""
    with unit_of_work() as session:
        card = queries.get_any_card(session, card_id)
        name, is_gone = card_name(card), card.state == "removed"
    if not is_gone:
        try:
            saved_cards.remove_card(
                unit_of_work, gateway_opener(), client_id=my_id(), card_id=card_id
            )
        except (TemporaryError, ConflictError) as error:
            flash(refusal(error), "error")
            return _to_list()
    flash(_("%(card)s is removed.", card=name), "success")
    return _to_list()


def _check_later() -> None:
    with unit_of_work() as session:
        jobs.enqueue(
            session,
            "payments.sync_cards",
            reseller_id=current_scope().home_reseller_id,
            client_id=my_id(),
        )


def _to_list() -> Response:
    return redirect(url_for(".index"), 303)
