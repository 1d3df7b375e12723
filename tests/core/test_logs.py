"""Card numbers and secrets never reach a log, and no field takes a card number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.logs import MASK, contains_card_number, scrub

VISA, AMEX = "4111111111111111", "378282246310005"


@pytest.mark.parametrize(
    "text",
    [
        VISA,
        AMEX,
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111 1111 1111 1111 12/28",
        "4111 1111 1111 1111 12 28 123",
        "1 4111111111111111",
        "card:4111111111111111,exp 12/28",
        "3782 822463 10005 0929",
        "x5555555555554444y",
    ],
)
def test_a_card_number_is_found_however_it_is_grouped(text: str):
    assert contains_card_number(text)
    assert MASK in scrub(text)
    assert not contains_card_number(scrub(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111 1111 1111 1112",
        "+49 30 901820 12",
        "DE89 3704 0044 0532 0130 00",
        "GB33BUKB20201555555555",
        "2026-11-23 07:33:06.123456",
        "1234567.890123",
        "01a2076575eb7ea9962a7ea5edc0ebd9",
    ],
)
def test_other_figures_are_left_alone(text: str):
    assert not contains_card_number(text)
    assert scrub(text) == text


@given(st.text(alphabet="0123456789 .-x", max_size=60))
def test_what_is_scrubbed_holds_no_card_number_any_more(text: str):
    assert not contains_card_number(scrub(text))


@given(
    st.text(alphabet="ab ,:/", max_size=8),
    st.sampled_from([VISA, AMEX]),
    st.text(alphabet="ab ,:/", max_size=8),
)
def test_a_card_number_between_words_is_found(before: str, number: str, after: str):
    assert contains_card_number(before + number + after)
