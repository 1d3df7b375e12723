"""Cookies and the sessions behind them: what they are, and what ends them."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from core.clock import now
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants import client_blocks, clients
from tenants.client_blocks import PanelLogin
from tenants.models import Client as ClientRow
from tenants.models import Reseller, User
from tenants.signin_models import SignInSession
from tests.factories.cast import PASSWORD, Client, Tenant, make_tenant
from tests.portal.browser import Browser, open_browser, sign_in, sign_in_client, signed_in

NEW_PASSWORD = "seventeen blue kettles"


def test_the_cookie_is_out_of_reach_of_scripts(anonymous: Browser, acme: Tenant) -> None:
    answer = sign_in(anonymous, acme.owner_email, PASSWORD)

    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("office_session"))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_over_https_the_cookies_belong_to_this_host_alone(settings, acme: Tenant) -> None:
    from portal.app import create_app

    secure = create_app(settings.model_copy(update={"base_url": "https://portal.example"}))
    browser = open_browser(secure)

    answer = sign_in(browser, acme.owner_email, PASSWORD, base_url="https://portal.example")

    cookies = answer.headers.getlist("Set-Cookie")
    names = {cookie.split("=")[0] for cookie in cookies}
    assert {"__Host-office_session", "__Host-device"} <= names
    assert all(name.startswith("__Host-") for name in names)
    assert all("Secure" in cookie for cookie in cookies)


def test_only_the_hash_of_the_token_is_stored(anonymous: Browser, acme: Tenant) -> None:
    sign_in(anonymous, acme.owner_email, PASSWORD)

    token = anonymous.cookie_value("office")
    with platform_unit_of_work() as session:
        stored = session.scalars(select(SignInSession.token_hash)).one()
    assert len(stored) == 32
    assert token.encode() not in stored


def test_a_cookie_replayed_after_sign_out_opens_nothing(anonymous: Browser, acme: Tenant) -> None:
    sign_in(anonymous, acme.owner_email, PASSWORD)
    token = anonymous.cookie_value("office")

    answer = anonymous.post("/logout")

    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert anonymous.cookie_value("office") is None
    anonymous.give_cookie("office", token)
    assert anonymous.get("/account").status_code == 303


def test_the_cookie_of_one_area_is_refused_in_the_other(
    as_owner: Browser, as_client: Browser
) -> None:
    office, panel = as_owner.cookie_value("office"), as_client.cookie_value("panel")
    as_owner.give_cookie("panel", office)
    as_client.give_cookie("office", panel)

    assert as_owner.get("/clients/account").status_code == 303
    assert as_client.get("/account").status_code == 303


def test_a_users_session_opens_no_panel_of_the_client_with_the_same_number(
    app: Flask, acme_client: Client
) -> None:
    browser = signed_in(app, "office", acme_client.id, acme_client.reseller_id)
    browser.give_cookie("panel", browser.cookie_value("office"))

    assert browser.get("/clients/account").status_code == 303


def test_a_cookie_set_by_a_neighbour_host_does_not_sign_out(as_owner: Browser) -> None:
    as_owner.set_cookie("remember_token", "1|0123")

    assert as_owner.get("/account").status_code == 200


def test_a_cookie_of_flask_login_signs_nobody_in(anonymous: Browser, acme: Tenant) -> None:
    with anonymous.session_transaction() as session:
        session["_user_id"] = f"office:{acme.owner_id}"
        session["_fresh"] = True

    assert anonymous.get("/account").status_code == 303


def test_every_refusal_costs_the_same_number_of_password_checks(
    anonymous: Browser, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenants import passwords

    tried: list[str | None] = []
    verify = passwords.verify_password

    def counting(stored: str | None, password: str) -> bool:
        tried.append(stored)
        return verify(stored, password)

    monkeypatch.setattr(passwords, "verify_password", counting)
    counts = []
    for name in ("nobody@nowhere.example", acme.owner_email):
        tried.clear()
        sign_in(anonymous, name, "wrong password 12")
        counts.append(len(tried))
    assert counts == [3, 3]


def test_a_suspended_reseller_is_out_at_once_and_stays_out(
    as_owner: Browser, as_client: Browser, anonymous: Browser, acme: Tenant, acme_client: Client
) -> None:
    assert as_owner.get("/account").status_code == 200
    with platform_unit_of_work() as session:
        session.execute(update(Reseller).where(Reseller.id == acme.id).values(status="suspended"))

    assert as_owner.get("/account").status_code == 303
    assert as_client.get("/clients/account").status_code == 303
    assert sign_in(anonymous, acme.owner_email, PASSWORD).status_code == 422
    assert sign_in_client(anonymous, "orbit", PASSWORD).status_code == 422


def test_who_is_beneath_a_suspended_reseller_is_out_too(anonymous: Browser, acme: Tenant) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    with platform_unit_of_work() as session:
        session.execute(update(Reseller).where(Reseller.id == acme.id).values(status="suspended"))

    assert sign_in(anonymous, west.owner_email, PASSWORD).status_code == 422


def test_a_stopped_user_is_out_at_once(
    as_owner: Browser, as_viewer: Browser, anonymous: Browser, acme: Tenant
) -> None:
    with platform_unit_of_work() as session:
        session.execute(update(User).where(User.id == acme.owner_id).values(status="stop"))

    assert as_owner.get("/account").status_code == 303
    assert as_viewer.get("/account").status_code == 200
    assert sign_in(anonymous, acme.owner_email, PASSWORD).status_code == 422


@pytest.mark.parametrize(("status", "is_in"), [("stop", True), ("deleted", False)])
def test_a_stopped_client_may_still_come_and_pay_a_deleted_one_may_not(
    as_client: Browser, anonymous: Browser, acme_client: Client, status: str, is_in: bool
) -> None:
    with platform_unit_of_work() as session:
        session.execute(
            update(ClientRow).where(ClientRow.id == acme_client.id).values(status=status)
        )

    assert (as_client.get("/clients/account").status_code == 200) is is_in
    assert (sign_in_client(anonymous, "orbit", PASSWORD).status_code == 303) is is_in


def test_a_panel_switched_off_or_given_a_new_password_by_staff_is_out(
    as_client: Browser, acme: Tenant, acme_client: Client
) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        client = clients.get_client(session, acme_client.id)
        must_end = client_blocks.save_panel_login(
            session, client, PanelLogin(True, "orbit", NEW_PASSWORD)
        )

    assert must_end
    assert as_client.get("/clients/account").status_code == 303
    assert sign_in_client(as_client, "orbit", NEW_PASSWORD).status_code == 303

    with tenant_scope(acme.scope), unit_of_work() as session:
        client = clients.get_client(session, acme_client.id)
        client_blocks.save_panel_login(session, client, PanelLogin(False, "orbit", ""))
    assert as_client.get("/clients/account").status_code == 303


@pytest.mark.parametrize(
    ("area", "page", "idle", "absolute"),
    [
        ("office", "/account", timedelta(minutes=30), timedelta(hours=12)),
        ("panel", "/clients/account", timedelta(hours=12), timedelta(days=7)),
    ],
)
def test_a_session_ends_unused_and_at_last_in_any_case(
    app: Flask, acme: Tenant, acme_client: Client, area, page, idle, absolute
) -> None:
    subject = acme.owner_id if area == "office" else acme_client.id
    start = now()
    with time_machine.travel(start, tick=False) as clock:
        browser = signed_in(app, area, subject, acme.id)
        while now() < start + absolute - idle:
            clock.shift(idle - timedelta(minutes=2))
            assert browser.get(page).status_code == 200
        clock.move_to(start + absolute)
        assert browser.get(page).status_code == 303

        other = signed_in(app, area, subject, acme.id)
        clock.shift(idle)
        assert other.get(page).status_code == 303


def test_last_seen_is_written_once_a_minute(app: Flask, acme: Tenant) -> None:
    def last_seen():
        with platform_unit_of_work() as session:
            return session.scalars(select(SignInSession.last_seen_at)).one()

    start = now()
    with time_machine.travel(start, tick=False) as clock:
        browser = signed_in(app, "office", acme.owner_id, acme.id)
        clock.shift(59)
        browser.get("/account")
        assert last_seen() == start
        clock.shift(1)
        browser.get("/account")
        assert last_seen() == start + timedelta(minutes=1)


def test_whose_session_is_over_is_told_so(as_owner: Browser) -> None:
    with platform_unit_of_work() as session:
        session.execute(update(SignInSession).values(ended_at=now()))

    answer = as_owner.get("/account", follow_redirects=True)

    assert "Your session has ended." in answer.text
    assert as_owner.cookie_value("office") is None
