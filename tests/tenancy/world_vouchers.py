"""Vouchers of the world's tenants, what their clients tried, and who has signed up."""

from decimal import Decimal

from sqlalchemy import select

from billing import voucher_redemptions, voucher_task, vouchers
from billing.voucher_models import Voucher
from core.clock import now
from core.db import Session
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from tenants import tasks
from tenants.sign_up_models import SignUp
from tenants.signin_sessions import hash_token
from tests.factories import cast


def make_vouchers(
    session: Session, tenant: cast.Tenant, token: str, currency: str
) -> dict[str, str]:
    """A series of them, with its PINs still to be taken out."""
    request_id = new_id()
    series = vouchers.request_series(
        session,
        request_id=request_id,
        reseller_id=tenant.id,
        wish=vouchers.Wish(
            name=token[:20], amount=Decimal(10), currency=currency, quantity=5, is_active=True
        ),
    )
    task = tasks.claim_task(session, request_id)
    assert task is not None
    voucher_task.do_piece(session, task, lambda _done: None)
    voucher_id = session.scalars(
        select(Voucher.id).where(Voucher.series_id == series.id, Voucher.number == 1)
    ).one()
    return {"voucher_series": str(series.id), "voucher": str(voucher_id)}


def make_redemption(session: Session, client: cast.Client) -> dict[str, str]:
    """A PIN that was not right."""
    redemption_id = new_id()
    voucher_redemptions.redeem_for(
        session, redemption_id=redemption_id, client_id=client.id, pin="1" * 14
    )
    return {"voucher_redemption": str(redemption_id)}


def make_sign_up(tenant: cast.Tenant, token: str) -> dict[str, str]:
    """Somebody who has confirmed the address and waits for approval."""
    row = SignUp(
        id=new_id(),
        reseller_id=tenant.id,
        token_hash=hash_token(f"sign-up-{tenant.id}"),
        name=f"Stranger {token}",
        email=f"stranger@{tenant.code}.example",
        login=f"stranger{tenant.id}",
        timezone="UTC",
        locale="en",
        state="waiting",
        created_at=now(),
        expires_at=now(),
        confirmed_at=now(),
    )
    # the office may not write one: strangers do, by the platform's role
    with platform_unit_of_work() as other:
        other.add(row)
    return {"sign_up": str(row.id)}
