"""Vouchers moved from state to state by the staff, one or a whole series, and by their last day."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from sqlalchemy import case, null, select, update

from billing import vouchers
from billing.voucher_models import Voucher
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.names import clean_line
from core.tenancy import current_actor
from tenants import audit

Move = Literal["activate", "block", "unblock", "expire"]
MOVES: Mapping[Move, tuple[str, ...]] = {
    "activate": ("new",),
    "block": ("new", "active"),
    "unblock": ("blocked",),
    "expire": ("new", "active", "blocked"),
}
"""From which states staff may move a voucher; a redeemed or expired one stays what it is."""
_AFTER: Mapping[Move, str] = {"activate": "active", "block": "blocked", "expire": "expired"}


def move_voucher(session: Session, voucher_id: UUID, move: Move, *, reason: str = "") -> Voucher:
    """Move one; moving it where it is already changes nothing.

    Raises NotFoundError, InvalidInputError, ConflictError for a state that has no such way.
    """
    why = _checked_reason(reason)
    voucher = vouchers.get_voucher(session, voucher_id, for_update=True)
    target = _target(move, voucher.restores)
    if voucher.state == target:
        return voucher
    if voucher.state not in MOVES[move]:
        raise ConflictError("This voucher is %(state)s.", state=voucher.state)
    before = voucher.state
    voucher.restores = before if move == "block" else None
    voucher.state = target
    voucher.reason = why
    voucher.changed_at, voucher.changed_by = now(), current_actor().label
    session.flush()
    audit.record(
        session,
        reseller_id=voucher.reseller_id,
        action=move,
        object_type="voucher",
        object_id=voucher.id,
        object_label=vouchers.serial_of(
            vouchers.get_series(session, voucher.series_id), voucher.number
        ),
        changes={"status": (before, target), "reason": (None, why)},
    )
    return voucher


def move_series(
    session: Session,
    series_id: int,
    move: Move,
    *,
    reason: str = "",
    first: int | None = None,
    last: int | None = None,
) -> int:
    """Move all vouchers of a series, or those from number `first` to `last`, that can; how many.

    Raises NotFoundError, InvalidInputError; ConflictError while the series is still being made.
    """
    why = _checked_reason(reason)
    series = vouchers.get_series(session, series_id, for_update=True)
    vouchers.settle(session, series)
    first, last = first or 1, last or series.quantity
    if not 1 <= first <= last <= series.quantity:
        raise InvalidInputError("Choose numbers from 1 to %(last)s.", "first", last=series.quantity)
    state = (
        Voucher.restores if move == "unblock" else case((Voucher.state.is_not(None), _AFTER[move]))
    )
    moved = session.execute(
        update(Voucher)
        .where(
            Voucher.reseller_id == series.reseller_id,
            Voucher.series_id == series_id,
            Voucher.number.between(first, last),
            Voucher.state.in_(MOVES[move]),
        )
        .values(
            state=state,
            restores=Voucher.state if move == "block" else null(),
            reason=why,
            changed_at=now(),
            changed_by=current_actor().label,
        )
        .returning(Voucher.id)
        .execution_options(synchronize_session=False)
    ).all()
    vouchers.record(
        session,
        series,
        move,
        {
            "vouchers": (None, len(moved)),
            "numbers": (None, f"{first}-{last}"),
            "reason": (None, why),
        },
    )
    return len(moved)


def expire_due(session: Session, *, limit: int) -> int:
    """Vouchers whose last day is over, of every tenant; `session` sees all of them."""
    due = (
        select(Voucher.id)
        .where(Voucher.state.in_(("new", "active")), Voucher.expires_at <= now())
        .order_by(Voucher.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return len(
        session.execute(
            update(Voucher)
            .where(Voucher.id.in_(due))
            .values(state="expired", changed_at=now(), changed_by="", reason="")
            .returning(Voucher.id)
            .execution_options(synchronize_session=False)
        ).all()
    )


def _target(move: Move, restores: str | None) -> str:
    return (restores or "active") if move == "unblock" else _AFTER[move]


def _checked_reason(reason: str) -> str:
    why = clean_line(reason)
    if len(why) > vouchers.NOTE_LENGTH:
        raise InvalidInputError(
            "Use at most %(count)s characters.", "reason", count=vouchers.NOTE_LENGTH
        )
    return why
