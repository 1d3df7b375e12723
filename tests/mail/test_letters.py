"""Letters: strict templates over plain values."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from jinja2 import UndefinedError

from core.errors import InvariantError
from mail import letters

RESET = {
    "sender_name": "Acme Telecom",
    "name": "Zoë",
    "reset_url": "https://portal.example/reset?token=a&b=c",
    "minutes": 30,
}


def test_a_letter_has_a_subject_a_text_and_a_page():
    letter = letters.render("password_reset", "en", **RESET)
    assert letter.subject == "Set a new password for Acme Telecom"
    assert "https://portal.example/reset?token=a&b=c" in letter.text
    assert "within 30 minutes" in letter.text
    assert 'href="https://portal.example/reset?token=a&amp;b=c"' in letter.html


def test_markup_in_a_name_stays_text_on_the_page():
    letter = letters.render("password_reset", "en", **{**RESET, "name": "<script>x</script>"})
    assert "<script>" not in letter.html
    assert "Hello <script>x</script>," in letter.text


def test_a_line_break_in_a_name_cannot_reach_the_subject_line():
    letter = letters.render("password_reset", "en", **{**RESET, "sender_name": "A\r\nBcc: x"})
    assert letter.subject == "Set a new password for A Bcc: x"


def test_a_missing_variable_is_an_error_not_a_gap():
    with pytest.raises(UndefinedError):
        letters.render("password_reset", "en", sender_name="Acme Telecom")


@pytest.mark.parametrize("value", [object(), 1.5, [1.5], {"a": object()}, print])
def test_a_letter_takes_no_rows_no_functions_and_no_floats(value):
    with pytest.raises(InvariantError):
        letters.render("password_reset", "en", **RESET, extra=value)


def test_the_access_letter_carries_no_password():
    letter = letters.render(
        "panel_access",
        "en",
        sender_name="Acme Telecom",
        name="Zoë",
        panel_url="https://portal.example/clients/",
        login="zoe",
    )
    assert "https://portal.example/clients/" in letter.text
    assert "Login: zoe" in letter.text


def test_an_unknown_language_falls_back_to_english():
    assert letters.render("password_reset", "tlh-XX", **RESET).subject.startswith("Set a new")


def test_figures_follow_the_language():
    filters = letters.get_environment("de").filters
    assert filters["money"](Decimal("1234.5"), "EUR") == "1.234,50 EUR"
    assert filters["money"](Decimal("1234.5"), "JPY") == "1.235 JPY"
    assert filters["day"](date(2026, 3, 1)) == "1. März 2026"
    instant = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert filters["instant"](instant, "Europe/Berlin") == "29. März 2026, 03:30 (Europe/Berlin)"
