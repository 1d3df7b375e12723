"""Redeeming a voucher for a client, by the staff."""

from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from billing import vouchers
from billing.voucher_models import VoucherRedemption
from billing.voucher_redemptions import Verdict
from core.clock import now
from core.errors import InvalidInputError
from core.ids import new_id
from core.uow import unit_of_work
from payments import voucher_redeeming
from portal.access import office_view
from portal.fields import put_error
from portal.formatting import day, money
from portal.htmx import hx, render, wants_partial
from portal.office import client_choice
from portal.office.client_choice import ChosenClient
from portal.office.form_ids import read_form_id
from portal.office.vouchers.blueprint import bp
from portal.office.vouchers.forms import RedeemForm
from tenants.permissions import Permission


@bp.get("/redeem")
@office_view(Permission.TRANSACTIONS_WRITE)
def ask_redeem() -> ResponseReturnValue:
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.args.get("client", 0, type=int))
    return _draw(client, RedeemForm(), new_id())


@bp.post("/redeem")
@office_view(Permission.TRANSACTIONS_WRITE)
def redeem() -> ResponseReturnValue:
    """Post it at once; the same drawn form sent twice redeems once."""
    redemption_id = read_form_id("redemption_id")
    form = RedeemForm(request.form)
    with unit_of_work() as session:
        client = client_choice.get_chosen(session, request.form.get("client", 0, type=int))
    if not form.validate():
        return _draw(client, form, redemption_id, status=422)
    try:
        with unit_of_work() as session:
            found, verdict = voucher_redeeming.redeem_for(
                session, redemption_id=redemption_id, client_id=client.id, pin=form.pin.data or ""
            )
    except InvalidInputError as error:
        put_error(form, error)
        return _draw(client, form, redemption_id, status=422)
    if found.state == "refused":
        form.pin.errors = [_tell(found, verdict)]
        # this form has had its answer: the next PIN is another redemption
        return _draw(client, form, new_id(), status=422)
    if found.amount is not None:
        amount = f"{money(found.amount, found.currency)} {found.currency}"
        flash(
            _(
                "The voucher %(serial)s is redeemed: %(amount)s.",
                serial=found.serial,
                amount=amount,
            ),
            "success",
        )
    address = url_for("office_clients.show", client_id=client.id)
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


def _tell(found: VoucherRedemption, verdict: Verdict | None) -> str:
    """Why not: staff may know more than who only holds a PIN."""
    why = verdict.why if verdict is not None else found.reason
    if found.retry_at is not None and why == "wait":
        seconds = max(1, int((found.retry_at - now()).total_seconds()))
        return str(_("Too many wrong PINs. Try again in %(seconds)s seconds.", seconds=seconds))
    if verdict is None or verdict.voucher is None or verdict.series is None:
        return str(_("No voucher has this PIN."))
    serial = vouchers.serial_of(verdict.series, verdict.voucher.number)
    return _sentence(why, verdict, serial)


def _sentence(why: str, verdict: Verdict, serial: str) -> str:
    series, voucher = verdict.series, verdict.voucher
    assert series is not None
    assert voucher is not None
    if why == "expired" and series.expires_on is not None:
        return str(
            _(
                "The voucher %(serial)s was good until %(day)s.",
                serial=serial,
                day=day(series.expires_on),
            )
        )
    told: dict[str, str] = {
        "own": _("This client has redeemed the voucher %(serial)s already.", serial=serial),
        "used": _("The voucher %(serial)s was redeemed by another client.", serial=serial),
        "blocked": _("The voucher %(serial)s is blocked.", serial=serial),
        "new": _("The voucher %(serial)s is not active yet.", serial=serial),
        "expired": _("The voucher %(serial)s has expired.", serial=serial),
        "currency": _(
            "The voucher %(serial)s is in %(currency)s, which is not the client’s currency.",
            serial=serial,
            currency=series.currency,
        ),
    }
    return told.get(why) or str(_("The voucher %(serial)s cannot be redeemed.", serial=serial))


def _draw(
    client: ChosenClient, form: RedeemForm, redemption_id: UUID, *, status: int = 200
) -> Response:
    page = render(
        "office/vouchers/redeem.html",
        "office/vouchers/_redeem.html",
        status=status,
        client=client,
        form=form,
        redemption_id=redemption_id,
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page
