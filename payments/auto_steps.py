"""What auto payment did and decided for a client, each time with the figures it went by."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import select

from core.clock import now
from core.db import Session
from core.tenancy import current_actor
from payments.dunning_models import AutoPaymentStep
from payments.models import ClientAutoPayment, Refill

StepKind = Literal[
    "on", "off", "asked", "received", "declined", "failed", "held_back", "suspended", "resumed",
    "card",
]  # fmt: skip
_SHOWN = 200


def record_step(
    session: Session,
    row: ClientAutoPayment,
    kind: StepKind,
    *,
    currency: str,
    why: str = "",
    amount: Decimal | None = None,
    refill: Refill | None = None,
    next_try_at: datetime | None = None,
    reason: str = "",
    figures: Mapping[str, Any] | None = None,
) -> None:
    """Write one step; `why` and `reason` are English, in the program's own words."""
    actor = current_actor()
    session.add(
        AutoPaymentStep(
            reseller_id=row.reseller_id,
            client_id=row.client_id,
            kind=kind,
            at=now(),
            why=why,
            amount=amount,
            currency=currency,
            refill_id=None if refill is None else refill.id,
            next_try_at=next_try_at,
            reason=reason,
            author=actor.label if actor.kind in ("user", "client", "platform") else "",
            figures=dict(figures or {}),
        )
    )
    session.flush()


def find_last(session: Session, client_id: int) -> AutoPaymentStep | None:
    """The newest step."""
    return session.scalar(
        select(AutoPaymentStep)
        .where(AutoPaymentStep.client_id == client_id)
        .order_by(AutoPaymentStep.id.desc())
        .limit(1)
    )


def list_steps(
    session: Session, client_id: int, *, most: int = _SHOWN
) -> Sequence[AutoPaymentStep]:
    """The newest first."""
    return session.scalars(
        select(AutoPaymentStep)
        .where(AutoPaymentStep.client_id == client_id)
        .order_by(AutoPaymentStep.id.desc())
        .limit(most)
    ).all()
