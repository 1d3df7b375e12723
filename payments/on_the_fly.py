"""Before a new operation on a client, what is not final of it is looked up.

The gateway is asked first what became of the earlier one, so that nobody charges or gives back on
top of money whose whereabouts are unknown. A gateway that is silent holds nothing up: the rows
themselves forbid what must not happen twice.
"""

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import or_, select

from core.clock import now
from core.db import Session
from payments import charging, lookups, refills, refund_lookups, refunding, refunds
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.models import ChargeAttempt, Refill
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.refund_models import Refund
from payments.state import AttemptState

# Of one client; what is older is left to the sweeps.
_MOST = 5
_JUST_NOW = timedelta(seconds=4)
_log = structlog.get_logger(__name__)


def charge_refill(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    refill_id: UUID,
    *,
    patience: Patience = DEFAULT_PATIENCE,
) -> Recorded | None:
    """As `charging.charge_refill`, after a look at what is not final of the client."""
    with unit_of_work() as session:
        client_id = refills.get_refill(session, refill_id).client_id
    look_up_client(unit_of_work, open_gateway, client_id, patience=patience)
    return charging.charge_refill(unit_of_work, open_gateway, refill_id, patience=patience)


def send_refund(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    refund_id: UUID,
    *,
    patience: Patience = DEFAULT_PATIENCE,
) -> Recorded | None:
    """As `refunding.send_refund`, after a look at what is not final of the client."""
    with unit_of_work() as session:
        client_id = refunds.get_refund(session, refund_id).client_id
    look_up_client(unit_of_work, open_gateway, client_id, patience=patience)
    return refunding.send_refund(unit_of_work, open_gateway, refund_id, patience=patience)


def look_up_client(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    client_id: int,
    *,
    patience: Patience = DEFAULT_PATIENCE,
) -> int:
    """Ask about whatever of the client is unknown and was not asked about a moment ago."""
    with unit_of_work() as session:
        keys, refund_ids = _list_unknown(session, client_id)
    for key in keys:
        try:
            lookups.look_up_attempt(unit_of_work, open_gateway, key, patience=patience)
        except Exception:  # noqa: BLE001 (it is told already, and must not stop the new operation)
            _log.exception("payment.look_failed", attempt=key)
    for refund_id in refund_ids:
        try:
            refund_lookups.look_up_refund(unit_of_work, open_gateway, refund_id, patience=patience)
        except Exception:  # noqa: BLE001 (as above)
            _log.exception("refund.look_failed", refund=str(refund_id))
    return len(keys) + len(refund_ids)


def _list_unknown(session: Session, client_id: int) -> tuple[list[str], list[UUID]]:
    at = now()
    free = or_(ChargeAttempt.lease_until.is_(None), ChargeAttempt.lease_until <= at)
    attempts = session.scalars(
        select(ChargeAttempt.key)
        .join(Refill, Refill.id == ChargeAttempt.refill_id)
        .where(
            ChargeAttempt.client_id == client_id,
            Refill.state.in_(refills.OPEN_STATES),
            ChargeAttempt.state.in_([AttemptState.UNKNOWN.value, AttemptState.SENDING.value]),
            free,
            or_(ChargeAttempt.looked_at.is_(None), ChargeAttempt.looked_at <= at - _JUST_NOW),
        )
        .order_by(ChargeAttempt.created_at.desc())
        .limit(_MOST)
    )
    waiting = session.scalars(
        select(Refund.id)
        .where(
            Refund.client_id == client_id,
            Refund.state.in_(["processing", "unknown"]),
            or_(Refund.lease_until.is_(None), Refund.lease_until <= at),
            or_(Refund.looked_at.is_(None), Refund.looked_at <= at - _JUST_NOW),
        )
        .order_by(Refund.created_at.desc())
        .limit(_MOST)
    )
    return list(attempts), list(waiting)
