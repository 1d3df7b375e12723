"""States of refunds and the only table of allowed moves. Pure: no database, no clock.

A refund is its own attempt: until the gateway has it, the same key may be sent again, and what the
gateway refused is final, for another wish has another key.
"""

from enum import StrEnum

from payments.errors import IllegalMoveError
from payments.gateways.answers import Outcome


class RefundState(StrEnum):
    """Where money on its way back stands."""

    REQUESTED = "requested"
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RefundNews(StrEnum):
    """What can be learnt about a refund."""

    BEGUN = "begun"
    CANCELLED = "cancelled"
    # Before anything was sent it turned out to be impossible.
    IMPOSSIBLE = "impossible"
    APPROVED = Outcome.APPROVED.value
    PENDING = Outcome.PENDING.value
    DECLINED = Outcome.DECLINED.value
    NOT_SENT = Outcome.NOT_SENT.value
    REFUSED = Outcome.REFUSED.value
    UNKNOWN = Outcome.UNKNOWN.value
    LEASE_OVER = "lease_over"
    ABSENT = "absent"
    # The gateway gave it back and the client's bank did not take it.
    BOUNCED = "bounced"


FINAL_STATES = frozenset({RefundState.SUCCEEDED, RefundState.FAILED, RefundState.CANCELLED})

_S, _N = RefundState, RefundNews
# What may reach one that is final, because whoever asked was slower than the truth.
_LATE = (_N.PENDING, _N.UNKNOWN, _N.NOT_SENT, _N.REFUSED, _N.LEASE_OVER, _N.ABSENT)
_MOVES: dict[tuple[RefundState, RefundNews], RefundState] = {
    (_S.REQUESTED, _N.BEGUN): _S.PROCESSING,
    (_S.REQUESTED, _N.CANCELLED): _S.CANCELLED,
    (_S.REQUESTED, _N.IMPOSSIBLE): _S.FAILED,
    # a void that somebody made at the gateway before ours was sent
    (_S.REQUESTED, _N.APPROVED): _S.SUCCEEDED,
    (_S.PROCESSING, _N.APPROVED): _S.SUCCEEDED,
    (_S.PROCESSING, _N.PENDING): _S.UNKNOWN,
    (_S.PROCESSING, _N.DECLINED): _S.FAILED,
    (_S.PROCESSING, _N.REFUSED): _S.FAILED,
    (_S.PROCESSING, _N.NOT_SENT): _S.REQUESTED,
    (_S.PROCESSING, _N.UNKNOWN): _S.UNKNOWN,
    (_S.PROCESSING, _N.LEASE_OVER): _S.UNKNOWN,
    (_S.UNKNOWN, _N.APPROVED): _S.SUCCEEDED,
    (_S.UNKNOWN, _N.DECLINED): _S.FAILED,
    (_S.UNKNOWN, _N.ABSENT): _S.FAILED,
    # of a second sending these say nothing about what became of the first
    (_S.UNKNOWN, _N.PENDING): _S.UNKNOWN,
    (_S.UNKNOWN, _N.NOT_SENT): _S.UNKNOWN,
    (_S.UNKNOWN, _N.REFUSED): _S.UNKNOWN,
    (_S.UNKNOWN, _N.UNKNOWN): _S.UNKNOWN,
    (_S.UNKNOWN, _N.LEASE_OVER): _S.UNKNOWN,
    (_S.SUCCEEDED, _N.APPROVED): _S.SUCCEEDED,
    (_S.SUCCEEDED, _N.BOUNCED): _S.FAILED,
    (_S.FAILED, _N.DECLINED): _S.FAILED,
    (_S.FAILED, _N.BOUNCED): _S.FAILED,
    **{(_S.SUCCEEDED, news): _S.SUCCEEDED for news in _LATE},
    **{(_S.FAILED, news): _S.FAILED for news in _LATE},
}


def next_refund_state(state: RefundState, news: RefundNews) -> RefundState:
    """Where the news leads; raises IllegalMoveError where it contradicts what is known."""
    try:
        return _MOVES[state, news]
    except KeyError:
        raise IllegalMoveError(f"a refund that is {state} cannot take {news}") from None
