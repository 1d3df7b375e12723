"""Staff signed in as somebody beneath: only downwards, only looking at first, under both names."""

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from core.clock import now
from core.errors import NotAllowedError, NotFoundError
from core.platform_uow import platform_unit_of_work
from core.tenancy import Scope, tenant_scope
from core.uow import unit_of_work
from mail.notice_models import ANY_SERVICE, EventSubscription
from payments.models import ClientAutoPayment, SavedCard
from tenants import signed_in, signing_in_as
from tenants.models import AuditRecord, Role, User
from tenants.models import Client as ClientRow
from tenants.permissions import Permission
from tenants.signin_models import SignInSession
from tests.factories.cast import Client, Tenant, make_client, make_platform_user, make_tenant
from tests.portal.browser import HTMX, Browser, open_browser
from tests.portal.browser import signed_in as browser_of
from tests.portal.factors import give_factor
from tests.portal.office.people import make_colleague, make_role

WHY = "Asked by phone, ticket 4711"


def as_client_of(browser: Browser, client: Client, reason: str = WHY, **more):
    return browser.post(f"/office/sign-in-as/client/{client.id}", data={"reason": reason}, **more)


def into_office(browser: Browser, tenant: Tenant, user_id: int | None = None, reason: str = WHY):
    return browser.post(
        f"/platform/sign-in-as/reseller/{tenant.id}",
        data={"reason": reason, "user_id": user_id or tenant.owner_id},
    )


def switch(browser: Browser, area: str = "office", mode: str = "change"):
    return browser.post(f"/{area}/acting/mode", data={"mode": mode})


def records(action: str | None = None) -> list[AuditRecord]:
    with platform_unit_of_work() as session:
        query = select(AuditRecord).order_by(AuditRecord.id)
        if action is not None:
            query = query.where(AuditRecord.action == action)
        return list(session.scalars(query))


def acting_rows() -> list[SignInSession]:
    with platform_unit_of_work() as session:
        return list(
            session.scalars(select(SignInSession).where(SignInSession.parent_hash.is_not(None)))
        )


def add_terms(browser: Browser, tenant: Tenant):
    return browser.post(
        "/office/payment-terms/new",
        data={
            "reseller_id": tenant.id,
            "name": "Made as another",
            "rule": "day",
            "day_of_month": "1",
        },
    )


# --- the way in


def test_staff_see_a_clients_panel_as_the_client_does(
    as_owner: Browser, acme_client: Client
) -> None:
    answer = as_client_of(as_owner, acme_client)

    assert answer.location == "/clients/"
    page = as_owner.get("/clients/").text
    assert "Orbit Calls" in page
    assert "you are signed in as Orbit Calls (orbit)" in page
    assert "You may only look." in page
    assert "30 min left" in page
    # and stay themselves in the office
    assert "owner@acme.example" in as_owner.get("/office/clients/").text


def test_the_platform_sees_a_resellers_office_as_one_of_its_people(
    as_platform_admin: Browser, acme: Tenant, acme_client: Client
) -> None:
    assert into_office(as_platform_admin, acme).location == "/office/"

    page = as_platform_admin.get("/office/clients/").text
    assert "Orbit Calls" in page
    assert "Platform Admin, you are signed in as Owner of acme.example (Acme)" in page
    assert as_platform_admin.get("/platform/").status_code == 200
    assert "admin@platform.example" in as_platform_admin.get("/account").text


def test_one_may_do_no_more_than_the_person_whose_place_one_takes(
    as_platform_admin: Browser, acme: Tenant, acme_client: Client
) -> None:
    into_office(as_platform_admin, acme, acme.viewer_id)
    switch(as_platform_admin)

    assert as_platform_admin.get("/office/clients/").status_code == 200
    assert add_terms(as_platform_admin, acme).status_code == 403


@pytest.mark.parametrize("reason", ["", "   "])
def test_without_a_reason_nobody_gets_in(
    as_owner: Browser, acme_client: Client, reason: str
) -> None:
    answer = as_client_of(as_owner, acme_client, reason)

    assert answer.status_code == 422
    assert "Enter the reason." in answer.text
    assert acting_rows() == []


def test_the_dialog_is_a_page_too(as_owner: Browser, acme_client: Client) -> None:
    path = f"/office/sign-in-as/client/{acme_client.id}"

    assert "Reason" in as_owner.get(path).text
    assert "dialog:open" in as_owner.get(path, headers=HTMX).headers["HX-Trigger"]
    assert as_client_of(as_owner, acme_client, headers=HTMX).headers["HX-Redirect"] == "/clients/"


def test_a_client_whose_panel_is_off_is_told_of(as_owner: Browser, acme: Tenant) -> None:
    answer = as_client_of(as_owner, make_client(acme, "No Panel"))

    assert answer.status_code == 422
    assert "The panel of this client is switched off." in answer.text


# --- never upwards, never beside


def test_without_the_right_there_is_no_way_in(
    app: Flask, as_viewer: Browser, acme: Tenant, acme_client: Client
) -> None:
    assert as_client_of(as_viewer, acme_client).status_code == 403
    viewer = browser_of(app, "platform", make_platform_user("v@platform.example", "viewer"), None)
    assert into_office(viewer, acme).status_code == 403
    assert acting_rows() == []


def test_nobody_gets_into_the_panel_of_another_resellers_client(
    app: Flask, as_owner: Browser, acme: Tenant, globex_client: Client
) -> None:
    assert as_client_of(as_owner, globex_client).status_code == 404
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    above = make_client(acme, "Above", login="above")
    assert as_client_of(browser_of(app, "office", west.owner_id, west.id), above).status_code == 404


def test_staff_of_a_parent_get_to_the_clients_beneath(app: Flask, acme: Tenant) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    beneath = make_client(west, "Pacific Voice", login="pacific")
    mine = browser_of(app, "office", acme.owner_id, acme.id)

    assert as_client_of(mine, beneath).status_code == 303
    assert "Pacific Voice" in mine.get("/clients/").text


def test_staff_of_a_reseller_never_get_upwards(
    as_owner: Browser, as_client: Browser, acme: Tenant, acme_client: Client
) -> None:
    assert into_office(as_owner, acme, acme.viewer_id).status_code == 403
    assert into_office(as_client, acme).status_code == 303  # its own door
    assert as_client_of(as_client, acme_client).status_code == 303
    assert acting_rows() == []


def test_the_rule_stands_in_the_domain(
    as_owner: Browser, as_client: Browser, acme: Tenant, globex_client: Client
) -> None:
    with platform_unit_of_work() as session:
        owner = signed_in.find_staff(session, as_owner.cookie_value("office"), "127.0.0.1")
        client = signed_in.find_client(session, as_client.cookie_value("panel"))
        given = {"reason": WHY, "ip": "", "user_agent": ""}
        for by in (owner, client):
            with pytest.raises(NotAllowedError):
                signing_in_as.begin_as_user(
                    session, by, reseller_id=acme.id, user_id=acme.viewer_id, **given
                )
        with pytest.raises(NotFoundError):
            signing_in_as.begin_as_client(session, owner, client_id=globex_client.id, **given)


def test_a_user_of_another_reseller_is_not_taken_along(
    as_platform_admin: Browser, acme: Tenant, globex: Tenant
) -> None:
    assert into_office(as_platform_admin, acme, globex.owner_id).status_code == 422


def test_from_one_such_session_there_is_no_next(
    as_platform_admin: Browser, acme: Tenant, acme_client: Client
) -> None:
    into_office(as_platform_admin, acme)
    switch(as_platform_admin)

    assert as_client_of(as_platform_admin, acme_client).status_code == 403


# --- only looking


def test_who_only_looks_changes_nothing_and_is_told_why(
    as_platform_admin: Browser, acme: Tenant
) -> None:
    into_office(as_platform_admin, acme)

    page = add_terms(as_platform_admin, acme)
    fragment = as_platform_admin.post("/office/payment-terms/new", data={}, headers=HTMX)

    assert page.status_code == fragment.status_code == 403
    assert "you are signed in as Owner of acme.example" in page.text
    assert "may only look" in page.text
    assert "may only look" in fragment.headers["HX-Trigger"]


def test_the_database_refuses_too(acme: Tenant, acme_client: Client) -> None:
    from sqlalchemy.exc import InternalError

    scope = Scope(acme.family, actor=acme.scope.actor, read_only=True)
    with (
        pytest.raises(InternalError, match="read-only"),
        tenant_scope(scope),
        unit_of_work() as session,
    ):
        session.execute(update(ClientRow).values(name="Changed"))


def test_after_a_second_confirmation_both_names_stand_beside_what_is_changed(
    as_platform_admin: Browser, acme: Tenant
) -> None:
    into_office(as_platform_admin, acme)

    assert switch(as_platform_admin).status_code == 303
    assert "You may change things." in as_platform_admin.get("/office/").text
    assert add_terms(as_platform_admin, acme).status_code == 303

    made = records("create")[-1]
    assert (made.actor_kind, made.actor_label, made.on_behalf_of) == (
        "platform",
        "admin@platform.example",
        "owner@acme.example",
    )
    assert [r.action for r in records() if r.action.startswith("sign_in_as")] == [
        "sign_in_as",
        "sign_in_as_writing",
    ]
    begun = records("sign_in_as")[0]
    assert (begun.reseller_id, begun.changes["reason"]) == (acme.id, [None, WHY])
    assert begun.on_behalf_of == "owner@acme.example"


def test_notifications_are_those_of_the_person_whose_place_one_takes(
    as_platform_admin: Browser, acme: Tenant
) -> None:
    """Ids of the platform's staff and of users are counted apart, and must not be mixed up."""
    into_office(as_platform_admin, acme)
    switch(as_platform_admin)
    sent = {f"level-{ANY_SERVICE}": "error", f"delivery-{ANY_SERVICE}": "at_once"}
    assert as_platform_admin.post("/office/events/notices", data=sent).status_code == 303
    with tenant_scope(acme.scope), unit_of_work() as session:
        rows = session.scalars(select(EventSubscription.user_id)).all()
    assert set(rows) == {acme.owner_id}


def test_one_can_go_back_to_looking(as_platform_admin: Browser, acme: Tenant) -> None:
    into_office(as_platform_admin, acme)
    switch(as_platform_admin)
    switch(as_platform_admin, mode="look")

    assert add_terms(as_platform_admin, acme).status_code == 403


def test_who_may_not_change_clients_may_not_in_their_name(
    app: Flask, acme: Tenant, acme_client: Client
) -> None:
    role = make_role(acme, "Support", [Permission.CLIENTS_READ, Permission.CLIENTS_EXECUTE])
    user = make_colleague(acme, role, "support@acme.example")
    browser = browser_of(app, "office", user, acme.id)
    as_client_of(browser, acme_client)

    assert "Change things" not in browser.get("/clients/").text
    assert switch(browser, "clients").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/clients/account/password",
        "/clients/account/sessions/end-others",
        "/clients/cards/add",
        "/clients/refill",
        "/clients/vouchers",
    ],
)
def test_in_no_mode_passwords_cards_or_payments_of_a_client_are_touched(
    as_owner: Browser, acme_client: Client, path: str
) -> None:
    as_client_of(as_owner, acme_client)
    switch(as_owner, "clients")

    assert as_owner.post(path, data={}).status_code in {403, 405}
    assert as_owner.get("/clients/account").status_code == 403
    with platform_unit_of_work() as session:
        assert session.scalar(select(SavedCard.id)) is None


@pytest.mark.parametrize(
    "path",
    ["users/new", "roles/new", "users/{id}/edit", "users/{id}/status", "users/{id}/invite"],
)
def test_in_no_mode_people_and_rights_are_changed_in_anothers_name(
    as_platform_admin: Browser, acme: Tenant, path: str
) -> None:
    into_office(as_platform_admin, acme)
    switch(as_platform_admin)

    answer = as_platform_admin.post(
        "/office/" + path.format(id=acme.viewer_id), data={"status": "stop"}
    )

    assert answer.status_code == 403
    assert "not done in another person" in answer.text


def test_in_no_mode_pins_of_vouchers_are_taken_out_in_anothers_name(
    as_platform_admin: Browser, acme: Tenant
) -> None:
    into_office(as_platform_admin, acme)
    switch(as_platform_admin)

    answer = as_platform_admin.post("/office/vouchers/series/1/pins", data={})

    assert answer.status_code == 403


def test_what_a_client_may_change_staff_may_for_it_under_both_names(
    as_owner: Browser, acme_client: Client
) -> None:
    as_client_of(as_owner, acme_client)
    page = as_owner.get("/clients/auto-payment")
    assert page.status_code == 200

    switch(as_owner, "clients")
    answer = as_owner.post("/clients/auto-payment", data={"enabled": "y", "extra_amount": "5"})

    assert answer.status_code in {303, 422}
    with platform_unit_of_work() as session:
        assert session.scalar(select(ClientAutoPayment.client_id)) == acme_client.id


# --- the end


def test_after_thirty_minutes_it_ends_by_itself(
    app: Flask, acme: Tenant, acme_client: Client
) -> None:
    start = now()
    with time_machine.travel(start, tick=False) as clock:
        browser = browser_of(app, "office", acme.owner_id, acme.id)
        as_client_of(browser, acme_client)
        clock.move_to(start + timedelta(minutes=29))
        assert "1 min left" in browser.get("/clients/").text
        clock.move_to(start + timedelta(minutes=30))

        answer = browser.get("/clients/", follow_redirects=True)

        assert "You are no longer signed in as somebody else." in answer.text
        assert "owner@acme.example" in answer.text
        assert browser.get("/clients/").location.startswith("/clients/login")


def test_over_is_over_for_htmx_too(app: Flask, acme: Tenant, acme_client: Client) -> None:
    browser = browser_of(app, "office", acme.owner_id, acme.id)
    as_client_of(browser, acme_client)
    with platform_unit_of_work() as session:
        session.execute(
            update(SignInSession)
            .where(SignInSession.parent_hash.is_not(None))
            .values(ended_at=now())
        )

    assert browser.get("/clients/", headers=HTMX).headers["HX-Redirect"] == "/"


def test_ending_it_leads_back_and_is_recorded(
    as_owner: Browser, as_platform_admin: Browser, acme: Tenant, acme_client: Client
) -> None:
    as_client_of(as_owner, acme_client)
    into_office(as_platform_admin, acme)

    assert as_owner.post("/clients/acting/end").location == f"/office/clients/{acme_client.id}"
    office = as_platform_admin.post("/office/acting/end")
    assert office.location == f"/platform/resellers/{acme.id}"

    assert as_owner.get("/clients/").status_code == 303
    assert as_platform_admin.get("/office/").status_code == 403
    ended = records("sign_in_as_ended")
    assert {record.actor_label for record in ended} == {acme.owner_email, "admin@platform.example"}
    assert as_owner.post("/clients/acting/end").status_code == 303


@pytest.mark.parametrize("how", ["sign_out", "stopped", "right_lost", "factor_set_up"])
def test_it_ends_with_the_session_that_it_was_opened_in(
    app: Flask, acme: Tenant, acme_client: Client, how: str
) -> None:
    second = make_colleague(acme, make_role(acme, "All", list(Permission)), "all@acme.example")
    browser = browser_of(app, "office", second, acme.id)
    as_client_of(browser, acme_client)
    office, panel = browser.cookie_value("office"), browser.get_cookie("acting_panel").value
    assert browser.get("/clients/").status_code == 200

    with platform_unit_of_work() as session:
        if how == "stopped":
            session.execute(update(User).where(User.id == second).values(status="stop"))
        if how == "right_lost":
            session.execute(
                update(Role).where(Role.name == "All").values(permissions=["clients:read"])
            )
    if how == "sign_out":
        browser.post("/logout")
    if how == "factor_set_up":
        give_factor(app, "office", second)

    thief = open_browser(app)
    thief.give_cookie("office", office)
    thief.set_cookie("acting_panel", panel)
    assert thief.get("/clients/").status_code == 303
    if how == "sign_out":
        assert [row.ended_reason for row in acting_rows()] == ["parent_ended"]


def test_its_cookie_is_worth_nothing_without_the_staffs_own(
    app: Flask, as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    as_client_of(as_owner, acme_client)
    token = as_owner.get_cookie("acting_panel").value

    colleague = make_colleague(acme, make_role(acme, "All", list(Permission)), "all@acme.example")
    # another session of the same person is not the parent either
    for own in (
        open_browser(app),
        browser_of(app, "office", colleague, acme.id),
        browser_of(app, "office", acme.owner_id, acme.id),
    ):
        own.set_cookie("acting_panel", token)
        assert own.get("/clients/").status_code == 303
    as_panel_cookie = open_browser(app)
    as_panel_cookie.give_cookie("panel", token)
    assert as_panel_cookie.get("/clients/").status_code == 303
    as_office_cookie = open_browser(app)
    as_office_cookie.give_cookie("office", token)
    assert as_office_cookie.get("/office/").status_code == 303


def test_the_token_of_an_office_session_opens_no_panel(
    as_platform_admin: Browser, acme: Tenant
) -> None:
    into_office(as_platform_admin, acme)
    token = as_platform_admin.get_cookie("acting_office").value
    as_platform_admin.set_cookie("acting_panel", token)

    assert as_platform_admin.get("/clients/").status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts(as_owner: Browser, acme_client: Client) -> None:
    cookies = as_client_of(as_owner, acme_client).headers.getlist("Set-Cookie")

    cookie = next(one for one in cookies if one.startswith("acting_panel"))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=1800" in cookie


def test_a_second_one_ends_the_first(as_owner: Browser, acme: Tenant, acme_client: Client) -> None:
    other = make_client(acme, "Comet Lines", login="comet")
    as_client_of(as_owner, acme_client)
    as_client_of(as_owner, other)

    assert "Comet Lines" in as_owner.get("/clients/").text
    assert sorted(str(row.ended_reason) for row in acting_rows()) == ["None", "replaced"]


def test_it_is_listed_on_ones_own_page_and_ended_there(
    as_owner: Browser, acme_client: Client
) -> None:
    as_client_of(as_owner, acme_client)
    page = as_owner.get("/account").text
    assert "Signed in as somebody else" in page
    assert WHY in page
    (row,) = acting_rows()

    as_owner.post("/account/acting/end", data={"key": row.token_hash.hex()})

    assert as_owner.get("/clients/").status_code == 303


def test_nobody_ends_one_of_somebody_else(
    as_owner: Browser, as_viewer: Browser, acme_client: Client
) -> None:
    as_client_of(as_owner, acme_client)
    (row,) = acting_rows()

    as_viewer.post("/account/acting/end", data={"key": row.token_hash.hex()})

    assert as_owner.get("/clients/").status_code == 200


def test_the_client_sees_that_its_provider_is_there_and_can_end_it(
    as_owner: Browser, as_client: Browser, acme_client: Client
) -> None:
    as_client_of(as_owner, acme_client)

    page = as_client.get("/clients/account").text
    assert "by your provider" in page
    assert "owner@acme.example" not in page
    as_client.post("/clients/account/sessions/end-others")
    assert as_owner.get("/clients/").status_code == 303
    assert as_client.get("/clients/").status_code == 200


def test_signing_out_in_the_panel_does_not_sign_the_client_out(
    as_owner: Browser, as_client: Browser, acme_client: Client
) -> None:
    as_client_of(as_owner, acme_client)

    as_owner.post("/clients/logout")

    assert as_client.get("/clients/").status_code == 200
    assert not [r for r in records("sign_out") if r.client_id == acme_client.id]
