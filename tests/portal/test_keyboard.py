"""Single keys act for everybody until somebody switches them off for themselves."""

from tests.factories.cast import Tenant
from tests.portal.browser import HTMX, Browser

PAGE = "/account/keyboard"


def test_the_keys_are_on_until_they_are_switched_off(
    as_owner: Browser, as_viewer: Browser, acme: Tenant
) -> None:
    assert "data-keys" in as_owner.get("/office/").text

    as_owner.post(PAGE, data={})

    assert "data-keys" not in as_owner.get("/office/").text
    assert "data-keys" in as_viewer.get("/office/").text, "for oneself alone"
    as_owner.post(PAGE, data={"shortcuts": "on"})
    assert "data-keys" in as_owner.get("/office/").text


def test_staff_of_the_platform_have_the_same_choice(as_platform_admin: Browser) -> None:
    as_platform_admin.post(PAGE, data={})

    assert "data-keys" not in as_platform_admin.get("/platform/").text


def test_the_help_says_every_key_and_opens_in_the_dialog(as_owner: Browser) -> None:
    answer = as_owner.get(PAGE, headers=HTMX)

    assert "dialog:open" in answer.headers["HX-Trigger"]
    for key in ("/", "n", "j", "k", "?"):
        assert f"<kbd>{key}</kbd>" in answer.text


def test_a_client_and_a_stranger_have_no_such_page(as_client: Browser, anonymous: Browser) -> None:
    assert as_client.post(PAGE, data={}).status_code == 303
    assert anonymous.post(PAGE, data={}).status_code == 303
