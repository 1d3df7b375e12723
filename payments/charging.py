"""Charging a requested refill: transaction, gateway, transaction."""

from contextlib import closing
from dataclasses import dataclass
from uuid import UUID

from core.db import Session
from core.ids import new_token
from payments import attempts, gateway_accounts, outcomes, recording, refills
from payments.attempts import Lease
from payments.gateway_accounts import OpenGateway, UnitOfWork
from payments.gateways.base import ChargeRequest, Gateway
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE, Patience

__all__ = ["charge_refill", "send"]


@dataclass(frozen=True, slots=True)
class _Begun:
    lease: Lease
    request: ChargeRequest
    gateway: Gateway


def charge_refill(
    unit_of_work: UnitOfWork,
    open_gateway: OpenGateway,
    refill_id: UUID,
    *,
    patience: Patience = DEFAULT_PATIENCE,
) -> Recorded | None:
    """Charge the saved card of a refill that is still only requested; None when it is not.

    The attempt is committed as `sending` before the first byte leaves, and the outcome in one
    transaction with its posting and mail. Safe to call at any time, any number of times.
    """
    begun = recording.begin_or_postpone(
        unit_of_work,
        lambda session: _begin(session, open_gateway, refill_id, patience),
        lambda session: refills.find_locked(session, refill_id),
    )
    if begun is None:
        return None
    with closing(begun.gateway):
        return send(unit_of_work, begun.gateway, begun.lease, begun.request, patience=patience)


def send(
    unit_of_work: UnitOfWork,
    gateway: Gateway,
    lease: Lease,
    request: ChargeRequest,
    *,
    patience: Patience,
) -> Recorded:
    """Send a request whose attempt is committed, and record what came of it.

    The lease is checked once more when the request is built and nothing has left yet, and again
    when the outcome is written: who was overtaken neither sends nor books.
    """

    def is_mine() -> bool:
        with unit_of_work() as session:
            return attempts.may_send(session, lease)

    answer = gateway.charge(request, before_send=is_mine)
    recorded = recording.record_or_tell(
        unit_of_work,
        lease.key,
        answer,
        lambda session: outcomes.record_outcome(
            session, lease.key, answer, patience=patience, lease_owner=lease.owner
        ),
        patience=patience,
        lease_owner=lease.owner,
    )
    return recorded or Recorded.TROUBLE


def _begin(
    session: Session, open_gateway: OpenGateway, refill_id: UUID, patience: Patience
) -> _Begun | None:
    owner = new_token()
    attempt = attempts.begin_attempt(session, refill_id, owner=owner, patience=patience)
    if attempt is None or attempt.lease_until is None:
        return None
    account = gateway_accounts.get_account(session, attempt.gateway_account_id)
    return _Begun(
        Lease(attempt.key, owner, attempt.lease_until),
        ChargeRequest.from_json(attempt.request),
        # opened here: credentials that do not open must stop us before `sending` is committed
        open_gateway(account),
    )
