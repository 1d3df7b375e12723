"""Settings of the platform: in one place, checked, audited, and in force at once."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from core.clock import now
from core.platform_uow import platform_unit_of_work
from portal.platform.sweep_words import WORDS
from tenants import platform_audit, platform_settings
from tenants.platform_settings import Settings
from tenants.signin_models import SignInSession
from tests.factories.cast import PASSWORD, make_platform_user
from tests.portal.browser import sign_in, sign_in_client, signed_in
from worker import process, sweeps

PAGE = "/platform/settings/"


def wish(version=0, **changes):
    given = {
        "version": str(version),
        "name": "North Carrier",
        "support_email": "help@platform.example",
        "support_phone": "+1 212 555 0100",
        "locale": "en",
        "timezone": "UTC",
        "banner": "",
        "banner_level": "info",
        "staff_idle_min": "30",
        "staff_longest_min": "720",
    }
    return {**given, **changes}


def stored():
    with platform_unit_of_work() as session:
        return platform_settings.read_settings(session)


def test_what_is_saved_is_shown_and_audited(as_platform_admin):
    assert as_platform_admin.post(PAGE, data=wish()).status_code == 303
    assert stored().settings.name == "North Carrier"
    page = as_platform_admin.get(PAGE).text
    assert 'value="North Carrier"' in page
    assert "admin@platform.example" in page
    with platform_unit_of_work() as session:
        (record,) = platform_audit.list_records(session, "platform_settings")
    assert record.changes["name"] == ["", "North Carrier"]
    assert record.actor_label == "admin@platform.example"


def test_a_message_stands_above_every_page_of_staff_and_of_no_client(
    as_platform_admin, as_owner, as_client
):
    as_platform_admin.post(
        PAGE, data=wish(banner="Work on Sunday <b>night</b>", banner_level="bad")
    )
    for browser, path in (
        (as_platform_admin, PAGE),
        (as_owner, "/office/clients/"),
        (as_owner, "/account"),
    ):
        page = browser.get(path).text
        assert re.search(r'class="banner tone-bad"[^>]*>Work on Sunday &lt;b&gt;', page), path
    assert "Work on Sunday" not in as_client.get("/clients/").text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "x" * 81}, "too long"),
        ({"support_email": "büro@x.example"}, "Latin"),
        ({"staff_idle_min": "4"}, "from 5 to 480"),
        ({"staff_idle_min": "abc"}, "Not a valid integer"),
        ({"staff_longest_min": "5000"}, "from 60 to 1440"),
        ({"staff_idle_min": "120", "staff_longest_min": "60"}, "longer than a session may last"),
        ({"locale": "klingon"}, "Not a valid choice"),
        ({"timezone": "Mars/Phobos"}, "Not a valid choice"),
        ({"banner": "x" * 301}, "too long"),
        ({"banner_level": "loud"}, "Not a valid choice"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(as_platform_admin, change, text):
    answer = as_platform_admin.post(PAGE, data=wish(**{"support_phone": "kept", **change}))
    assert answer.status_code == 422
    assert text in answer.text
    assert 'value="kept"' in answer.text
    assert stored().settings == Settings()


def test_the_second_of_two_is_told_what_the_first_has_changed(app, as_platform_admin):
    other = signed_in(app, "platform", make_platform_user("b@platform.example"), None)
    as_platform_admin.post(PAGE, data=wish(name="First"))
    answer = other.post(PAGE, data=wish(name="Second"))
    assert answer.status_code == 409
    assert "admin@platform.example has changed the settings" in answer.text
    assert "First" in answer.text
    assert 'value="Second"' in answer.text
    version = re.search(r'name="version"[^>]*value="(\d+)"', answer.text)[1]
    assert other.post(PAGE, data=wish(version, name="Second")).status_code == 303
    assert stored().settings.name == "Second"


def test_a_viewer_of_the_platform_reads_and_a_tenant_does_not(app, as_owner, clean_database):
    viewer = signed_in(app, "platform", make_platform_user("v@platform.example", "viewer"), None)
    page = viewer.get(PAGE)
    assert page.status_code == 200
    assert "Save settings" not in page.text
    assert viewer.post(PAGE, data=wish()).status_code == 403
    assert as_owner.get(PAGE).status_code == 403


def test_every_recurring_work_has_plain_words():
    process.import_all(sweeps)
    assert {one.name for one in sweeps.list_sweeps() if "." in one.name} <= set(WORDS) | {
        one.name for one in sweeps.list_sweeps() if one.name.startswith("test")
    }


def test_staff_that_was_idle_for_longer_than_is_set_is_signed_out(as_platform_admin, as_owner):
    assert as_owner.get("/office/clients/").status_code == 200
    as_platform_admin.post(PAGE, data=wish(staff_idle_min="10"))
    with platform_unit_of_work() as session:
        session.execute(
            update(SignInSession)
            .where(SignInSession.area == "office")
            .values(last_seen_at=now() - timedelta(minutes=11))
        )
    assert as_owner.get("/office/clients/").status_code == 303


def test_a_session_lasts_as_long_as_is_set_when_it_begins(app, as_platform_admin, acme):
    as_platform_admin.post(PAGE, data=wish(staff_longest_min="60"))
    signed_in(app, "office", acme.owner_id, acme.id)
    with platform_unit_of_work() as session:
        row = session.scalars(select(SignInSession).where(SignInSession.area == "office")).one()
    assert row.expires_at - row.created_at == timedelta(minutes=60)


def test_name_and_support_stand_at_the_door_of_staff(as_platform_admin, anonymous):
    as_platform_admin.post(PAGE, data=wish())
    door = anonymous.get("/login").text
    assert "North Carrier" in door
    assert "mailto:help@platform.example" in door
    assert "+1 212 555 0100" in door
    assert "help@platform.example" not in anonymous.get("/clients/login").text


def test_who_is_suspended_is_told_and_only_with_the_right_password(
    as_platform_admin, anonymous, acme, acme_client
):
    as_platform_admin.post(
        f"/platform/resellers/{acme.id}/suspend", data={"reason": "Does not pay"}
    )
    told = sign_in(anonymous, acme.owner_email, PASSWORD)
    assert told.status_code == 422
    assert "Your company’s access is suspended." in told.text
    wrong = sign_in(anonymous, acme.owner_email, "wrong password indeed")
    assert "suspended" not in wrong.text
    client = sign_in_client(anonymous, "orbit", PASSWORD)
    assert "Your provider’s access to this portal is suspended." in client.text
    assert "suspended" not in sign_in_client(anonymous, "orbit", "wrong indeed").text
