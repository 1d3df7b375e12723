"""Every screen of the platform: who may open it, and what it says when there is nothing."""

import pytest

from tests.portal.browser import HTMX

SCREENS = [
    "/platform/",
    "/platform/resellers/",
    "/platform/ledger/",
    "/platform/events/",
    "/platform/queues/",
]
WRITES = [
    "/platform/resellers/new",
    "/platform/resellers/{id}/suspend",
    "/platform/resellers/{id}/reactivate",
    "/platform/resellers/{id}/people/{owner}/invite",
    "/platform/ledger/run",
    "/platform/ledger/{id}/run",
]


@pytest.mark.parametrize("path", SCREENS)
def test_a_screen_opens_with_no_tenant_at_all(as_platform_admin, path):
    assert as_platform_admin.get(path).status_code == 200


@pytest.mark.parametrize("path", SCREENS)
def test_a_viewer_of_the_platform_may_read(as_platform_viewer, acme, globex, path):
    assert as_platform_viewer.get(path).status_code == 200


@pytest.mark.parametrize("path", [*SCREENS, "/platform/resellers/{id}", "/platform/ledger/{id}"])
def test_staff_of_a_reseller_are_refused(as_owner, acme, path):
    answer = as_owner.get(path.format(id=acme.id))
    assert answer.status_code == 403
    assert "Globex" not in answer.text


@pytest.mark.parametrize("path", SCREENS)
def test_a_stranger_is_sent_to_the_sign_in(anonymous, path):
    answer = anonymous.get(path)
    assert answer.status_code == 303
    assert answer.location.startswith("/login")


@pytest.mark.parametrize("path", WRITES)
def test_a_viewer_of_the_platform_may_not_write(as_platform_viewer, acme, path):
    address = path.format(id=acme.id, owner=acme.owner_id)
    assert as_platform_viewer.post(address, data={"reason": "because"}).status_code == 403


@pytest.mark.parametrize("path", WRITES)
def test_the_owner_of_a_reseller_may_not_write(as_owner, acme, path):
    address = path.format(id=acme.id, owner=acme.owner_id)
    assert as_owner.post(address, data={"reason": "because"}).status_code == 403


def test_a_viewer_sees_no_button_that_would_be_refused(as_platform_viewer, acme):
    for path in ("/platform/resellers/", f"/platform/resellers/{acme.id}", "/platform/ledger/"):
        page = as_platform_viewer.get(path).text
        assert "Suspend" not in page.replace("Suspended", "")
        assert "New reseller" not in page
        assert "Check all now" not in page


@pytest.mark.parametrize("path", ["/platform/resellers/999999", "/platform/ledger/999999"])
def test_a_reseller_that_does_not_exist_is_not_found(as_platform_admin, path):
    assert as_platform_admin.get(path).status_code == 404


@pytest.mark.parametrize("path", SCREENS[1:4])
def test_a_list_answers_htmx_with_its_rows_only(as_platform_admin, acme, path):
    page = as_platform_admin.get(path, headers=HTMX).text
    assert page.lstrip().startswith('<div id="table"')


def test_the_root_leads_platform_staff_to_their_area(as_platform_admin, anonymous):
    assert as_platform_admin.get("/").location == "/platform/"
    assert anonymous.get("/").location == "/login"
    assert as_platform_admin.get("/platform").status_code == 200
