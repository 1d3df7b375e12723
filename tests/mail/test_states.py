"""The table of states, pair by pair."""

import itertools

import pytest

from core.errors import InvariantError
from mail.models import MAIL_STATES
from mail.states import MOVES, check_move

LEGAL = {
    ("queued", "sending"),
    ("queued", "failed"),
    ("queued", "deleted"),
    ("sending", "sending"),
    ("sending", "sent"),
    ("sending", "queued"),
    ("sending", "failed"),
    ("failed", "queued"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(MAIL_STATES, repeat=2)))
def test_every_pair_of_states(before, after):
    if (before, after) in LEGAL:
        check_move(before, after)
    else:
        with pytest.raises(InvariantError):
            check_move(before, after)


def test_the_table_names_every_state():
    assert set(MOVES) == set(MAIL_STATES)
