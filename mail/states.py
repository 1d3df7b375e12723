"""The states of a mail and which may follow which."""

from core.errors import InvariantError
from mail.models import MAIL_STATES

MOVES = {
    "queued": {"sending", "failed", "deleted"},
    # sending again: another worker takes over from one that died
    "sending": {"sending", "sent", "queued", "failed"},
    "failed": {"queued"},
    "sent": set[str](),
    "deleted": set[str](),
}


def may_move(before: str, after: str) -> bool:
    """Whether a mail in the state `before` may go to `after`; KeyError for an unknown state."""
    return after in MOVES[before]


def check_move(before: str, after: str) -> None:
    """Raises InvariantError for an illegal move: a bug of ours."""
    if after not in MAIL_STATES or not may_move(before, after):
        raise InvariantError(f"a mail may not go from {before} to {after}")
