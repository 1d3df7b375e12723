"""Forgotten passwords: a link by mail, the same answer for everybody, used once."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from core.clock import now
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from tenants.models import AuditRecord, Reseller, User
from tenants.models import Client as ClientRow
from tenants.signin_models import PasswordReset
from tests.factories.cast import PASSWORD, Client, Tenant
from tests.portal.browser import Browser, open_browser, sign_in, sign_in_client

NEW_PASSWORD = "seventeen blue kettles"


def ask(browser: Browser, email: str, **more) -> int:
    return browser.post("/login/forgot", data={"email": email}, **more).status_code


def mails() -> list[MailMessage]:
    with platform_unit_of_work() as session:
        return list(session.scalars(select(MailMessage).order_by(MailMessage.created_at)))


def mailed_path() -> str:
    """The path of the newest link."""
    found = re.search(r"http://127\.0\.0\.1:8080(/\S+)", mails()[-1].body_text)
    assert found
    return found[1]


def set_password(browser: Browser, path: str, password: str = NEW_PASSWORD):
    return browser.post(path, data={"password": password})


def test_staff_set_a_new_password_by_mail(anonymous: Browser, acme: Tenant) -> None:
    answer = anonymous.post("/login/forgot", data={"email": "OWNER@acme.example"})
    assert answer.status_code == 303
    assert "a mail with a link is on its way" in anonymous.get(answer.location).text
    assert mails()[-1].to_address == acme.owner_email
    path = mailed_path()
    assert acme.owner_email in anonymous.get(path).text

    assert set_password(anonymous, path).location == "/login?reset=1"

    assert sign_in(anonymous, acme.owner_email, PASSWORD).status_code == 422
    assert sign_in(anonymous, acme.owner_email, NEW_PASSWORD).status_code == 303


def test_a_client_sets_a_new_password_by_mail(anonymous: Browser, acme_client: Client) -> None:
    anonymous.post("/clients/login/forgot", data={"login": "orbit"})
    mail = mails()[-1]
    assert (mail.client_id, mail.to_address) == (acme_client.id, "orbit@client.example")
    path = mailed_path()
    assert path.startswith("/clients/login/reset/")

    assert set_password(anonymous, path).location == "/clients/login?reset=1"
    assert sign_in_client(anonymous, "orbit", NEW_PASSWORD).status_code == 303


def test_an_unknown_name_gets_the_same_answer_and_no_mail(anonymous: Browser, acme: Tenant) -> None:
    known = anonymous.post("/login/forgot", data={"email": acme.owner_email})
    unknown = anonymous.post("/login/forgot", data={"email": "nobody@acme.example"})

    assert (known.status_code, known.location, known.data) == (
        unknown.status_code,
        unknown.location,
        unknown.data,
    )
    assert [mail.to_address for mail in mails()] == [acme.owner_email]


def test_platform_staff_get_the_same_answer_and_use_the_command(
    anonymous: Browser, platform_admin: int
) -> None:
    assert ask(anonymous, "admin@platform.example") == 303
    assert mails() == []
    assert "portal reset-password" in anonymous.get("/login/forgot").text


@pytest.mark.parametrize("closed", ["user", "reseller"])
def test_a_closed_account_gets_the_same_answer_and_no_mail(
    anonymous: Browser, acme: Tenant, closed: str
) -> None:
    with platform_unit_of_work() as session:
        if closed == "user":
            session.execute(update(User).values(status="stop"))
        else:
            session.execute(update(Reseller).values(status="suspended"))

    assert ask(anonymous, acme.owner_email) == 303
    assert mails() == []


def test_a_poisoned_host_does_not_reach_the_link(anonymous: Browser, acme: Tenant) -> None:
    foreign = anonymous.post(
        "/login/forgot", data={"email": acme.owner_email}, base_url="http://evil.example"
    )
    assert foreign.status_code == 421
    assert mails() == []

    anonymous.post(
        "/login/forgot",
        data={"email": acme.owner_email},
        headers={"X-Forwarded-Host": "evil.example"},
    )

    mail = mails()[-1]
    assert "evil.example" not in mail.body_text + mail.body_html + mail.subject
    assert "http://127.0.0.1:8080/login/reset/" in mail.body_text


def test_the_link_works_once(anonymous: Browser, acme: Tenant) -> None:
    ask(anonymous, acme.owner_email)
    path = mailed_path()
    set_password(anonymous, path)

    again = set_password(anonymous, path, "another seven kettles")

    assert again.status_code == 410
    assert anonymous.get(path).status_code == 410
    assert sign_in(anonymous, acme.owner_email, NEW_PASSWORD).status_code == 303


def test_two_browsers_with_one_link_race_and_one_wins(app, acme: Tenant) -> None:
    ask(open_browser(app), acme.owner_email)
    path = mailed_path()
    browsers = [open_browser(app) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda browser: set_password(browser, path).status_code, browsers)

    assert sorted(answers) == [303, 410, 410, 410]


def test_using_one_link_ends_the_others(anonymous: Browser, acme: Tenant) -> None:
    ask(anonymous, acme.owner_email)
    first = mailed_path()
    ask(anonymous, acme.owner_email)
    second = mailed_path()
    assert anonymous.get(first).status_code == 200

    set_password(anonymous, second)

    assert anonymous.get(first).status_code == 410


def test_the_link_is_good_for_thirty_minutes(anonymous: Browser, acme: Tenant) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        ask(anonymous, acme.owner_email)
        path = mailed_path()
        clock.shift(timedelta(minutes=29, seconds=59))
        assert anonymous.get(path).status_code == 200
        clock.shift(1)
        assert anonymous.get(path).status_code == 410
        assert set_password(anonymous, path).status_code == 410


def test_only_the_hash_of_the_link_is_stored(anonymous: Browser, acme: Tenant) -> None:
    ask(anonymous, acme.owner_email)

    token = mailed_path().rpartition("/")[2]
    with platform_unit_of_work() as session:
        stored = session.scalars(select(PasswordReset.token_hash)).one()
    assert len(token) == 43
    assert token.encode() not in stored


def test_looking_at_the_link_uses_nothing_up(anonymous: Browser, acme: Tenant) -> None:
    ask(anonymous, acme.owner_email)
    path = mailed_path()
    for _ in range(3):
        page = anonymous.get(path)

    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert set_password(anonymous, path).status_code == 303


def test_a_weak_password_leaves_the_link_good(anonymous: Browser, acme: Tenant) -> None:
    ask(anonymous, acme.owner_email)
    path = mailed_path()

    short = set_password(anonymous, path, "short")

    assert short.status_code == 422
    assert "Use at least 12 characters." in short.text
    assert set_password(anonymous, path).status_code == 303


def test_a_reset_ends_every_session(as_owner: Browser, anonymous: Browser, acme: Tenant) -> None:
    ask(anonymous, acme.owner_email)
    assert as_owner.get("/account").status_code == 200

    set_password(anonymous, mailed_path())

    assert as_owner.get("/account").status_code == 303


def test_a_link_of_the_panel_opens_nothing_in_the_back_office(
    anonymous: Browser, acme_client: Client
) -> None:
    anonymous.post("/clients/login/forgot", data={"login": "orbit"})
    token = mailed_path().rpartition("/")[2]

    assert anonymous.get(f"/login/reset/{token}").status_code == 410
    assert set_password(anonymous, f"/login/reset/{token}").status_code == 410


def test_a_link_of_a_client_deleted_since_is_dead(anonymous: Browser, acme_client: Client) -> None:
    anonymous.post("/clients/login/forgot", data={"login": "orbit"})
    with platform_unit_of_work() as session:
        session.execute(update(ClientRow).values(status="deleted"))

    assert anonymous.get(mailed_path()).status_code == 410


def test_nobody_is_flooded_with_mails(anonymous: Browser, acme: Tenant) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        answers = [ask(anonymous, acme.owner_email) for _ in range(6)]
        assert answers == [303] * 4 + [429] * 2
        assert len(mails()) == 4

        unknown = [ask(anonymous, "nobody@acme.example") for _ in range(6)]
        assert unknown == answers

        clock.shift(2)
        assert ask(anonymous, acme.owner_email) == 303


def test_guessing_links_gets_slow(anonymous: Browser, acme: Tenant) -> None:
    with time_machine.travel(now(), tick=False):
        ask(anonymous, acme.owner_email)
        path = mailed_path()
        for _ in range(40):
            assert anonymous.get(path).status_code == 200
        answers = [anonymous.get(f"/login/reset/guess{n}").status_code for n in range(23)]

    assert answers == [410] * 21 + [429] * 2


def test_after_a_reset_strangers_cannot_keep_the_owner_out(
    app, anonymous: Browser, acme: Tenant
) -> None:
    with time_machine.travel(now(), tick=False):
        ask(anonymous, acme.owner_email)
        set_password(anonymous, mailed_path())
        stranger = open_browser(app)
        for network in range(12):
            for _ in range(5):
                sign_in(
                    stranger,
                    acme.owner_email,
                    "wrong password 12",
                    environ_base={"REMOTE_ADDR": f"203.0.{network}.7"},
                )

        assert sign_in(anonymous, acme.owner_email, NEW_PASSWORD).status_code == 303


def test_a_reset_is_audited(anonymous: Browser, acme: Tenant) -> None:
    ask(anonymous, acme.owner_email)
    set_password(anonymous, mailed_path())

    with platform_unit_of_work() as session:
        row = session.scalars(
            select(AuditRecord).where(AuditRecord.action == "password_reset")
        ).one()
    assert (row.object_type, row.object_id) == ("user", str(acme.owner_id))


def test_the_form_of_another_site_sends_no_mail(anonymous: Browser, acme: Tenant) -> None:
    assert ask(anonymous, acme.owner_email, headers={"Sec-Fetch-Site": "cross-site"}) == 403
    assert mails() == []
