"""A voucher's PIN is given; a worker looks at it, and a box tells what came of it.

The panel may only write down that a PIN was given: it sees no voucher.
"""

from datetime import datetime
from math import ceil
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from billing import voucher_redemptions
from billing.voucher_redemptions import Known
from core.clock import now
from core.errors import InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from portal.access import panel_view
from portal.fields import put_error
from portal.formatting import money
from portal.htmx import render
from portal.panel.me import Me, read_me
from portal.panel.vouchers.forms import VoucherForm

bp = Blueprint("panel_vouchers", __name__, url_prefix="/clients/vouchers")

LATEST = 10
# The box asks again after so many seconds, later less often, and in the end leaves it to a click.
_FIRST_DELAY_S, _LONGEST_DELAY_S, _LAST_LOOK = 1, 5, 60


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    """The form with a fresh id: however often it is sent, it is one try."""
    return _draw(VoucherForm(formdata=None), new_id())


@bp.post("")
@panel_view
def redeem() -> ResponseReturnValue:
    """Write the PIN's hash down and have a worker look at it."""
    redemption_id = _read_id()
    form = VoucherForm()
    if not form.validate():
        return _draw(form, redemption_id, status=422)
    try:
        with unit_of_work() as session:
            me = read_me(session)
            until = voucher_redemptions.find_wait(session, me.id)
            if until is None:
                found = voucher_redemptions.request_redemption(
                    session,
                    redemption_id=redemption_id,
                    client_id=me.id,
                    reseller_id=me.reseller_id,
                    pin=form.pin.data or "",
                    ip=request.remote_addr or "",
                )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(form, redemption_id, status=422)
    if until is not None:
        return _draw(form, redemption_id, status=429, until=until)
    return redirect(url_for(".show", redemption_id=found), 303)


@bp.get("/<uuid:redemption_id>")
@panel_view
def show(redemption_id: UUID) -> ResponseReturnValue:
    """What came of it: a page, or the box that replaces itself until the end."""
    with unit_of_work() as session:
        me = read_me(session)
        known = voucher_redemptions.get_known(session, me.id, redemption_id)
    look = max(0, request.args.get("look", 0, type=int))
    state = {"requested": "running", "succeeded": "done", "refused": "failed"}[known.state]
    return render(
        "panel/vouchers/show.html",
        "panel/vouchers/_outcome.html",
        me=me,
        known=known,
        state="unknown" if state == "running" and look >= _LAST_LOOK else state,
        title=_title(known),
        text=_text(known, me),
        delay_s=min(_FIRST_DELAY_S + look // 4, _LONGEST_DELAY_S),
        next_look=url_for(".show", redemption_id=redemption_id, look=look + 1),
    )


def _read_id() -> UUID:
    try:
        return UUID(request.form.get("redemption_id", ""))
    except ValueError as error:
        raise InvalidInputError("This form is out of date. Load the page anew.") from error


def _title(known: Known) -> str:
    if known.state == "requested":
        return str(_("We are looking at your PIN"))
    if known.state == "succeeded" and known.amount is not None:
        amount = f"{money(known.amount, known.currency)} {known.currency}"
        return str(_("%(amount)s are on your balance", amount=amount))
    return str(_("The voucher was not redeemed"))


def _text(known: Known, me: Me) -> str:
    """What a client may know: whether a PIN exists is told only to who holds a good card."""
    if known.state == "requested":
        return str(_("This takes a moment."))
    if known.state == "succeeded":
        return str(_("Voucher %(serial)s", serial=known.serial))
    told = {
        "own": _("You have redeemed this voucher already."),
        "expired": _("This voucher has expired."),
        "currency": _(
            "This voucher is in another currency than your balance. Please ask %(provider)s.",
            provider=me.provider,
        ),
        "wait": _("There were too many wrong PINs. This one was not looked at."),
    }
    return told.get(known.reason) or str(
        _(
            "This PIN is not valid. Please compare it with your voucher; if it is right, ask"
            " %(provider)s.",
            provider=me.provider,
        )
    )


def _wait_text(until: datetime) -> str:
    seconds = max(1, ceil((until - now()).total_seconds()))
    minutes = -(-seconds // 60)
    text: str = (
        ngettext(
            "There were too many wrong PINs. Please try again in %(num)d second.",
            "There were too many wrong PINs. Please try again in %(num)d seconds.",
            seconds,
        )
        if seconds < 120
        else ngettext(
            "There were too many wrong PINs. Please try again in %(num)d minute.",
            "There were too many wrong PINs. Please try again in %(num)d minutes.",
            minutes,
        )
    )
    return text


def _draw(
    form: VoucherForm, redemption_id: UUID, *, status: int = 200, until: datetime | None = None
) -> Response:
    with unit_of_work() as session:
        me = read_me(session)
        latest = voucher_redemptions.list_known(session, me.id, limit=LATEST)
        until = until or voucher_redemptions.find_wait(session, me.id)
    messages = [_wait_text(until)] if until is not None else []
    response = render(
        "panel/vouchers/index.html",
        status=status,
        form=form,
        me=me,
        latest=latest,
        redemption_id=redemption_id,
        messages=messages,
    )
    if status == 429 and until is not None:
        response.headers["Retry-After"] = str(max(1, ceil((until - now()).total_seconds())))
    return response
