"""Platform staff: invited by a link to hand over, stopped, made admin; one admin is always left."""

import re

import pytest
from flask import Flask
from sqlalchemy import select, update

from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from tenants.models import PlatformUser
from tenants.platform_models import PlatformAuditRecord
from tests.factories.cast import PASSWORD, make_platform_user
from tests.portal.browser import Browser, open_browser, sign_in, signed_in
from tests.portal.factors import give_factor

NEW_PASSWORD = "seventeen blue kettles"


def form(**changes: object) -> dict[str, object]:
    given = {
        "name": "Nora Ops",
        "email": "nora@platform.example",
        "role": "viewer",
        "locale": "en",
        "timezone": "UTC",
        "version": 1,
    }
    return {**given, **changes}


def read(email: str) -> PlatformUser:
    with platform_unit_of_work() as session:
        return session.scalars(select(PlatformUser).where(PlatformUser.email == email)).one()


def link_in(text: str) -> str:
    return re.search(r"<code>http://127.0.0.1:8080(/login/reset/[^<]+)</code>", text)[1]


def acts() -> list[tuple[str, str, str]]:
    with platform_unit_of_work() as session:
        rows = session.scalars(select(PlatformAuditRecord).order_by(PlatformAuditRecord.id))
        return [(row.action, row.actor_label, row.object_label) for row in rows]


def test_the_link_is_shown_once_and_sets_the_first_password(
    app: Flask, as_platform_admin: Browser
) -> None:
    answer = as_platform_admin.post("/platform/users/new", data=form())

    assert answer.status_code == 200
    link = link_in(answer.text)
    nora = read("nora@platform.example")
    assert link not in as_platform_admin.get(f"/platform/users/{nora.id}").text
    newcomer = open_browser(app)
    assert newcomer.post(link, data={"password": NEW_PASSWORD}).status_code == 303
    assert sign_in(newcomer, "nora@platform.example", NEW_PASSWORD).location == "/platform/"
    assert ("create", "admin@platform.example", "nora@platform.example") in acts()
    with platform_unit_of_work() as session:
        assert session.scalar(select(MailMessage.id)) is None


def test_a_new_link_ends_the_earlier_one(app: Flask, as_platform_admin: Browser) -> None:
    first = link_in(as_platform_admin.post("/platform/users/new", data=form()).text)
    nora = read("nora@platform.example").id
    second = link_in(as_platform_admin.post(f"/platform/users/{nora}/link").text)

    assert [open_browser(app).get(link).status_code for link in (first, second)] == [410, 200]


def test_a_link_for_a_forgotten_password_ends_its_sessions_when_it_is_used(
    app: Flask, as_platform_admin: Browser
) -> None:
    other = make_platform_user("other@platform.example", "viewer")
    elsewhere = signed_in(app, "platform", other, None)
    link = link_in(as_platform_admin.post(f"/platform/users/{other}/link").text)

    open_browser(app).post(link, data={"password": NEW_PASSWORD})

    assert elsewhere.get("/platform/").status_code == 303
    assert ("password_link", "admin@platform.example", "other@platform.example") in acts()


def test_a_viewer_sees_the_staff_and_changes_nothing(app: Flask, platform_admin: int) -> None:
    viewer = signed_in(app, "platform", make_platform_user("v@platform.example", "viewer"), None)

    assert "admin@platform.example" in viewer.get("/platform/users/").text
    assert viewer.get("/platform/users/new").status_code == 403
    for path in ("link", "status", "sessions/end", "second-factor/reset", "edit"):
        answer = viewer.post(f"/platform/users/{platform_admin}/{path}", data=form(role="admin"))
        assert answer.status_code == 403, path
    assert viewer.post("/platform/users/new", data=form(role="admin")).status_code == 403


def test_staff_of_a_reseller_have_no_business_here(as_owner: Browser, platform_admin: int) -> None:
    assert as_owner.get("/platform/users/").status_code == 403
    assert as_owner.post("/platform/users/new", data=form(role="admin")).status_code == 403


def test_the_last_admin_is_neither_stopped_nor_made_less(
    app: Flask, as_platform_admin: Browser, platform_admin: int
) -> None:
    second = make_platform_user("second@platform.example")
    other = signed_in(app, "platform", second, None)
    with platform_unit_of_work() as session:
        session.execute(
            update(PlatformUser).where(PlatformUser.id == second).values(password_hash=None)
        )
    data = form(name="A", email="admin@platform.example")

    assert (
        other.post(f"/platform/users/{platform_admin}/status", data={"status": "stop"}).status_code
        == 409
    )
    demoted = other.post(f"/platform/users/{platform_admin}/edit", data=data)

    assert demoted.status_code == 409
    assert "Make somebody else an admin first." in demoted.text
    kept = read("admin@platform.example")
    assert (kept.status, kept.role) == ("active", "admin")


def test_nobody_changes_their_own_role_or_status(
    as_platform_admin: Browser, platform_admin: int
) -> None:
    make_platform_user("second@platform.example")

    data = form(name="Me", email="admin@platform.example", role="viewer")
    assert (
        as_platform_admin.post(f"/platform/users/{platform_admin}/edit", data=data).status_code
        == 303
    )
    for path in ("status", "link", "sessions/end", "second-factor/reset"):
        answer = as_platform_admin.post(
            f"/platform/users/{platform_admin}/{path}", data={"status": "stop"}
        )
        assert answer.status_code == 403, path

    me = read("admin@platform.example")
    assert (me.name, me.role, me.status) == ("Me", "admin", "active")


def test_who_is_stopped_is_signed_out_and_can_be_let_in_again(
    app: Flask, as_platform_admin: Browser
) -> None:
    other = make_platform_user("other@platform.example", "viewer")
    elsewhere = signed_in(app, "platform", other, None)

    as_platform_admin.post(f"/platform/users/{other}/status", data={"status": "stop"})
    assert elsewhere.get("/platform/").status_code == 303
    assert as_platform_admin.post(f"/platform/users/{other}/link").status_code == 409

    as_platform_admin.post(f"/platform/users/{other}/status", data={"status": "active"})
    answer = sign_in(open_browser(app), "other@platform.example", PASSWORD)
    assert answer.status_code == 303


def test_a_lost_second_factor_is_taken_away(app: Flask, as_platform_admin: Browser) -> None:
    other = make_platform_user("other@platform.example", "viewer")
    give_factor(app, "platform", other)
    assert "Take the second factor away" in as_platform_admin.get(f"/platform/users/{other}").text

    as_platform_admin.post(f"/platform/users/{other}/second-factor/reset")

    answer = sign_in(open_browser(app), "other@platform.example", PASSWORD)
    assert answer.location == "/platform/"
    assert ("second_factor_reset", "admin@platform.example", "other@platform.example") in acts()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Enter a name."),
        ({"email": "no address"}, "Enter a valid e-mail address."),
        ({"email": "ADMIN@platform.example"}, "Another user has this address."),
        ({"role": "god"}, "Not a valid choice."),
        ({"timezone": "Mars/Olympus"}, "Not a valid choice."),
    ],
)
def test_what_is_wrong_is_said(
    as_platform_admin: Browser, changes: dict[str, str], message: str
) -> None:
    answer = as_platform_admin.post("/platform/users/new", data=form(**changes))

    assert (answer.status_code, message in answer.text) == (422, True)


def test_two_who_edit_do_not_overwrite_each_other(as_platform_admin: Browser) -> None:
    other = make_platform_user("other@platform.example", "viewer")
    data = form(email="other@platform.example")
    path = f"/platform/users/{other}/edit"

    assert as_platform_admin.post(path, data={**data, "name": "First"}).status_code == 303
    assert as_platform_admin.post(path, data={**data, "name": "Second"}).status_code == 409
    assert read("other@platform.example").name == "First"


def test_the_list_is_searched(as_platform_admin: Browser) -> None:
    make_platform_user("other@platform.example", "viewer")

    page = as_platform_admin.get("/platform/users/?q=other").text
    assert "other@platform.example" in page
    assert "Nobody matches" in as_platform_admin.get("/platform/users/?status=stop").text
