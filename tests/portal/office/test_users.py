"""Users: invited, edited, stopped; and who may do that to whom, whatever is sent by hand."""

import re

import pytest
from flask import Flask
from sqlalchemy import select, update

from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from tenants.models import AuditRecord, User
from tenants.permissions import Permission
from tenants.signin_models import SecondFactor
from tests.factories.cast import PASSWORD, Tenant, make_tenant
from tests.portal.browser import HTMX, Browser, open_browser, sign_in, signed_in
from tests.portal.factors import give_factor
from tests.portal.office.people import (
    as_desk,
    make_colleague,
    make_role,
    read_user,
    role_named,
)

NEW_PASSWORD = "seventeen blue kettles"


def form(tenant: Tenant, **changes: object) -> dict[str, object]:
    given = {
        "reseller_id": tenant.id,
        "name": "Ida Desk",
        "email": "ida@acme.example",
        "role_id": role_named(tenant, "Viewer").id,
        "status": "active",
        "locale": "en",
        "timezone": "Europe/Berlin",
        "allowed_networks": "",
    }
    return {**given, **changes}


def invite(browser: Browser, tenant: Tenant, **changes: object):
    return browser.post("/office/users/new", data=form(tenant, **changes))


def edit(browser: Browser, tenant: Tenant, user_id: int, **changes: object):
    user = read_user(user_id)
    given = form(
        tenant,
        name=user.name,
        email=user.email,
        role_id=user.role_id,
        timezone=user.timezone,
        version=user.version,
    )
    return browser.post(f"/office/users/{user_id}/edit", data={**given, **changes})


def mails() -> list[MailMessage]:
    with platform_unit_of_work() as session:
        return list(session.scalars(select(MailMessage).order_by(MailMessage.created_at)))


def user_ids() -> dict[str, int]:
    with platform_unit_of_work() as session:
        return {email: user_id for email, user_id in session.execute(select(User.email, User.id))}


def last_audit() -> AuditRecord:
    with platform_unit_of_work() as session:
        return session.scalars(select(AuditRecord).order_by(AuditRecord.id.desc()).limit(1)).one()


def test_an_invited_person_chooses_a_password_by_the_mailed_link_once(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    answer = invite(as_owner, acme)

    assert answer.status_code == 303
    (mail,) = mails()
    link = re.search(r"http://127.0.0.1:8080(/login/reset/\S+)", mail.body_text)[1]
    newcomer = open_browser(app)
    assert newcomer.post(link, data={"password": NEW_PASSWORD}).status_code == 303
    assert newcomer.post(link, data={"password": NEW_PASSWORD}).status_code == 410
    assert sign_in(newcomer, "ida@acme.example", NEW_PASSWORD).status_code == 303
    assert "Ida Desk" in as_owner.get("/office/users/").text


def test_an_invitation_sent_again_ends_the_earlier_link(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    invite(as_owner, acme)
    user_id = user_ids()["ida@acme.example"]
    as_owner.post(f"/office/users/{user_id}/invite")

    links = [re.search(r"(/login/reset/\S+)", mail.body_text)[1] for mail in mails()]

    assert len(set(links)) == 2
    assert [open_browser(app).get(link).status_code for link in links] == [410, 200]


def test_a_form_sent_twice_makes_one_user(as_owner: Browser, acme: Tenant) -> None:
    invite(as_owner, acme)
    again = invite(as_owner, acme)

    assert again.status_code == 303
    assert len(user_ids()) == 3


def test_the_list_is_searched_and_filtered(as_owner: Browser, acme: Tenant) -> None:
    invite(as_owner, acme)

    def names(query: str) -> set[str]:
        return set(
            re.findall(
                r"<a href=\"/office/users/\d+\">([^<]+)</a>",
                as_owner.get(f"/office/users/{query}").text,
            )
        )

    assert len(names("")) == 3
    assert names("?q=ida") == {"Ida Desk"}
    assert names("?status=invited") == {"Ida Desk"}
    assert names("?status=stop") == set()
    assert "No user matches" in as_owner.get("/office/users/?q=nobody").text


def test_staff_see_the_people_of_resellers_beneath_and_none_above(
    app: Flask, as_owner: Browser, acme: Tenant, globex: Tenant
) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    mine = signed_in(app, "office", acme.owner_id, acme.id)

    page = mine.get("/office/users/").text
    assert "owner@acme-west.example" in page
    assert "owner@globex.example" not in page
    assert "viewer@acme.example" not in mine.get(f"/office/users/?reseller={west.id}").text
    beneath = signed_in(app, "office", west.owner_id, west.id)
    assert "viewer@acme.example" not in beneath.get("/office/users/").text
    assert beneath.get(f"/office/users/{acme.owner_id}").status_code == 404
    assert mine.get(f"/office/users/{globex.owner_id}").status_code == 404


def test_who_may_only_read_is_shown_no_way_to_change_anything(
    as_viewer: Browser, acme: Tenant
) -> None:
    page = as_viewer.get(f"/office/users/{acme.owner_id}").text

    assert "Stop" not in page
    assert as_viewer.get("/office/users/new").status_code == 403
    assert as_viewer.get(f"/office/users/{acme.viewer_id}/edit").status_code == 403


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "Enter a name."),
        ({"name": "x" * 201}, "This is too long."),
        ({"email": "no address"}, "Enter a valid e-mail address."),
        ({"email": "имя@acme.example"}, "Use only Latin characters"),
        ({"email": "OWNER@acme.example"}, "Another user has this address."),
        ({"role_id": ""}, "Choose a role."),
        ({"role_id": "999999999"}, "Not a valid choice."),
        ({"timezone": "Mars/Olympus"}, "Not a valid choice."),
        ({"allowed_networks": "10.0.0.0/33"}, "One line is no IP address or network"),
        ({"allowed_networks": "office"}, "One line is no IP address or network"),
        ({"reseller_id": "999999999"}, "attention:"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    as_owner: Browser, acme: Tenant, changes: dict[str, str], message: str
) -> None:
    answer = invite(as_owner, acme, **{"name": "Ida Desk", **changes})

    assert answer.status_code == 422
    assert message in answer.text
    assert changes.get("email", "ida@acme.example") in answer.text
    assert len(user_ids()) == 2
    assert mails() == []


def test_a_role_of_another_reseller_is_no_choice(
    as_owner: Browser, acme: Tenant, globex: Tenant
) -> None:
    foreign = role_named(globex, "Viewer").id

    assert invite(as_owner, acme, role_id=foreign).status_code == 422


def test_nobody_gives_a_role_that_is_stronger_than_their_own(app: Flask, acme: Tenant) -> None:
    desk = as_desk(app, acme)
    owner_role = role_named(acme, "Owner").id

    page = desk.get("/office/users/new").text
    assert f'value="{owner_role}"' not in page
    assert invite(desk, acme, role_id=owner_role).status_code == 422
    weak = make_colleague(
        acme, make_role(acme, "Reader", [Permission.USERS_READ]), "r@acme.example"
    )
    assert edit(desk, acme, weak, role_id=owner_role).status_code == 422
    assert read_user(weak).role_id != owner_role


@pytest.mark.parametrize(
    "path", ["edit", "invite", "status", "sessions/end-all", "second-factor/reset"]
)
def test_nobody_touches_a_person_who_may_do_more(app: Flask, acme: Tenant, path: str) -> None:
    desk = as_desk(app, acme)
    before = read_user(acme.owner_id)

    answer = desk.post(
        f"/office/users/{acme.owner_id}/{path}",
        data=form(acme, email="mine@acme.example", status="stop", version=1),
    )

    assert answer.status_code == 403
    after = read_user(acme.owner_id)
    assert (after.email, after.status) == (before.email, before.status)
    assert desk.get(f"/office/users/{acme.owner_id}/edit").status_code == 403
    assert "This person may do more than you" in desk.get(f"/office/users/{acme.owner_id}").text


def test_nobody_changes_their_own_role_or_status(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    other = make_colleague(acme, role_named(acme, "Owner").id, "second@acme.example")
    assert read_user(other).status == "active"

    edit(as_owner, acme, acme.owner_id, role_id=role_named(acme, "Viewer").id, status="stop")
    assert (
        as_owner.post(f"/office/users/{acme.owner_id}/status", data={"status": "stop"}).status_code
        == 403
    )

    me = read_user(acme.owner_id)
    assert (me.status, me.role_id) == ("active", role_named(acme, "Owner").id)
    assert as_owner.post(f"/office/users/{acme.owner_id}/second-factor/reset").status_code == 403


def test_the_last_person_who_manages_people_is_neither_stopped_nor_made_less(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    mine = signed_in(app, "office", acme.owner_id, acme.id)

    stopped = mine.post(f"/office/users/{west.owner_id}/status", data={"status": "stop"})
    demoted = edit(mine, west, west.owner_id, role_id=role_named(west, "Viewer").id)

    assert stopped.status_code == 409
    assert demoted.status_code == 409
    assert "Nobody else could then manage users and roles here." in demoted.text
    assert read_user(west.owner_id).status == "active"
    make_colleague(west, role_named(west, "Owner").id, "second@acme-west.example")
    assert (
        mine.post(f"/office/users/{west.owner_id}/status", data={"status": "stop"}).status_code
        == 303
    )


def test_an_invited_manager_without_a_password_does_not_count(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    west = make_tenant("Acme West", "acme-west", parent_id=acme.id)
    make_colleague(west, role_named(west, "Owner").id, "second@acme-west.example", password=None)
    mine = signed_in(app, "office", acme.owner_id, acme.id)

    answer = mine.post(f"/office/users/{west.owner_id}/status", data={"status": "stop"})

    assert answer.status_code == 409


def test_who_is_stopped_is_signed_out_and_can_be_let_in_again(
    app: Flask, as_owner: Browser, as_viewer: Browser, acme: Tenant
) -> None:
    assert as_viewer.get("/account").status_code == 200

    as_owner.post(f"/office/users/{acme.viewer_id}/status", data={"status": "stop"})
    assert as_viewer.get("/account").status_code == 303
    assert sign_in(open_browser(app), acme.viewer_email, PASSWORD).status_code == 422

    as_owner.post(f"/office/users/{acme.viewer_id}/status", data={"status": "active"})
    assert sign_in(open_browser(app), acme.viewer_email, PASSWORD).status_code == 303


def test_sessions_of_a_colleague_are_listed_and_ended(
    app: Flask, as_owner: Browser, as_viewer: Browser, acme: Tenant
) -> None:
    elsewhere = signed_in(app, "office", acme.viewer_id, acme.id)
    page = as_owner.get(f"/office/users/{acme.viewer_id}").text
    key = re.findall(r'name="key" value="([0-9a-f]{64})"', page)[0]

    as_owner.post(f"/office/users/{acme.viewer_id}/sessions/end", data={"key": key})
    left = [browser.get("/account").status_code for browser in (as_viewer, elsewhere)]
    assert sorted(left) == [200, 303]

    as_owner.post(f"/office/users/{acme.viewer_id}/sessions/end-all")
    assert [b.get("/account").status_code for b in (as_viewer, elsewhere)] == [303, 303]
    assert last_audit().action == "sessions_ended"
    assert last_audit().actor_label == acme.owner_email


def test_a_session_of_somebody_else_is_not_ended_under_another_name(
    as_owner: Browser, as_viewer: Browser, as_stranger: Browser, acme: Tenant
) -> None:
    import hashlib

    key = hashlib.sha256(as_stranger.cookie_value("office").encode()).hexdigest()
    as_owner.post(f"/office/users/{acme.viewer_id}/sessions/end", data={"key": key})

    assert as_stranger.get("/account").status_code == 200


def test_a_lost_second_factor_is_taken_away_told_and_audited(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    give_factor(app, "office", acme.viewer_id)
    elsewhere = signed_in(app, "office", acme.viewer_id, acme.id)
    assert "Take the second factor away" in as_owner.get(f"/office/users/{acme.viewer_id}").text

    answer = as_owner.post(f"/office/users/{acme.viewer_id}/second-factor/reset")

    assert answer.status_code == 303
    assert elsewhere.get("/account").status_code == 303
    with platform_unit_of_work() as session:
        assert session.scalar(select(SecondFactor.subject_id)) is None
    assert sign_in(open_browser(app), acme.viewer_email, PASSWORD).location == "/office/clients"
    (mail,) = mails()
    assert mail.to_address == acme.viewer_email
    assert "taken the second factor" in mail.body_text
    with platform_unit_of_work() as session:
        record = session.scalars(
            select(AuditRecord).where(AuditRecord.action == "second_factor_reset")
        ).one()
    assert (record.actor_label, record.object_label) == (acme.owner_email, acme.viewer_email)
    again = as_owner.post(f"/office/users/{acme.viewer_id}/second-factor/reset")
    assert again.status_code == 409


def test_two_who_edit_one_user_do_not_overwrite_each_other(as_owner: Browser, acme: Tenant) -> None:
    assert edit(as_owner, acme, acme.viewer_id, name="First").status_code == 303

    answer = edit(as_owner, acme, acme.viewer_id, name="Second", version=1)

    assert answer.status_code == 409
    assert "Somebody changed this user" in answer.text
    assert 'value="Second"' in answer.text
    assert read_user(acme.viewer_id).name == "First"


def test_a_new_address_is_told_to_the_old_one_and_ends_its_links(
    app: Flask, as_owner: Browser, acme: Tenant
) -> None:
    invite(as_owner, acme)
    user_id = user_ids()["ida@acme.example"]
    link = re.search(r"(/login/reset/\S+)", mails()[0].body_text)[1]

    edit(as_owner, acme, user_id, email="ida.new@acme.example")

    assert open_browser(app).get(link).status_code == 410
    assert mails()[-1].to_address == "ida@acme.example"
    assert "was changed" in mails()[-1].body_text


# --- allowed addresses


def allow(user_id: int, *networks: str) -> None:
    with platform_unit_of_work() as session:
        session.execute(
            update(User).where(User.id == user_id).values(allowed_networks=list(networks))
        )


def test_from_elsewhere_the_right_password_is_refused_in_the_same_words(
    app: Flask, acme: Tenant
) -> None:
    allow(acme.owner_id, "203.0.113.0/24")

    right = sign_in(open_browser(app), acme.owner_email, PASSWORD)
    wrong = sign_in(open_browser(app), acme.owner_email, "not this one at all")
    unknown = sign_in(open_browser(app), "nobody@acme.example", PASSWORD)

    def body(answer) -> str:
        return re.sub(r'content="[^"]+"|value="[^"]+"', "", answer.text)

    assert right.status_code == wrong.status_code == unknown.status_code == 422
    assert body(right) == body(wrong)
    at_home = sign_in(
        open_browser(app),
        acme.owner_email,
        PASSWORD,
        environ_overrides={"REMOTE_ADDR": "203.0.113.9"},
    )
    assert at_home.status_code == 303


def test_an_open_session_does_not_go_on_from_elsewhere(as_owner: Browser, acme: Tenant) -> None:
    token = as_owner.cookie_value("office")
    assert as_owner.get("/office/clients/").status_code == 200
    allow(acme.owner_id, "203.0.113.0/24", "2001:db8::/32")

    assert as_owner.get("/office/clients/").status_code == 303
    for ip in ("203.0.113.200", "2001:db8::1", "::ffff:203.0.113.1"):
        as_owner.give_cookie("office", token)
        answer = as_owner.get("/office/clients/", environ_overrides={"REMOTE_ADDR": ip})
        assert answer.status_code == 200, ip


def test_addresses_are_kept_in_their_normal_form(as_owner: Browser, acme: Tenant) -> None:
    edit(
        as_owner,
        acme,
        acme.viewer_id,
        allowed_networks="203.0.113.9\n10.1.2.3/8, 10.0.0.0/8 ; 2001:DB8::1",
    )

    assert read_user(acme.viewer_id).allowed_networks == [
        "203.0.113.9/32",
        "10.0.0.0/8",
        "2001:db8::1/128",
    ]


def test_who_would_lock_themselves_out_is_warned_first(as_owner: Browser, acme: Tenant) -> None:
    warned = edit(as_owner, acme, acme.owner_id, allowed_networks="203.0.113.9")

    assert warned.status_code == 422
    assert "Your own address 127.0.0.1 is not among them" in warned.text
    assert read_user(acme.owner_id).allowed_networks == []

    sure = edit(as_owner, acme, acme.owner_id, allowed_networks="203.0.113.9", lock_out="y")
    assert sure.status_code == 303
    assert as_owner.get("/office/clients/").status_code == 303


def test_the_form_answers_htmx_in_place_and_closes_when_saved(
    as_owner: Browser, acme: Tenant
) -> None:
    page = as_owner.get("/office/users/new", headers=HTMX)
    assert "dialog:open" in page.headers["HX-Trigger"]
    wrong = as_owner.post("/office/users/new", data=form(acme, name=""), headers=HTMX)
    assert (wrong.status_code, wrong.text.lstrip()[:15]) == (422, '<form id="form"')
    right = as_owner.post("/office/users/new", data=form(acme), headers=HTMX)
    assert "dialog:close" in right.headers["HX-Trigger"]
    assert "users-changed" in right.headers["HX-Trigger"]
