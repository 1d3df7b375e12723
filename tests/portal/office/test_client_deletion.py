"""Delete, Undo, Restore and Full Delete on their screens."""

import pytest
from flask import Flask
from sqlalchemy import text

from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants.models import AuditRecord
from tenants.models import Client as ClientRow
from tenants.permissions import MANAGER_PERMISSIONS
from tests.factories.cast import PASSWORD, Client, Tenant, make_client
from tests.portal.browser import HTMX, Browser, open_browser, sign_in_client, signed_in
from tests.portal.office import desk


@pytest.fixture
def address(acme_client: Client) -> str:
    return f"/office/clients/{acme_client.id}"


def row(tenant: Tenant, client: Client) -> ClientRow:
    (found,) = desk.stored(tenant, ClientRow, id=client.id)
    return found


def test_the_question_says_what_follows_and_what_is_open(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    desk.charge(acme, acme_client, "30", dated_at=desk.some_days_ago(), tax_mode="none")
    desk.invoice(acme, acme_client)
    desk.charge(acme, acme_client, "7", tax_mode="none")
    desk.pay(acme, acme_client, "5", status="pending")

    answer = as_owner.get(f"{address}/delete", headers=HTMX)

    assert '"dialog:open"' in answer.headers["HX-Trigger"]
    for words in ("login is free", "1 unpaid invoice", "30.00", "7.00", "1 transaction waits"):
        assert words in answer.text, words


def test_deleted_it_is_out_of_its_panel_at_once(
    as_owner: Browser, as_client: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    first = as_owner.post(f"{address}/delete", data={"version": "1"}, headers=HTMX)
    second = as_owner.post(f"{address}/delete", data={"version": "1"}, headers=HTMX)

    assert (first.status_code, second.status_code) == (200, 200)
    assert f'"undo": "{address}/restore"' in first.headers["HX-Trigger"]
    assert row(acme, acme_client).status == "deleted"
    assert as_client.get("/clients/").status_code == 303
    assert len(desk.stored(acme, AuditRecord, action="delete")) == 1


def test_undo_brings_everything_back(
    as_owner: Browser, app: Flask, acme: Tenant, acme_client: Client, address: str
) -> None:
    as_owner.post(f"{address}/delete", data={"version": "1"})
    page = as_owner.get(address).text
    assert "Undo" in page, "also without htmx"
    assert "Restore" in page

    answer = as_owner.post(f"{address}/restore", headers=HTMX)

    assert '"clients-changed"' in answer.headers["HX-Trigger"]
    assert row(acme, acme_client).status == "active"
    assert sign_in_client(open_browser(app), "orbit", PASSWORD).status_code == 303


def test_a_login_that_is_taken_is_said(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    as_owner.post(f"{address}/delete")
    make_client(acme, "Faster", login="orbit")

    answer = as_owner.post(f"{address}/restore", follow_redirects=True)

    assert "Another client uses its login now" in answer.text


def test_who_was_overtaken_is_told_and_asked_again(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    as_owner.post(f"{address}/status", data={"status": "stop", "version": "1"})

    answer = as_owner.post(f"{address}/delete", data={"version": "1"}, headers=HTMX)

    assert answer.status_code == 409
    assert "changed this client" in answer.text
    assert desk.hidden(answer, "version") == "2"
    assert row(acme, acme_client).status == "stop"


def erase(browser: Browser, address: str, typed: str = "Orbit Calls", **more):
    return browser.post(f"{address}/full-delete", data={"typed": typed}, **more)


def test_full_delete_leaves_screens_that_name_nobody(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    desk.pay(acme, acme_client, "100", description="A transfer")
    desk.charge(acme, acme_client, "30", dated_at=desk.some_days_ago())
    invoice_id = desk.invoice(acme, acme_client)

    answer = erase(as_owner, address, headers=HTMX)

    assert answer.headers["HX-Redirect"] == "/office/clients/?status=deleted"
    name = f"Deleted client #{acme_client.id}"
    for path in (
        "/office/clients/?status=deleted",
        "/office/transactions/",
        "/office/invoices/",
        f"/office/invoices/{invoice_id}",
        "/office/refills/",
        "/office/mail/",
        "/office/events/",
        "/office/audit/",
        "/office/",
        address,
        *(f"{address}/{tab}" for tab in ("timeline", "transactions", "notes", "files", "audit")),
        f"{address}/why/live",
        f"{address}/delete",
        f"{address}/full-delete",
    ):
        page = as_owner.get(path)
        assert page.status_code == 200, path
    for path in ("/office/transactions/", "/office/invoices/", "/office/clients/?status=deleted"):
        assert name in as_owner.get(path).text, path
    page = as_owner.get(address).text
    assert name in page
    assert "Removed for good" in page
    assert f'href="{address}/edit"' not in page


def test_another_name_removes_nothing_and_what_was_typed_stays(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    answer = erase(as_owner, address, "Orbit")

    assert answer.status_code == 422
    assert "Type the name exactly" in answer.text
    assert 'value="Orbit"' in answer.text
    assert row(acme, acme_client).erased_at is None


def test_money_under_way_refuses_it_in_words(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str, settings
) -> None:
    account = desk.gateway(acme, settings.credential_key_ring)
    desk.refill(acme, acme_client, desk.card(acme, acme_client, account))

    assert "1 card payment is under way" in as_owner.get(f"{address}/full-delete").text
    answer = erase(as_owner, address)

    assert answer.status_code == 409
    assert "under way" in answer.text
    assert row(acme, acme_client).name == "Orbit Calls"


def test_it_needs_its_own_permission(
    app: Flask, as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        session.execute(
            text("update roles set permissions = :given where name = 'Viewer'"),
            {"given": sorted(MANAGER_PERMISSIONS)},
        )
    manager = signed_in(app, "office", acme.viewer_id, acme.id)

    assert "full-delete" not in manager.get(address).text
    assert manager.get(f"{address}/full-delete").status_code == 403
    assert erase(manager, address).status_code == 403
    assert row(acme, acme_client).erased_at is None
    assert manager.post(f"{address}/delete").status_code == 303


def test_nothing_tells_from_where_it_signed_in(
    as_owner: Browser, as_client: Browser, acme_client: Client, address: str
) -> None:
    erase(as_owner, address)

    with platform_unit_of_work() as session:
        left = session.scalar(
            text("select count(*) from sessions where area = 'panel' and subject_id = :id"),
            {"id": acme_client.id},
        )
    assert left == 0
    assert as_client.get("/clients/").status_code == 303


def test_a_removed_client_can_be_changed_by_no_request(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    erase(as_owner, address)

    for path, form in (
        ("/restore", {}),
        ("/delete", {}),
        ("/status", {"status": "active", "version": "2"}),
        ("/notes", {"note_id": "0" * 32, "body": "Hello"}),
    ):
        assert as_owner.post(address + path, data=form).status_code == 409, path
    assert erase(as_owner, address).status_code == 303, "removing again is no mistake"
    assert row(acme, acme_client).name == f"Deleted client #{acme_client.id}"


def test_no_invoice_of_nothing_is_offered(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    path = f"/office/invoices/new?client={acme_client.id}"
    assert "Make the invoice" not in as_owner.get(path).text

    desk.charge(acme, acme_client, "5")
    assert "Make the invoice" in as_owner.get(path).text


def test_why_and_the_list_say_a_charge_with_one_sign(
    as_owner: Browser, acme: Tenant, acme_client: Client, address: str
) -> None:
    desk.charge(acme, acme_client, "30", tax_mode="none")

    why = as_owner.get(f"{address}/why/live").text
    net = why.split('data-label="Net"')[1].split("</td>")[0]
    amount = why.split('data-label="Amount"')[1].split("</td>")[0]
    assert "-30.00" in net
    assert "-30.00" in amount
    assert "-30.00" in as_owner.get("/office/transactions/").text
