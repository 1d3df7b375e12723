"""States of refills and charge attempts, and the only tables of allowed moves.

Pure: no database, no clock. Source of the attempt's edges: `payments.md` 2.2.
"""

from enum import StrEnum

from payments.errors import IllegalMoveError
from payments.gateways.answers import Outcome


class AttemptState(StrEnum):
    """Where one request to a gateway stands."""

    SENDING = "sending"
    UNKNOWN = "unknown"
    HELD = "held"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    NOT_CHARGED = "not_charged"


class News(StrEnum):
    """What can be learnt about an attempt: a gateway's outcome, or the lack of one."""

    APPROVED = Outcome.APPROVED.value
    PENDING = Outcome.PENDING.value
    DECLINED = Outcome.DECLINED.value
    NOT_SENT = Outcome.NOT_SENT.value
    REFUSED = Outcome.REFUSED.value
    UNKNOWN = Outcome.UNKNOWN.value
    # Whoever was sending is gone: its lease and the grace after it are over.
    LEASE_OVER = "lease_over"
    # In none of the gateway's lists, and it can no longer arrive there.
    ABSENT = "absent"


class RefillState(StrEnum):
    """Where a wish to add money stands."""

    REQUESTED = "requested"
    PROCESSING = "processing"
    HELD = "held"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    FAILED = "failed"
    ABANDONED = "abandoned"


class RefillNews(StrEnum):
    """What happens to a refill."""

    BEGUN = "begun"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    HELD = "held"
    UNKNOWN = "unknown"
    # Certainly nothing charged, and it may be tried again.
    POSTPONED = "postponed"
    # Certainly nothing charged, and it is not tried again.
    FAILED = "failed"
    # A hosted page was opened and never paid.
    ABANDONED = "abandoned"


FINAL_ATTEMPT_STATES = frozenset(
    {AttemptState.SUCCEEDED, AttemptState.DECLINED, AttemptState.NOT_CHARGED}
)
FINAL_REFILL_STATES = frozenset(
    {RefillState.SUCCEEDED, RefillState.DECLINED, RefillState.FAILED, RefillState.ABANDONED}
)

_A, _N = AttemptState, News
# Late news that says less than is known already leaves a final state as it is: a look-up may have
# read the gateway before the webhook settled the attempt. News that contradicts it is not here.
_LATE = (_N.PENDING, _N.UNKNOWN, _N.NOT_SENT, _N.REFUSED, _N.LEASE_OVER, _N.ABSENT)
_ATTEMPT_MOVES: dict[tuple[AttemptState, News], AttemptState] = {
    (_A.SENDING, _N.APPROVED): _A.SUCCEEDED,
    (_A.SENDING, _N.PENDING): _A.HELD,
    (_A.SENDING, _N.DECLINED): _A.DECLINED,
    (_A.SENDING, _N.NOT_SENT): _A.NOT_CHARGED,
    (_A.SENDING, _N.REFUSED): _A.NOT_CHARGED,
    (_A.SENDING, _N.UNKNOWN): _A.UNKNOWN,
    (_A.SENDING, _N.LEASE_OVER): _A.UNKNOWN,
    (_A.UNKNOWN, _N.APPROVED): _A.SUCCEEDED,
    (_A.UNKNOWN, _N.PENDING): _A.HELD,
    (_A.UNKNOWN, _N.DECLINED): _A.DECLINED,
    # Of a second sending these two say nothing about what became of the first.
    (_A.UNKNOWN, _N.NOT_SENT): _A.UNKNOWN,
    (_A.UNKNOWN, _N.REFUSED): _A.UNKNOWN,
    (_A.UNKNOWN, _N.UNKNOWN): _A.UNKNOWN,
    (_A.UNKNOWN, _N.LEASE_OVER): _A.UNKNOWN,
    (_A.UNKNOWN, _N.ABSENT): _A.NOT_CHARGED,
    (_A.HELD, _N.APPROVED): _A.SUCCEEDED,
    (_A.HELD, _N.DECLINED): _A.DECLINED,
    (_A.HELD, _N.PENDING): _A.HELD,
    (_A.HELD, _N.UNKNOWN): _A.HELD,
    (_A.SUCCEEDED, _N.APPROVED): _A.SUCCEEDED,
    (_A.DECLINED, _N.DECLINED): _A.DECLINED,
    (_A.NOT_CHARGED, _N.DECLINED): _A.NOT_CHARGED,
    **{(_A.SUCCEEDED, news): _A.SUCCEEDED for news in _LATE},
    **{(_A.DECLINED, news): _A.DECLINED for news in _LATE},
    # Not PENDING: money that is held after all may still be taken.
    **{(_A.NOT_CHARGED, news): _A.NOT_CHARGED for news in _LATE if news is not _N.PENDING},
}

_R, _W = RefillState, RefillNews
_REFILL_MOVES: dict[tuple[RefillState, RefillNews], RefillState] = {
    (_R.REQUESTED, _W.BEGUN): _R.PROCESSING,
    (_R.REQUESTED, _W.FAILED): _R.FAILED,
    (_R.PROCESSING, _W.SUCCEEDED): _R.SUCCEEDED,
    (_R.PROCESSING, _W.DECLINED): _R.DECLINED,
    (_R.PROCESSING, _W.HELD): _R.HELD,
    (_R.PROCESSING, _W.UNKNOWN): _R.UNKNOWN,
    (_R.PROCESSING, _W.POSTPONED): _R.REQUESTED,
    (_R.PROCESSING, _W.FAILED): _R.FAILED,
    (_R.UNKNOWN, _W.SUCCEEDED): _R.SUCCEEDED,
    (_R.UNKNOWN, _W.DECLINED): _R.DECLINED,
    (_R.UNKNOWN, _W.HELD): _R.HELD,
    (_R.UNKNOWN, _W.UNKNOWN): _R.UNKNOWN,
    (_R.UNKNOWN, _W.FAILED): _R.FAILED,
    (_R.UNKNOWN, _W.ABANDONED): _R.ABANDONED,
    (_R.HELD, _W.SUCCEEDED): _R.SUCCEEDED,
    (_R.HELD, _W.DECLINED): _R.DECLINED,
    (_R.HELD, _W.HELD): _R.HELD,
}


def next_attempt_state(state: AttemptState, news: News) -> AttemptState:
    """Where the news leads; raises IllegalMoveError where it contradicts what is known."""
    try:
        return _ATTEMPT_MOVES[state, news]
    except KeyError:
        raise IllegalMoveError(f"an attempt that is {state} cannot take {news}") from None


def next_refill_state(state: RefillState, news: RefillNews) -> RefillState:
    """Where the news leads; raises IllegalMoveError for an edge that does not exist."""
    try:
        return _REFILL_MOVES[state, news]
    except KeyError:
        raise IllegalMoveError(f"a refill that is {state} cannot take {news}") from None
