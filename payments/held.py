"""Payments that a gateway holds for review: what the staff decide is a wish on the attempt's row.

A look-up tells the gateway, and what the gateway then says is booked as ever: who decides twice, or
beside somebody at the gateway itself, changes nothing twice.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from core.db import Session
from core.errors import ConflictError
from core.tenancy import current_actor
from payments import attempts, refills
from payments.gateways.answers import CLEARING_CODE, CONFIRMATION_CODE
from payments.models import ChargeAttempt, Refill
from payments.state import AttemptState
from tenants import audit

Decision = Literal["approve", "decline"]
_GATEWAYS_THAT_REVIEW = frozenset({"authorizenet"})


@dataclass(frozen=True, slots=True)
class Choices:
    """What the staff may decide about a held payment now."""

    approve: bool = False
    decline: bool = False
    decision: str = ""


def choices_of(gateway: str, attempt: ChargeAttempt | None) -> Choices:
    """A fraud filter's review can be decided; a bank's question only be given up."""
    if attempt is None:
        return Choices()
    code = str(attempt.answer.get("code", ""))
    return choices_for(gateway, attempt.state, attempt.decision or "", code)


def choices_for(gateway: str, state: str, decision: str, code: str) -> Choices:
    """As `choices_of`, for a row of a list: the attempt's state, decision and answer's code."""
    if state != AttemptState.HELD or code == CLEARING_CODE:
        # of a debit that is accepted only the client's bank decides
        return Choices()
    if decision:
        return Choices(decision=decision)
    if code == CONFIRMATION_CODE:
        return Choices(decline=True)
    may = gateway in _GATEWAYS_THAT_REVIEW
    return Choices(approve=may, decline=may)


def decide(session: Session, refill_id: UUID, *, gateway: str, decision: Decision) -> Refill:
    """Write the decision down and have the gateway told; the same one again changes nothing.

    Raises NotFoundError, ConflictError when it is not held, was decided otherwise, or the gateway
    leaves the decision to the client's bank.
    """
    refill = refills.lock_refill(session, refill_id)
    latest = attempts.find_latest(session, refill_id)
    if latest is None:
        raise ConflictError("This payment is not held any more.")
    _, attempt = attempts.lock_attempt(session, latest.key)
    if attempt.decision == decision:
        attempts.request_look(session, attempt)
        return refill
    if attempt.decision:
        raise ConflictError("Somebody has decided about this payment already.")
    choices = choices_of(gateway, attempt)
    if attempt.state != AttemptState.HELD:
        raise ConflictError("This payment is not held any more.")
    if not (choices.approve if decision == "approve" else choices.decline):
        raise ConflictError("Only the client's bank can decide about this payment.")
    attempt.decision = decision
    attempt.decided_by = current_actor().label
    # before the next hourly look
    attempt.looked_at = None
    session.flush()
    audit.record(
        session,
        reseller_id=refill.reseller_id,
        client_id=refill.client_id,
        action=decision,
        object_type="refill",
        object_id=refill.id,
        object_label=refill.source,
        changes={"decision": (None, decision)},
    )
    attempts.request_look(session, attempt)
    return refill
