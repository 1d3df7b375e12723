"""Invoices that came from a client, over HTTP: entered, corrected, accepted, paid, void."""

import io
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from billing import credit_note_files
from billing.invoice_models import Invoice
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tests.factories.cast import Client, Tenant
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

LIST = "/office/invoices/"
NEW = f"{LIST}incoming/new"


def typed(client: Client, **changes: object) -> dict[str, object]:
    return {
        "invoice_id": str(new_id()),
        "file_id": str(new_id()),
        "client": str(client.id),
        "number": "R-77",
        "invoice_on": "2026-02-03",
        "due_on": "2026-03-05",
        "first_on": "2026-01-01",
        "last_on": "2026-01-31",
        "total": "119.00",
        "tax_amount": "19,00",
        "tax_name": "VAT",
        "lines-0-description": "Germany, mobile",
        "lines-0-quantity": "1000",
        "lines-0-net": "60",
        "lines-1-description": "France",
        "lines-1-net": "40.00",
        **changes,
    }


def send(browser: Browser, path: str, form: dict[str, object], **more: object) -> TestResponse:
    return browser.post(path, data=form, **more)


def one(tenant: Tenant) -> Invoice:
    (row,) = desk.stored(tenant, Invoice)
    return row


@pytest.fixture
def entered(as_owner: Browser, acme: Tenant, acme_client: Client) -> UUID:
    assert send(as_owner, NEW, typed(acme_client)).status_code == 303
    return one(acme).id


def test_one_is_entered_with_its_file_and_found_again(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    page = as_owner.get(f"{NEW}?client={acme_client.id}").text
    assert "Number on the invoice" in page
    for _click in range(2):
        form = typed(acme_client, invoice_id="00000000-0000-7000-8000-0000000000aa")
        form["file"] = (io.BytesIO(b"%PDF-1.7 came"), "R-77.pdf")
        answer = send(as_owner, NEW, form)
        assert answer.status_code == 303
    made = one(acme)
    assert (made.direction, made.state, made.number) == ("incoming", "to_verify", "R-77")
    assert (made.net, made.tax, made.total) == (100, 19, 119)
    shown = as_owner.get(f"{LIST}{made.id}").text
    assert "Germany, mobile" in shown
    assert "Credit note" not in shown
    assert "XLSX" in shown
    listed = as_owner.get(f"{LIST}?direction=incoming").text
    assert "R-77" in listed
    assert "R-77" not in as_owner.get(f"{LIST}?direction=outgoing").text
    assert "R-77" in as_owner.get(f"{LIST}?q=R-77").text
    file = as_owner.get(f"{LIST}{made.id}/pdf")
    assert file.data == b"%PDF-1.7 came"
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    for changes, said in (
        ({"number": ""}, "Enter the number"),
        ({"total": "120"}, "not to this total"),
        ({"lines-1-description": ""}, "Say what each line is for"),
        ({"due_on": "2026-01-01"}, "due before its own date"),
        ({"file": (io.BytesIO(b"MZ"), "R.exe")}, "Files of this kind"),
    ):
        answer = send(as_owner, NEW, typed(acme_client, **changes), headers=HTMX)
        assert answer.status_code == 422, changes
        assert said in answer.text
        assert "Germany, mobile" in answer.text
    assert desk.stored(acme, Invoice) == []


def test_it_is_corrected_accepted_marked_as_paid_and_void(
    as_owner: Browser, acme: Tenant, acme_client: Client, entered: UUID
) -> None:
    edit = as_owner.get(f"{LIST}{entered}/edit")
    stamp = desk.hidden_field(edit, "stamp")
    form = typed(acme_client, number="R-78", stamp=stamp)
    assert send(as_owner, f"{LIST}{entered}/edit", form).status_code == 303
    assert send(as_owner, f"{LIST}{entered}/edit", form).status_code == 409
    assert as_owner.post(f"{LIST}{entered}/issue").status_code == 303
    assert (one(acme).state, one(acme).number) == ("normal", "R-78")
    assert "accepted" in as_owner.get(f"{LIST}{entered}").text
    assert send(as_owner, f"{LIST}{entered}/edit", form).status_code == 409
    for settled, paid in (("1", 119), ("0", 0)):
        as_owner.post(f"{LIST}{entered}/settle", data={"settled": settled})
        assert one(acme).paid == paid
    statement = as_owner.get(f"{LIST}statement/{acme_client.id}?from=2026-01-01&to=2026-12-31").text
    assert "Incoming invoice" in statement
    assert as_owner.post(f"{LIST}{entered}/void", data={"reason": "Twice"}).status_code == 303
    assert one(acme).state == "void"


def test_accepting_at_once_needs_the_right_to_issue(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    assert send(as_owner, NEW, typed(acme_client, accept="y")).status_code == 303
    assert one(acme).state == "normal"


def test_an_outgoing_one_is_not_edited_nor_settled_and_an_incoming_one_not_mailed(
    as_owner: Browser, acme: Tenant, acme_client: Client, entered: UUID
) -> None:
    as_owner.post(f"{LIST}{entered}/issue")
    for path, form in (("finish", {}), ("send-again", {"request_id": str(new_id())})):
        assert as_owner.post(f"{LIST}{entered}/{path}", data=form).status_code == 409
    desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
    ours = desk.invoice(acme, acme_client)
    assert as_owner.get(f"{LIST}{ours}/edit").status_code == 404
    assert as_owner.post(f"{LIST}{ours}/settle", data={"settled": "1"}).status_code == 409


def test_it_is_not_the_clients_to_see_or_to_pay(
    as_owner: Browser, as_viewer: Browser, acme: Tenant, acme_client: Client, entered: UUID
) -> None:
    assert as_viewer.get(f"{LIST}{entered}").status_code == 200
    assert as_viewer.get(f"{NEW}?client={acme_client.id}").status_code == 403
    assert as_viewer.post(f"{LIST}{entered}/settle", data={"settled": "1"}).status_code == 403


def test_a_missing_pdf_is_said_instead_of_not_found(
    as_owner: Browser, acme: Tenant, acme_client: Client, entered: UUID
) -> None:
    answer = as_owner.get(f"{LIST}{entered}/pdf")
    assert answer.status_code == 303
    assert "No file is attached" in as_owner.get(answer.location).text
    desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
    draft = desk.invoice(acme, acme_client, issue=False)
    answer = as_owner.get(f"{LIST}{draft}/pdf")
    assert "was not issued" in as_owner.get(answer.location).text
    as_owner.post(f"{LIST}{draft}/issue")
    assert "The PDF is being made." in as_owner.get(LIST).text
    answer = as_owner.get(f"{LIST}{draft}/pdf")
    assert "The PDF is being made" in as_owner.get(answer.location).text


def test_credit_notes_and_statements_are_saved_as_pdf(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    desk.charge(acme, acme_client, "40", dated_at=desk.some_days_ago())
    ours = desk.invoice(acme, acme_client)
    form = {"credit_note_id": str(new_id()), "amount": "15", "reason": "Too dear"}
    as_owner.post(f"{LIST}{ours}/credit", data=form)
    address = f"{LIST}credit-notes/{form['credit_note_id']}"
    assert as_owner.get(f"{address}/pdf").status_code == 303
    with tenant_scope(acme.scope), unit_of_work() as session:
        credit_note_files.store_file(session, UUID(form["credit_note_id"]))
    assert as_owner.get(f"{address}/pdf").data.startswith(b"%PDF")
    assert "Send CN-" in as_owner.get(f"{LIST}{ours}").text
    sent = as_owner.post(f"{address}/send-again", data={"request_id": str(new_id())})
    assert sent.status_code == 303
    statement = as_owner.get(f"{LIST}statement/{acme_client.id}?format=pdf")
    assert statement.data.startswith(b"%PDF")
