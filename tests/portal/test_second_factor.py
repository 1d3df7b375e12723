"""The second step of signing in, setting a factor up, recovery codes, and what is required."""

import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from core.clock import now
from core.config import Settings
from core.errors import InvariantError
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from portal.app import create_app
from tenants import second_factor, signin_accounts
from tenants.models import AuditRecord, User
from tenants.platform_models import PlatformAuditRecord
from tenants.signin_models import RecoveryCode, SecondFactor, SignInSession
from tests.factories.cast import PASSWORD, Tenant, make_platform_user, make_tenant
from tests.portal.browser import Browser, open_browser, sign_in, signed_in
from tests.portal.factors import code_of, give_factor


def give(browser: Browser, code: str):
    return browser.post("/login/code", data={"code": code})


def half_way(app: Flask, tenant: Tenant) -> Browser:
    """A browser in which the owner has given the password."""
    browser = open_browser(app)
    sign_in(browser, tenant.owner_email, PASSWORD)
    return browser


def actions(kind: str = "user") -> list[str]:
    with platform_unit_of_work() as session:
        return list(
            session.scalars(
                select(AuditRecord.action)
                .where(AuditRecord.object_type == kind)
                .order_by(AuditRecord.id)
            )
        )


def set_up(browser: Browser) -> tuple[str, list[str], str]:
    """Go through the page; the secret, the recovery codes, and the sealed offer."""
    page = browser.get("/account/second-factor").text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    offer = re.search(r'name="offer"[^>]* value="([^"]+)"', page)[1]
    answer = browser.post("/account/second-factor", data={"offer": offer, "code": code_of(secret)})
    assert answer.status_code == 200, answer.text
    codes = re.findall(r"<code>([a-z0-9-]{19})</code>", answer.text)
    return secret, codes, offer


def test_the_password_alone_opens_nothing(app: Flask, acme: Tenant) -> None:
    give_factor(app, "office", acme.owner_id)
    browser = open_browser(app)

    answer = sign_in(browser, acme.owner_email, PASSWORD)

    assert answer.location == "/login/code"
    for path in ("/office/clients/", "/account", "/office/", "/account/second-factor"):
        assert browser.get(path).location.partition("?")[0] in {"/login", "/"}, path
    assert browser.get("/login").location == "/login/code"
    assert "owner@acme.example" in browser.get("/login/code").text
    assert "password_accepted" in actions()
    assert "sign_in" not in actions()


def test_the_right_code_opens_under_a_new_token(app: Flask, acme: Tenant) -> None:
    secret, _ = give_factor(app, "office", acme.owner_id)
    browser = half_way(app, acme)
    pending = browser.cookie_value("office")

    answer = give(browser, code_of(secret))

    assert answer.location == "/office/clients"
    assert browser.get("/office/clients/").status_code == 200
    assert actions()[-1] == "sign_in"
    other = open_browser(app)
    other.give_cookie("office", pending)
    assert other.get("/account").status_code == 303
    assert other.get("/login/code").status_code == 303


def test_a_code_is_never_taken_twice(app: Flask, acme: Tenant) -> None:
    secret, _ = give_factor(app, "office", acme.owner_id)
    with time_machine.travel(now(), tick=False):
        code = code_of(secret)
        assert give(half_way(app, acme), code).status_code == 303

        answer = give(half_way(app, acme), code)

    assert answer.status_code == 422
    assert "used already" in answer.text


def test_the_code_that_set_the_factor_up_does_not_sign_in(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    with time_machine.travel(now(), tick=False):
        secret, _, _ = set_up(as_owner)
        assert give(half_way(app, acme), code_of(secret)).status_code == 422


def test_after_a_newer_code_an_older_one_is_too_old(app: Flask, acme: Tenant) -> None:
    secret, _ = give_factor(app, "office", acme.owner_id)
    with time_machine.travel(now(), tick=False):
        assert give(half_way(app, acme), code_of(secret, steps=1)).status_code == 303
        assert give(half_way(app, acme), code_of(secret)).status_code == 422


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
def test_a_phones_clock_may_be_one_step_early_or_late(
    app: Flask, acme: Tenant, steps: int, status: int
) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        secret, _ = give_factor(app, "office", acme.owner_id)
        clock.shift(300)

        assert give(half_way(app, acme), code_of(secret, steps=steps)).status_code == status


def test_codes_cannot_be_guessed(app: Flask, acme: Tenant) -> None:
    secret, _ = give_factor(app, "office", acme.owner_id)
    browser = half_way(app, acme)

    answers = [give(browser, f"{n:06d}").status_code for n in range(7)]

    assert answers == [422] * 6 + [429]
    # a new session, another browser and the right code wait as well
    refused = give(half_way(app, acme), code_of(secret))
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert actions().count("second_step_failed") == 6


def test_between_password_and_code_lie_ten_minutes_at_most(app: Flask, acme: Tenant) -> None:
    start = now()
    with time_machine.travel(start, tick=False) as clock:
        secret, _ = give_factor(app, "office", acme.owner_id)
        browser = half_way(app, acme)
        clock.move_to(start + timedelta(minutes=10))
        assert give(browser, code_of(secret)).status_code == 303
        assert browser.get("/account").location.startswith("/login?")


def test_a_recovery_code_signs_in_once_and_tells_by_mail(app: Flask, acme: Tenant) -> None:
    _, codes = give_factor(app, "office", acme.owner_id)
    browser = half_way(app, acme)

    assert give(browser, codes[3].upper().replace("-", " ")).status_code == 303

    assert "9 are left" in browser.get("/account").text
    assert give(half_way(app, acme), codes[3]).status_code == 422
    with platform_unit_of_work() as session:
        mail = session.scalars(select(MailMessage)).one()
    assert mail.to_address == acme.owner_email
    assert "recovery code was used" in mail.body_text
    assert "recovery_code_used" in actions()


def test_the_code_of_another_person_opens_nothing(app: Flask, acme: Tenant) -> None:
    give_factor(app, "office", acme.owner_id)
    secret, codes = give_factor(app, "office", acme.viewer_id)

    assert give(half_way(app, acme), code_of(secret)).status_code == 422
    assert give(half_way(app, acme), codes[0]).status_code == 422


def test_secret_and_recovery_codes_are_not_readable_where_they_are_stored(
    app: Flask, acme: Tenant
) -> None:
    secret, codes = give_factor(app, "office", acme.owner_id)

    with platform_unit_of_work() as session:
        stored = session.scalars(select(SecondFactor)).one()
        hashes = session.scalars(select(RecoveryCode.code_hash)).all()
    assert secret not in stored.secret
    assert len(hashes) == len(codes) == 10
    assert all(code.encode() not in one for code in codes for one in hashes)


def test_a_secret_copied_to_another_person_does_not_open(app: Flask, acme: Tenant) -> None:
    secret, _ = give_factor(app, "office", acme.owner_id)
    give_factor(app, "office", acme.viewer_id)
    with platform_unit_of_work() as session:
        mine = session.scalar(
            select(SecondFactor.secret).where(SecondFactor.subject_id == acme.owner_id)
        )
        session.execute(
            update(SecondFactor)
            .where(SecondFactor.subject_id == acme.viewer_id)
            .values(secret=mine)
        )
    key_ring = app.extensions["settings"].credential_key_ring

    with platform_unit_of_work() as session:
        account = signin_accounts.get_account(session, "office", acme.viewer_id)
        with pytest.raises(InvariantError):
            second_factor.is_right_code(session, account, code_of(secret), key_ring)


def test_setting_it_up_ends_other_sessions_and_goes_on_here(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    elsewhere = signed_in(app, "office", acme.owner_id, acme.id)
    before = as_owner.cookie_value("office")

    secret, codes, _ = set_up(as_owner)

    assert len(set(codes)) == 10
    assert as_owner.cookie_value("office") != before
    assert as_owner.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    assert codes[0] not in as_owner.get("/account").text
    assert as_owner.get("/account/second-factor").location == "/account"
    with platform_unit_of_work() as session:
        assert session.scalar(select(User.second_factor_since).where(User.id == acme.owner_id))
    with time_machine.travel(now() + timedelta(seconds=60)):
        assert give(half_way(app, acme), code_of(secret)).status_code == 303


def test_the_page_stores_nothing_before_it_is_confirmed(as_owner: Browser) -> None:
    page = as_owner.get("/account/second-factor")

    assert 'src="data:image/svg+xml' in page.text
    with platform_unit_of_work() as session:
        assert session.scalar(select(SecondFactor.subject_id)) is None


def test_a_wrong_code_keeps_the_same_secret_on_the_page(as_owner: Browser) -> None:
    page = as_owner.get("/account/second-factor").text
    offer = re.search(r'name="offer"[^>]* value="([^"]+)"', page)[1]
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1]

    answer = as_owner.post("/account/second-factor", data={"offer": offer, "code": "000000"})

    assert answer.status_code == 422
    assert secret in answer.text


def test_an_offer_made_for_another_or_long_ago_is_refused(
    app: Flask, as_owner: Browser, as_viewer: Browser
) -> None:
    page = as_viewer.get("/account/second-factor").text
    offer = re.search(r'name="offer"[^>]* value="([^"]+)"', page)[1]
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    data = {"offer": offer, "code": code_of(secret)}

    assert as_owner.post("/account/second-factor", data=data).status_code == 422
    with time_machine.travel(now() + timedelta(minutes=61)):
        with platform_unit_of_work() as session:
            session.execute(update(SignInSession).values(last_seen_at=now()))
        data["code"] = code_of(secret)
        assert as_viewer.post("/account/second-factor", data=data).status_code == 422
    with platform_unit_of_work() as session:
        assert session.scalar(select(SecondFactor.subject_id)) is None


def test_new_recovery_codes_need_a_code_and_end_the_old_ones(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        secret, old, _ = set_up(as_owner)
        assert (
            as_owner.post(
                "/account/second-factor/codes", data={"code": code_of(secret)}
            ).status_code
            == 422
        )
        clock.shift(60)
        answer = as_owner.post("/account/second-factor/codes", data={"code": code_of(secret)})
    new = re.findall(r"<code>([a-z0-9-]{19})</code>", answer.text)
    assert len(new) == 10
    assert give(half_way(app, acme), old[0]).status_code == 422
    assert give(half_way(app, acme), new[0]).status_code == 303


def test_switching_it_off_needs_password_and_code(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    def off(password: str, code: str) -> int:
        return as_owner.post(
            "/account/second-factor/off", data={"current": password, "code": code}
        ).status_code

    with time_machine.travel(now(), tick=False) as clock:
        secret, codes, _ = set_up(as_owner)
        clock.shift(60)
        assert off("not the password", code_of(secret)) == 422
        assert off(PASSWORD, "000000") == 422
        assert off(PASSWORD, codes[0]) == 422
        assert off(PASSWORD, code_of(secret)) == 303
    assert sign_in(open_browser(app), acme.owner_email, PASSWORD).location == "/office/clients"
    assert actions()[-3:-1] == ["second_factor_on", "second_factor_off"]


@pytest.fixture(scope="module")
def strict(settings: Settings) -> Flask:
    """The application where everybody must have a second factor."""
    return create_app(settings.model_copy(update={"two_factor": "required"}))


def test_where_it_is_required_one_sets_it_up_and_can_open_nothing_else(
    strict: Flask, acme: Tenant
) -> None:
    browser = open_browser(strict)

    assert sign_in(browser, acme.owner_email, PASSWORD).location == "/account/second-factor"

    for path in ("/office/clients/", "/office/users/", "/account", "/office/"):
        assert browser.get(path).location.startswith("/login"), path
    assert browser.post("/office/clients/new", data={}).location.startswith("/login")
    assert browser.get("/login").location == "/account/second-factor"
    set_up(browser)
    assert browser.get("/office/clients/").status_code == 200


def test_where_it_is_required_nobody_switches_it_off(strict: Flask, acme: Tenant) -> None:
    secret, _ = give_factor(strict, "office", acme.owner_id)
    browser = half_way(strict, acme)
    give(browser, code_of(secret))

    answer = browser.post(
        "/account/second-factor/off", data={"current": PASSWORD, "code": code_of(secret, steps=1)}
    )

    assert answer.status_code == 409
    assert "Switch it off" not in browser.get("/account").text


def test_a_session_from_before_it_was_required_goes_to_the_set_up(
    strict: Flask, acme: Tenant
) -> None:
    browser = signed_in(strict, "office", acme.owner_id, acme.id)

    assert browser.get("/office/clients/").location.startswith("/login")
    assert (
        "Set up your second factor" in browser.get("/office/clients/", follow_redirects=True).text
    )


def test_clients_need_none(strict: Flask, acme_client) -> None:
    browser = signed_in(strict, "panel", acme_client.id, acme_client.reseller_id)

    assert browser.get("/clients/").status_code == 200


def test_platform_staff_sign_in_the_same_way(app: Flask, clean_database: None) -> None:
    admin = make_platform_user()
    secret, _ = give_factor(app, "platform", admin)
    browser = open_browser(app)

    assert sign_in(browser, "admin@platform.example", PASSWORD).location == "/login/code"
    assert browser.get("/platform/").status_code == 303
    assert give(browser, code_of(secret)).location == "/platform/"
    with platform_unit_of_work() as session:
        acts = session.scalars(
            select(PlatformAuditRecord.action).order_by(PlatformAuditRecord.id)
        ).all()
    assert acts == ["second_factor_on", "password_accepted", "sign_in"]


@pytest.mark.parametrize(
    ("environment", "setting", "is_required"),
    [
        ("production", "", True),
        ("production", "optional", False),
        ("development", "", False),
        ("development", "required", True),
    ],
)
def test_it_is_required_outside_development_unless_somebody_says_otherwise(
    settings: Settings, environment: str, setting: str, is_required: bool
) -> None:
    changed = settings.model_copy(update={"environment": environment, "two_factor": setting})

    assert changed.requires_second_factor is is_required


def test_a_person_who_only_gave_the_password_can_leave(app: Flask, acme: Tenant) -> None:
    give_factor(app, "office", acme.owner_id)
    browser = half_way(app, acme)

    browser.post("/logout")

    assert browser.get("/login").status_code == 200
    assert browser.cookie_value("office") is None


def test_a_users_factor_is_not_that_of_the_client_with_the_same_number(
    app: Flask, acme: Tenant
) -> None:
    other = make_tenant("Initech", "initech")
    give_factor(app, "office", acme.owner_id)

    assert sign_in(open_browser(app), other.owner_email, PASSWORD).location == "/office/clients"
