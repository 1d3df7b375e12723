"""A client's second factor: the same rules as staff's, through its own door."""

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from core.clock import now
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from portal.sessions import forget_panel_sessions
from tenants.models import AuditRecord
from tenants.signin_models import RecoveryCode, SecondFactor
from tests.factories.cast import PASSWORD, Client, Tenant
from tests.portal.browser import Browser, open_browser, sign_in_client, signed_in
from tests.portal.factors import code_of, give_factor

HERE = "/clients/account/second-factor"


def give(browser: Browser, code: str):
    return browser.post("/clients/login/code", data={"code": code})


def half_way(app: Flask) -> Browser:
    """A browser in which the client has given the password."""
    browser = open_browser(app)
    sign_in_client(browser, "orbit", PASSWORD)
    return browser


def set_up(browser: Browser) -> tuple[str, list[str]]:
    page = browser.get(HERE).text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    offer = re.search(r'name="offer"[^>]* value="([^"]+)"', page)[1]
    answer = browser.post(HERE, data={"offer": offer, "code": code_of(secret)})
    assert answer.status_code == 200, answer.text
    return secret, re.findall(r"<code>([a-z0-9-]{19})</code>", answer.text)


def mails() -> list[MailMessage]:
    with platform_unit_of_work() as session:
        return list(session.scalars(select(MailMessage).order_by(MailMessage.created_at)))


def actions() -> list[str]:
    with platform_unit_of_work() as session:
        return list(
            session.scalars(
                select(AuditRecord.action)
                .where(AuditRecord.object_type == "client", AuditRecord.actor_kind != "system")
                .order_by(AuditRecord.id)
            )
        )


def test_the_password_alone_opens_nothing(app: Flask, acme_client: Client) -> None:
    secret, _ = give_factor(app, "panel", acme_client.id)
    browser = open_browser(app)

    assert sign_in_client(browser, "orbit", PASSWORD).location == "/clients/login/code"
    for path in ("/clients/", "/clients/profile", "/clients/account", HERE):
        assert browser.get(path).location.partition("?")[0] == "/clients/login", path
    page = browser.get("/clients/login/code").text
    assert "orbit" in page
    assert "Your provider can take the second factor away" in page

    assert give(browser, code_of(secret)).location == "/clients/"
    assert browser.get("/clients/").status_code == 200


def test_after_the_code_one_comes_to_the_page_that_was_wanted(
    app: Flask, acme_client: Client
) -> None:
    secret, _ = give_factor(app, "panel", acme_client.id)
    browser = open_browser(app)
    door = browser.get("/clients/invoices").location

    step = browser.post(door, data={"login": "orbit", "password": PASSWORD}).location

    assert step.startswith("/clients/login/code?next=")
    assert browser.post(step, data={"code": code_of(secret)}).location == "/clients/invoices"


def test_a_code_is_never_taken_twice_and_cannot_be_guessed(app: Flask, acme_client: Client) -> None:
    secret, _ = give_factor(app, "panel", acme_client.id)
    with time_machine.travel(now(), tick=False):
        assert give(half_way(app), code_of(secret)).status_code == 303
        assert give(half_way(app), code_of(secret)).status_code == 422
        guesses = [give(half_way(app), f"{n:06d}").status_code for n in range(6)]
    assert guesses[-1] == 429


def test_setting_it_up_gives_codes_ends_other_sessions_and_tells_by_mail(
    app: Flask, as_client: Browser, acme_client: Client
) -> None:
    elsewhere = signed_in(app, "panel", acme_client.id, acme_client.reseller_id)
    assert "off" in as_client.get("/clients/account").text

    secret, codes = set_up(as_client)

    assert len(set(codes)) == 10
    assert as_client.get("/clients/").status_code == 200
    assert elsewhere.get("/clients/").status_code == 303
    assert "second_factor_on" in actions()
    assert "Two-factor sign-in was switched on" in mails()[-1].body_text
    assert "tell your provider at once" in mails()[-1].body_text
    with time_machine.travel(now() + timedelta(seconds=60)):
        assert give(half_way(app), code_of(secret)).status_code == 303


def test_a_recovery_code_signs_in_once(app: Flask, acme_client: Client) -> None:
    _, codes = give_factor(app, "panel", acme_client.id)

    assert give(half_way(app), codes[0]).status_code == 303
    assert give(half_way(app), codes[0]).status_code == 422
    assert "recovery code was used" in mails()[-1].body_text


def test_new_codes_and_switching_off_need_the_app(
    app: Flask, as_client: Browser, acme_client: Client
) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        secret, _ = set_up(as_client)
        clock.shift(60)
        answer = as_client.post(f"{HERE}/codes", data={"code": code_of(secret)})
        assert len(re.findall(r"<code>([a-z0-9-]{19})</code>", answer.text)) == 10
        clock.shift(60)
        code = code_of(secret)
        wrong = as_client.post(f"{HERE}/off", data={"current": "not it", "code": code})
        assert wrong.status_code == 422
        answer = as_client.post(f"{HERE}/off", data={"current": PASSWORD, "code": code})
        assert answer.location == "/clients/account"
    assert sign_in_client(open_browser(app), "orbit", PASSWORD).location == "/clients/"
    assert "switched off" in mails()[-1].body_text


def test_staff_take_a_lost_one_away_and_the_client_is_told(
    app: Flask, as_owner: Browser, as_viewer: Browser, as_stranger: Browser, acme_client: Client
) -> None:
    give_factor(app, "panel", acme_client.id)
    inside = half_way(app)
    url = f"/office/clients/{acme_client.id}/second-factor/reset"
    assert "Take the second factor away" in as_owner.get(f"/office/clients/{acme_client.id}").text
    assert (
        "Take the second factor away" not in as_viewer.get(f"/office/clients/{acme_client.id}").text
    )

    refused = [as_viewer.post(url).status_code, as_stranger.post(url).status_code]
    answers = [as_owner.post(url).status_code for _ in range(2)]

    assert (refused, answers) == ([403, 404], [303, 409])
    assert inside.get("/clients/login/code").status_code == 303
    assert sign_in_client(open_browser(app), "orbit", PASSWORD).location == "/clients/"
    assert "Your provider has taken the second factor" in mails()[-1].body_text


def test_a_client_removed_for_good_leaves_no_secret(app: Flask, acme_client: Client) -> None:
    give_factor(app, "panel", acme_client.id)

    forget_panel_sessions(acme_client.id)

    with platform_unit_of_work() as session:
        assert session.scalars(select(SecondFactor)).all() == []
        assert session.scalars(select(RecoveryCode)).all() == []


def test_a_new_password_is_told_by_mail(app: Flask, as_client: Browser) -> None:
    as_client.post(
        "/clients/account/password",
        data={"current": PASSWORD, "password": "seventeen blue kettles"},
    )

    assert "The password of your account orbit was changed." in mails()[-1].body_text


@pytest.mark.parametrize("path", ["", "/codes", "/off"])
def test_nobody_sets_it_in_anothers_name(
    app: Flask, as_owner: Browser, acme: Tenant, acme_client: Client, path: str
) -> None:
    as_owner.post(f"/office/sign-in-as/client/{acme_client.id}", data={"reason": "Ticket 7"})

    assert as_owner.get(f"{HERE}{path}").status_code == 403
    assert as_owner.post(f"{HERE}{path}").status_code == 403
