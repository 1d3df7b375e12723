"""Guessing gets slow, for the guesser and for nobody else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from core.clock import now
from tests.factories.cast import PASSWORD, Client, Tenant
from tests.portal.browser import Browser, open_browser, sign_in, sign_in_client

WRONG = "wrong password 12"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now(), tick=False) as traveller:
        yield traveller


def at(ip: str) -> dict[str, dict[str, str]]:
    """As if from this address."""
    return {"environ_base": {"REMOTE_ADDR": ip}}


def fail(browser: Browser, email: str, times: int, ip: str = "203.0.113.7") -> list[int]:
    return [sign_in(browser, email, WRONG, **at(ip)).status_code for _ in range(times)]


def test_after_five_wrong_passwords_the_next_ones_wait_longer_and_longer(
    anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    assert fail(anonymous, acme.owner_email, 6) == [422] * 6

    waits = []
    for _ in range(3):
        refused = sign_in(anonymous, acme.owner_email, PASSWORD, **at("203.0.113.7"))
        assert refused.status_code == 429
        waits.append(int(refused.headers["Retry-After"]))
        clock.shift(waits[-1])
        assert fail(anonymous, acme.owner_email, 1) == [422]
    assert waits == [2, 4, 8]


def test_the_page_says_how_long_to_wait(
    anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    fail(anonymous, acme.owner_email, 6)

    refused = sign_in(anonymous, acme.owner_email, PASSWORD, **at("203.0.113.7"))

    assert "Please try again in 2 seconds." in refused.text


def test_an_unknown_name_waits_as_a_known_one_does(
    anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    known = fail(anonymous, acme.owner_email, 8)
    unknown = fail(anonymous, "nobody@acme.example", 8, ip="198.51.100.7")

    assert known == unknown == [422] * 6 + [429] * 2


def test_the_neighbour_address_counts_as_the_same_place(
    anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    fail(anonymous, acme.owner_email, 6, ip="203.0.113.7")

    assert fail(anonymous, acme.owner_email, 1, ip="203.0.113.200") == [429]
    assert fail(anonymous, acme.owner_email, 1, ip="203.0.114.7") == [422]


def test_another_browser_or_cookie_does_not_help(
    anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    fail(anonymous, acme.owner_email, 6)
    fresh = open_browser(anonymous.application)
    fresh.set_cookie("device", "made-up")

    assert fail(fresh, acme.owner_email, 1) == [429]


def test_strangers_cannot_keep_the_owner_out_of_a_browser_that_knows_the_account(
    app, anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    owner = open_browser(app)
    sign_in(owner, acme.owner_email, PASSWORD)
    owner.post("/logout")
    for network in range(12):
        fail(anonymous, acme.owner_email, 5, ip=f"203.0.{network}.7")
    # the account is slow for everybody, and the owner's own place was abused as well
    assert fail(anonymous, acme.owner_email, 1, ip="192.0.2.1") == [429]
    fail(anonymous, acme.owner_email, 8, ip="127.0.0.1")

    assert sign_in(owner, acme.owner_email, PASSWORD).status_code == 303


def test_a_slowed_account_is_never_shut_for_long(
    anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    for network in range(60):
        fail(anonymous, acme.owner_email, 2, ip=f"203.0.{network}.7")
        clock.shift(1)

    clock.shift(31)
    assert sign_in(anonymous, acme.owner_email, PASSWORD, **at("192.0.2.1")).status_code == 303


def test_a_browser_that_knows_the_account_is_throttled_too(
    anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    sign_in(anonymous, acme.owner_email, PASSWORD)
    anonymous.post("/logout")

    assert fail(anonymous, acme.owner_email, 7)[-1] == 429


def test_many_accounts_tried_from_one_place_make_the_place_wait(
    anonymous: Browser, clock: time_machine.Traveller
) -> None:
    answers = [
        sign_in(anonymous, f"person{n}@acme.example", WRONG, **at("203.0.113.7")).status_code
        for n in range(23)
    ]

    assert answers == [422] * 21 + [429] * 2
    elsewhere = sign_in(anonymous, "person99@acme.example", WRONG, **at("198.51.100.7"))
    assert elsewhere.status_code == 422


def test_an_office_of_many_people_is_not_slowed_by_right_passwords(
    app, acme: Tenant, clock: time_machine.Traveller
) -> None:
    for _ in range(25):
        answer = sign_in(open_browser(app), acme.owner_email, PASSWORD, **at("203.0.113.7"))
        assert answer.status_code == 303


def test_a_right_password_clears_the_own_failures_but_not_those_of_the_place(
    app, acme: Tenant, clock: time_machine.Traveller
) -> None:
    browser = open_browser(app)
    fail(browser, acme.owner_email, 4)
    sign_in(browser, acme.owner_email, PASSWORD, **at("203.0.113.7"))

    stranger = open_browser(app)
    assert fail(stranger, acme.owner_email, 6) == [422] * 6
    # 10 failures of the place so far, whatever was right between them
    rest = [fail(stranger, f"p{n}@acme.example", 1)[0] for n in range(12)]
    assert rest == [422] * 11 + [429]


def test_failures_are_forgotten_after_a_day(
    anonymous: Browser, acme: Tenant, clock: time_machine.Traveller
) -> None:
    fail(anonymous, acme.owner_email, 6)
    clock.shift(timedelta(hours=24, seconds=1))

    assert fail(anonymous, acme.owner_email, 6) == [422] * 6


def test_fifty_guesses_at_once_get_no_more_tries_than_one_after_another(app, acme: Tenant) -> None:
    def guess(_: int) -> int:
        browser = open_browser(app)
        return sign_in(browser, acme.owner_email, WRONG, **at("203.0.113.7")).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(guess, range(50)))

    assert set(answers) == {422, 429}
    # six are free; the wait after the sixth is short, so a slow machine may let one more through
    assert answers.count(422) <= 8


def test_the_panel_is_throttled_by_itself(
    anonymous: Browser, acme_client: Client, clock: time_machine.Traveller
) -> None:
    for _ in range(6):
        sign_in_client(anonymous, "orbit", WRONG)

    assert sign_in_client(anonymous, "orbit", PASSWORD).status_code == 429
