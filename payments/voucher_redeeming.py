"""Redeeming a voucher with all that follows: the posting, then the receipt, in one transaction."""

from uuid import UUID

from billing import voucher_redemptions
from billing.voucher_models import VoucherRedemption
from billing.voucher_redemptions import Verdict
from core.db import Session
from payments import notices


def redeem(session: Session, redemption_id: UUID) -> VoucherRedemption:
    """Look at the PIN that a client gave, once; raises NotFoundError."""
    redemption, verdict = voucher_redemptions.redeem(session, redemption_id)
    _mail_receipt(session, redemption, verdict)
    return redemption


def redeem_for(
    session: Session, *, redemption_id: UUID, client_id: int, pin: str
) -> tuple[VoucherRedemption, Verdict | None]:
    """The same at once and in the staff's name; raises InvalidInputError, NotFoundError."""
    redemption, verdict = voucher_redemptions.redeem_for(
        session, redemption_id=redemption_id, client_id=client_id, pin=pin
    )
    _mail_receipt(session, redemption, verdict)
    return redemption, verdict


def _mail_receipt(session: Session, redemption: VoucherRedemption, verdict: Verdict | None) -> None:
    # without a verdict it was looked at before, and the receipt is written
    if verdict is None or redemption.voucher_id is None or redemption.amount is None:
        return
    notices.mail_voucher(
        session,
        redemption.client_id,
        redemption_id=redemption.id,
        amount=redemption.amount,
        currency=redemption.currency,
        voucher=redemption.serial,
    )
