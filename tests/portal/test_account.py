"""One's own account: the password and the places one is signed in."""

import hashlib
import re

import pytest
from flask import Flask
from sqlalchemy import select

from core.platform_uow import platform_unit_of_work
from tenants.models import AuditRecord
from tenants.signin_models import SignInSession
from tests.factories.cast import PASSWORD, Client, Tenant
from tests.portal.browser import Browser, open_browser, sign_in, sign_in_client, signed_in

NEW_PASSWORD = "seventeen blue kettles"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"


def change(browser: Browser, current: str, password: str, page: str = "/account"):
    return browser.post(f"{page}/password", data={"current": current, "password": password})


def keys_of_other_sessions(html: str) -> list[str]:
    return re.findall(r'name="key" value="([0-9a-f]{64})"', html)


def test_a_new_password_ends_all_sessions_but_goes_on_here_under_a_new_token(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    elsewhere = signed_in(app, "office", acme.owner_id, acme.id)
    before = as_owner.cookie_value("office")

    answer = change(as_owner, PASSWORD, NEW_PASSWORD)

    assert answer.status_code == 303
    page = as_owner.get("/account")
    assert "Your password is changed." in page.text
    assert as_owner.cookie_value("office") != before
    assert elsewhere.get("/account").status_code == 303
    elsewhere.give_cookie("office", before)
    assert elsewhere.get("/account").status_code == 303
    with platform_unit_of_work() as session:
        reasons = session.scalars(select(SignInSession.ended_reason)).all()
    assert sorted(str(reason) for reason in reasons) == ["None"] + ["password_changed"] * 2
    assert sign_in(open_browser(app), acme.owner_email, NEW_PASSWORD).status_code == 303


def test_a_client_changes_its_own_password(
    app: Flask, as_client: Browser, acme_client: Client
) -> None:
    assert change(as_client, PASSWORD, NEW_PASSWORD, "/clients/account").status_code == 303

    assert as_client.get("/clients/account").status_code == 200
    assert sign_in_client(open_browser(app), "orbit", PASSWORD).status_code == 422
    assert sign_in_client(open_browser(app), "orbit", NEW_PASSWORD).status_code == 303


def test_platform_staff_change_their_own_password(app: Flask, as_platform_admin: Browser) -> None:
    assert change(as_platform_admin, PASSWORD, NEW_PASSWORD).status_code == 303

    answer = sign_in(open_browser(app), "admin@platform.example", NEW_PASSWORD)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("current", "password", "message"),
    [
        ("not the present one", NEW_PASSWORD, "This is not your present password."),
        (PASSWORD, "short", "Use at least 12 characters."),
        (PASSWORD, "password1234", "This password is too common."),
        (PASSWORD, "owner@acme.example", "Do not use your name or address as a password."),
        ("", "", "Enter your present password."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(
    app: Flask, as_owner: Browser, acme: Tenant, current: str, password: str, message: str
) -> None:
    answer = change(as_owner, current, password)

    assert answer.status_code == 422
    assert message in answer.text
    assert as_owner.get("/account").status_code == 200
    assert sign_in(open_browser(app), acme.owner_email, PASSWORD).status_code == 303


def test_the_present_password_cannot_be_guessed_inside_a_stolen_session(
    as_owner: Browser,
) -> None:
    answers = [change(as_owner, f"guess number {n}", NEW_PASSWORD).status_code for n in range(7)]

    assert answers == [422] * 6 + [429]


def test_my_sessions_are_listed_and_one_is_ended(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    phone = open_browser(app)
    sign_in(phone, acme.owner_email, PASSWORD, headers={"User-Agent": FIREFOX})
    page = as_owner.get("/account").text
    assert "Firefox on Windows" in page
    assert page.count("This device") >= 1
    (key,) = keys_of_other_sessions(page)

    as_owner.post("/account/sessions/end", data={"key": key})

    assert phone.get("/account").status_code == 303
    assert as_owner.get("/account").status_code == 200


def test_all_my_other_sessions_are_ended(
    app: Flask, as_client: Browser, acme_client: Client
) -> None:
    others = [signed_in(app, "panel", acme_client.id, acme_client.reseller_id) for _ in range(2)]

    as_client.post("/clients/account/sessions/end-others")

    assert [other.get("/clients/account").status_code for other in others] == [303, 303]
    assert as_client.get("/clients/account").status_code == 200


def test_nobody_sees_or_ends_the_session_of_another(
    as_owner: Browser, as_viewer: Browser, as_client: Browser, as_stranger: Browser
) -> None:
    assert keys_of_other_sessions(as_viewer.get("/account").text) == []
    for victim, area in ((as_viewer, "office"), (as_stranger, "office"), (as_client, "panel")):
        key = hashlib.sha256(victim.cookie_value(area).encode()).hexdigest()
        as_owner.post("/account/sessions/end", data={"key": key})

    assert as_viewer.get("/account").status_code == 200
    assert as_stranger.get("/account").status_code == 200
    assert as_client.get("/clients/account").status_code == 200


@pytest.mark.parametrize("key", ["", "zz", "00", "é"])
def test_a_key_that_names_no_session_ends_nothing(as_owner: Browser, key: str) -> None:
    answer = as_owner.post("/account/sessions/end", data={"key": key}, follow_redirects=True)

    assert "That session had ended already." in answer.text


def test_a_client_and_a_user_with_the_same_number_are_two_people(
    app: Flask, as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    twin = signed_in(app, "platform", acme.owner_id, None)

    as_owner.post("/account/sessions/end-others")

    with platform_unit_of_work() as session:
        left = session.scalars(
            select(SignInSession.area).where(SignInSession.ended_at.is_(None))
        ).all()
    assert sorted(left) == ["office", "platform"]
    assert twin.cookie_value("platform")


def test_changes_of_the_account_are_audited(as_owner: Browser, app: Flask, acme: Tenant) -> None:
    signed_in(app, "office", acme.owner_id, acme.id)
    (key,) = keys_of_other_sessions(as_owner.get("/account").text)
    as_owner.post("/account/sessions/end", data={"key": key})
    change(as_owner, PASSWORD, NEW_PASSWORD)

    with platform_unit_of_work() as session:
        actions = session.scalars(
            select(AuditRecord.action)
            .where(AuditRecord.object_type == "user")
            .order_by(AuditRecord.id)
        ).all()
    assert actions[-2:] == ["session_ended", "password_changed"]
