"""What a demo reseller offers besides its packages: vouchers, and a door for strangers."""

from dataclasses import asdict, replace
from decimal import Decimal

from sqlalchemy import select

from billing import voucher_moves, voucher_pins, voucher_task, vouchers
from billing.voucher_models import VoucherSeries, VoucherSheet
from core.db import Session
from core.errors import InvariantError
from core.ids import new_token
from core.platform_uow import platform_unit_of_work
from core.uow import unit_of_work
from payments import voucher_redeeming
from portal.demo.plan import PASSWORD, ResellerPlan, demo_id
from tenants import clients, passwords, sign_up_rules, sign_ups, tasks
from tenants.sign_up_models import SignUp
from tenants.stamps import make_stamp

_BUYERS = (1, 2, 7)
"""Clients that have redeemed a voucher, by their numbers."""
_QUANTITY, _LOST = 20, 15


def sell_vouchers(plan: ResellerPlan, reseller_id: int) -> None:
    """A series of which some are redeemed and one is lost; its PINs can still be taken out."""
    with unit_of_work() as session:
        series = vouchers.request_series(
            session,
            request_id=demo_id(plan.code, "vouchers"),
            reseller_id=reseller_id,
            wish=vouchers.Wish(
                name="PREPAID-25",
                amount=Decimal(25),
                currency=plan.currency,
                quantity=_QUANTITY,
                is_active=True,
                note="Cards at the front desk",
            ),
        )
        if not series.made:
            _make(session, series)
        for number in _BUYERS:
            _redeem(session, plan, series, number)


def open_door(plan: ResellerPlan, reseller_id: int) -> None:
    """Strangers may sign up with the reseller, and one waits for its approval."""
    with unit_of_work() as session:
        rules = sign_up_rules.read_rules(session, reseller_id)
        if rules.mode == "off":
            opened, stamp = replace(rules, mode="approval"), make_stamp(asdict(rules))
            sign_up_rules.save_rules(session, reseller_id, opened, stamp=stamp)
    sign_up_id = demo_id(plan.code, "sign-up")
    # as strangers do, in nobody's name: no role of a tenant may write a sign-up down
    with platform_unit_of_work() as session:
        if session.scalar(select(SignUp.id).where(SignUp.id == sign_up_id)) is not None:
            return
        wish = sign_ups.Wish(
            name="Imogen Ashworth",
            company_name="Ashworth Catering",
            email="imogen@ashworth.example",
            login="ashworth",
            password=PASSWORD,
            country="US",
            timezone=plan.timezone,
            locale=plan.locale,
        )
        sign_ups.create_sign_up(
            session,
            sign_up_id=sign_up_id,
            reseller_id=reseller_id,
            wish=wish,
            password_hash=passwords.hash_password(wish.password),
            token=new_token(),
            terms_url=rules.terms_url,
            ip="203.0.113.20",
        )
        sign_ups.confirm(session, sign_ups.lock_sign_up(session, sign_up_id))


def _make(session: Session, series: VoucherSeries) -> None:
    """Here and now, as the task would: the ones who redeem them come next."""
    task = tasks.claim_task(session, series.task_id)
    if task is None or voucher_task.do_piece(session, task, lambda _left: None):
        raise InvariantError("the demo's vouchers are not made in one piece")
    voucher_moves.move_series(
        session, series.id, "block", reason="Lost at the front desk", first=_LOST, last=_LOST
    )


def _redeem(session: Session, plan: ResellerPlan, series: VoucherSeries, number: int) -> None:
    client = clients.find_by_request(session, demo_id(plan.code, number))
    sheet = session.scalar(select(VoucherSheet).where(VoucherSheet.series_id == series.id))
    if client is None or sheet is None:  # of a smaller demo; or somebody took the PINs out
        return
    pins = voucher_pins.open_sheet(vouchers.sheet_place(series, sheet.n), sheet.sealed)
    voucher_redeeming.redeem_for(
        session,
        redemption_id=demo_id(plan.code, number, "voucher"),
        client_id=client.id,
        pin=pins[number],
    )
