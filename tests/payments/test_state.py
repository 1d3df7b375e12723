"""The tables of states are the specification: every pair is decided here a second time."""

from contextlib import suppress

import pytest

from payments.errors import IllegalMoveError
from payments.state import (
    FINAL_ATTEMPT_STATES,
    FINAL_REFILL_STATES,
    AttemptState,
    News,
    RefillNews,
    RefillState,
    next_attempt_state,
    next_refill_state,
)

ILLEGAL = "-"

# Rows: the state; columns: the news. `nothing` is not_charged.
ATTEMPTS = """
state     approved  pending   declined not_sent  refused   unknown   lease_over absent
sending   succeeded held      declined nothing   nothing   unknown   unknown    -
unknown   succeeded held      declined unknown   unknown   unknown   unknown    nothing
held      succeeded held      declined -         -         held      -          -
succeeded succeeded succeeded -        succeeded succeeded succeeded succeeded  succeeded
declined  -         declined  declined declined  declined  declined  declined   declined
nothing   -         -         nothing  nothing   nothing   nothing   nothing    nothing
"""
REFILLS = """
state      begun      succeeded declined held unknown postponed failed abandoned
requested  processing -         -        -    -       -         failed -
processing -          succeeded declined held unknown requested failed -
unknown    -          succeeded declined held unknown -         failed abandoned
held       -          succeeded declined held -       -         -      -
succeeded  -          -         -        -    -       -         -      -
declined   -          -         -        -    -       -         -      -
failed     -          -         -        -    -       -         -      -
abandoned  -          -         -        -    -       -         -      -
"""


def pairs(table: str) -> list[tuple[str, str, str]]:
    written = table.replace("nothing", "not_charged")
    heading, *rows = (line.split() for line in written.strip().splitlines())
    return [
        (row[0], news, result)
        for row in rows
        for news, result in zip(heading[1:], row[1:], strict=True)
    ]


@pytest.mark.parametrize(("state", "news", "result"), pairs(ATTEMPTS))
def test_every_news_of_an_attempt_is_decided(state, news, result):
    if result == ILLEGAL:
        with pytest.raises(IllegalMoveError):
            next_attempt_state(AttemptState(state), News(news))
    else:
        assert next_attempt_state(AttemptState(state), News(news)) is AttemptState(result)


@pytest.mark.parametrize(("state", "news", "result"), pairs(REFILLS))
def test_every_news_of_a_refill_is_decided(state, news, result):
    if result == ILLEGAL:
        with pytest.raises(IllegalMoveError):
            next_refill_state(RefillState(state), RefillNews(news))
    else:
        assert next_refill_state(RefillState(state), RefillNews(news)) is RefillState(result)


def test_the_tables_above_name_every_pair():
    assert len(pairs(ATTEMPTS)) == len(AttemptState) * len(News)
    assert len(pairs(REFILLS)) == len(RefillState) * len(RefillNews)


@pytest.mark.parametrize("state", sorted(FINAL_ATTEMPT_STATES))
@pytest.mark.parametrize("news", News)
def test_nothing_leaves_a_final_attempt(state, news):
    with suppress(IllegalMoveError):
        assert next_attempt_state(state, news) is state


@pytest.mark.parametrize("state", sorted(FINAL_REFILL_STATES))
@pytest.mark.parametrize("news", RefillNews)
def test_nothing_leaves_a_final_refill(state, news):
    with pytest.raises(IllegalMoveError):
        next_refill_state(state, news)


@pytest.mark.parametrize("news", [News.NOT_SENT, News.REFUSED, News.UNKNOWN, News.LEASE_OVER])
def test_only_proven_absence_says_that_an_unknown_attempt_charged_nothing(news):
    assert next_attempt_state(AttemptState.UNKNOWN, news) is AttemptState.UNKNOWN
