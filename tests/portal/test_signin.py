"""Signing in and out: whose account it is, what is answered, where one arrives."""

import re

import pytest
from argon2 import PasswordHasher, Type
from sqlalchemy import select, text, update

from core.platform_uow import platform_unit_of_work
from tenants import passwords
from tenants.models import AuditRecord, ClientLogin, Reseller, User
from tests.factories.cast import PASSWORD, Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser, open_browser, sign_in, sign_in_client

NEW_PASSWORD = "seventeen blue kettles"


def test_staff_arrive_at_their_clients(anonymous: Browser, acme: Tenant) -> None:
    answer = sign_in(anonymous, acme.owner_email, PASSWORD)

    assert (answer.status_code, answer.location) == (303, "/office/clients")
    assert anonymous.get("/account").status_code == 200


def test_platform_staff_arrive_at_the_tenants(anonymous: Browser, platform_admin: int) -> None:
    answer = sign_in(anonymous, "admin@platform.example", PASSWORD)

    assert answer.location == "/platform/"
    assert b"Platform Admin" in anonymous.get("/account").data


def test_a_client_arrives_at_its_panel(anonymous: Browser, acme_client: Client) -> None:
    answer = sign_in_client(anonymous, "Orbit", PASSWORD)

    assert answer.location == "/clients/"
    assert b"Orbit Calls" in anonymous.get("/clients/account").data


def test_a_token_set_before_sign_in_is_never_signed_in(anonymous: Browser, acme: Tenant) -> None:
    anonymous.give_cookie("office", "chosen-by-an-attacker")

    sign_in(anonymous, acme.owner_email, PASSWORD)

    assert anonymous.cookie_value("office") != "chosen-by-an-attacker"
    attacker = open_browser(anonymous.application)
    attacker.give_cookie("office", "chosen-by-an-attacker")
    assert attacker.get("/account").status_code == 303


def test_sign_in_renews_the_form_secret_and_the_session(anonymous: Browser, acme: Tenant) -> None:
    sign_in(anonymous, acme.owner_email, PASSWORD)
    first, form_token = anonymous.cookie_value("office"), anonymous.form_token()

    sign_in(anonymous, acme.owner_email, PASSWORD)

    assert anonymous.cookie_value("office") != first
    stale = anonymous.post("/logout", headers={"X-CSRFToken": form_token})
    assert stale.status_code == 400
    anonymous.give_cookie("office", first)
    assert anonymous.get("/account").status_code == 303


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("nobody@acme.example", PASSWORD),
        ("owner@acme.example", "wrong password 12"),
        ("owner@acme.example' or 1=1--", PASSWORD),
        ("zero\0byte", PASSWORD),
        ("owner@acme.example", "x" * 100_000),
    ],
)
def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(
    anonymous: Browser, acme: Tenant, name: str, password: str
) -> None:
    answer = sign_in(anonymous, name, password)

    assert answer.status_code == 422
    assert "The e-mail address or the password is not right." in answer.text
    assert anonymous.cookie_value("office") is None
    reference = sign_in(anonymous, "somebody@else.example", "whatever it is")
    assert _without_what_was_typed(answer.text) == _without_what_was_typed(reference.text)


def _without_what_was_typed(html: str) -> str:
    html = re.sub(r'(name="email"[^>]*) value="[^"]*"', r"\1", html)
    return re.sub(r'(csrf[-_]token"[^>]* (?:value|content))="[^"]*"', r"\1", html)


def test_an_address_in_two_tenants_signs_in_where_its_password_fits(
    anonymous: Browser, acme: Tenant, globex: Tenant
) -> None:
    with platform_unit_of_work() as session:
        from tenants import passwords

        session.execute(
            update(User)
            .where(User.id == globex.owner_id)
            .values(email=acme.owner_email, password_hash=passwords.hash_password(NEW_PASSWORD))
        )

    sign_in(anonymous, acme.owner_email, NEW_PASSWORD)

    assert "Globex" in anonymous.get("/account").text


def test_one_password_in_two_tenants_needs_the_tenant_named(
    anonymous: Browser, acme: Tenant, globex: Tenant
) -> None:
    make_client(acme, "Twin A", login="twin")
    make_client(globex, "Twin G", login="twin", currency="EUR")

    assert sign_in_client(anonymous, "twin", PASSWORD).status_code == 422

    answer = anonymous.post(
        "/clients/login?portal=globex", data={"login": "twin", "password": PASSWORD}
    )
    assert answer.status_code == 303
    assert "Twin G" in anonymous.get("/clients/account").text


def test_the_host_name_of_a_tenant_names_it(
    anonymous: Browser, acme: Tenant, globex: Tenant
) -> None:
    make_client(acme, "Twin A", login="twin")
    make_client(globex, "Twin G", login="twin", currency="EUR")
    with platform_unit_of_work() as session:
        session.execute(
            update(Reseller).where(Reseller.id == acme.id).values(portal_host="calls.acme.example")
        )
    there = "http://calls.acme.example"

    assert "Acme" in anonymous.get("/clients/login", base_url=there).text
    sign_in_client(anonymous, "twin", PASSWORD, base_url=there)

    anonymous.give_cookie(
        "panel", anonymous.get_cookie("panel_session", "calls.acme.example").value
    )
    assert "Twin A" in anonymous.get("/clients/account").text


def test_staff_of_another_tenant_cannot_enter_at_this_ones_address(
    anonymous: Browser, acme: Tenant, globex: Tenant
) -> None:
    answer = anonymous.post(
        "/login?portal=globex", data={"email": acme.owner_email, "password": PASSWORD}
    )

    assert answer.status_code == 422


def test_who_is_not_signed_in_comes_back_to_the_page_afterwards(
    anonymous: Browser, acme: Tenant
) -> None:
    door = anonymous.get("/account?tab=1").location
    assert door == "/login?next=%2Faccount%3Ftab%3D1"

    answer = anonymous.post(door, data={"email": acme.owner_email, "password": PASSWORD})

    assert answer.location == "/account?tab=1"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example",
        "javascript:alert(1)", "/clients/refill", "/logout", "/platform/tenants", "\\\\evil",
        "/a\\b",
    ],
)  # fmt: skip
def test_nobody_is_led_to_another_site_or_area(
    anonymous: Browser, acme: Tenant, wanted: str
) -> None:
    answer = anonymous.post(
        "/login",
        query_string={"next": wanted},
        data={"email": acme.owner_email, "password": PASSWORD},
    )

    assert answer.location == "/office/clients"


def test_a_fragment_asked_for_without_a_session_sends_the_whole_page_to_the_door(
    anonymous: Browser,
) -> None:
    page = {"HX-Current-URL": "http://localhost/account?tab=1"}

    answer = anonymous.get("/account", headers={**HTMX, **page})

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=%2Faccount%3Ftab%3D1"
    assert answer.data == b""


def test_signing_in_and_failing_is_audited_without_a_secret(
    anonymous: Browser, acme: Tenant, acme_client: Client
) -> None:
    sign_in(anonymous, acme.owner_email, "wrong password 12")
    sign_in(anonymous, acme.owner_email, PASSWORD)
    anonymous.post("/logout")
    sign_in_client(anonymous, "orbit", PASSWORD)

    with platform_unit_of_work() as session:
        rows = session.execute(
            select(AuditRecord.action, AuditRecord.actor_kind, AuditRecord.object_type)
            .where(AuditRecord.action.like("sign%"))
            .order_by(AuditRecord.id)
        ).all()
        everything = session.scalar(text("select string_agg(a::text, ' ') from audit_log a"))
    assert [tuple(row) for row in rows] == [
        ("sign_in_failed", "system", "user"),
        ("sign_in", "user", "user"),
        ("sign_out", "user", "user"),
        ("sign_in", "client", "client"),
    ]
    assert PASSWORD not in everything
    assert "wrong password" not in everything


def test_an_old_hash_is_renewed_at_sign_in(anonymous: Browser, acme: Tenant) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with platform_unit_of_work() as session:
        session.execute(update(User).where(User.id == acme.owner_id).values(password_hash=weak))

    sign_in(anonymous, acme.owner_email, PASSWORD)

    with platform_unit_of_work() as session:
        renewed = session.scalar(select(User.password_hash).where(User.id == acme.owner_id))
    assert renewed != weak
    assert not passwords.needs_rehash(renewed)
    assert anonymous.get("/account").status_code == 200


def test_the_root_leads_everybody_to_their_door(
    anonymous: Browser, as_owner: Browser, acme: Tenant
) -> None:
    assert anonymous.get("/").location == "/login"
    assert as_owner.get("/").location == "/office/clients"
    assert as_owner.get("/login").location == "/office/clients"


def test_a_login_page_of_another_site_signs_nobody_in(anonymous: Browser, acme: Tenant) -> None:
    answer = sign_in(
        anonymous, acme.owner_email, PASSWORD, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status_code == 403
    assert anonymous.cookie_value("office") is None


def test_a_panel_may_be_disabled_for_one_login_and_given_to_another(
    anonymous: Browser, acme: Tenant, acme_client: Client
) -> None:
    with platform_unit_of_work() as session:
        session.execute(
            update(ClientLogin).where(ClientLogin.client_id == acme_client.id).values(enabled=False)
        )
    make_client(acme, "Second Orbit", login="orbit")

    sign_in_client(anonymous, "orbit", PASSWORD)

    assert "Second Orbit" in anonymous.get("/clients/account").text


def test_passwords_are_kept_with_at_least_what_owasp_asks_for():
    assert PasswordHasher().type is Type.ID
    assert passwords.MEMORY_COST_KIB >= 19 * 1024
    assert passwords.TIME_COST >= 2
