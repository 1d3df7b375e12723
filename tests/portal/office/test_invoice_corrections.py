"""Invoices over HTTP: voided, credited, allocated by hand, edited in bulk, and their files."""

import io
import re
import zipfile
from uuid import UUID

import pytest

from billing.correction_models import CreditNote
from billing.invoice_models import Invoice
from core.ids import new_id
from core.sheet_reader import look_at
from tenants.task_models import Task
from tests.factories.cast import Client, Tenant
from tests.portal.browser import Browser
from tests.portal.office import desk

LIST = "/office/invoices/"


@pytest.fixture
def issued(acme: Tenant, acme_client: Client) -> UUID:
    desk.charge(acme, acme_client, "40", description="Trunk", dated_at=desk.some_days_ago())
    return desk.invoice(acme, acme_client)


def stored(acme: Tenant) -> Invoice:
    (row,) = desk.stored(acme, Invoice)
    return row


def test_voiding_needs_a_reason_and_happens_once(
    as_owner: Browser, acme: Tenant, issued: UUID
) -> None:
    address = f"{LIST}{issued}/void"
    assert as_owner.get(address).status_code == 200
    assert as_owner.post(address, data={"reason": " "}).status_code == 422
    assert stored(acme).state == "to_send"
    for _click in range(2):
        assert as_owner.post(address, data={"reason": "Wrong month"}).status_code == 303
    assert (stored(acme).state, stored(acme).void_reason) == ("void", "Wrong month")
    page = as_owner.get(f"{LIST}{issued}").text
    assert "Wrong month" in page
    assert "Credit note" not in page
    assert "No invoice matches" in as_owner.get(f"{LIST}?paid=open").text
    assert str(issued) in as_owner.get(f"{LIST}?state=void").text


def test_a_credit_note_too_large_is_refused_at_its_field(
    as_owner: Browser, acme: Tenant, issued: UUID
) -> None:
    form = {"credit_note_id": str(new_id()), "amount": "41", "reason": "Too dear"}
    answer = as_owner.post(f"{LIST}{issued}/credit", data=form)
    assert answer.status_code == 422
    assert "is left to credit" in answer.text
    assert "Too dear" in answer.text, "nothing typed is lost"
    form["amount"] = "15"
    for _click in range(2):
        assert as_owner.post(f"{LIST}{issued}/credit", data=form).status_code == 303
    (note,) = desk.stored(acme, CreditNote)
    assert note.total == 15
    assert "CN-" in as_owner.get(f"{LIST}{issued}").text


def test_a_payment_is_taken_off_and_put_on_again(
    as_owner: Browser, acme: Tenant, acme_client: Client, issued: UUID
) -> None:
    payment = desk.pay(acme, acme_client, "15", description="Wire")
    for page in (f"{LIST}{issued}/payments", f"{LIST}payments/{payment}"):
        text = as_owner.get(page).text
        stamp = re.search(r'name="stamp" value="(\w+)"', text)[1]
    off = as_owner.post(
        f"{LIST}{issued}/payments/{payment}/take-off", data={"stamp": stamp, "side": "payment"}
    )
    assert off.status_code == 303
    assert stored(acme).paid == 0
    text = as_owner.get(f"{LIST}payments/{payment}").text
    assert "by hand only" in text
    stamp = re.search(r'name="stamp" value="(\w+)"', text)[1]
    form = {"stamp": stamp, "side": "payment", "amount": "16"}
    answer = as_owner.post(f"{LIST}{issued}/payments/{payment}", data=form)
    assert answer.status_code == 422
    assert "15" in answer.text
    form["amount"] = "10"
    assert as_owner.post(f"{LIST}{issued}/payments/{payment}", data=form).status_code == 303
    assert as_owner.post(f"{LIST}{issued}/payments/{payment}", data=form).status_code == 409
    assert stored(acme).paid == 10
    as_owner.post(f"{LIST}payments/{payment}/automatic")
    assert stored(acme).paid == 15


def test_a_mass_edit_is_previewed_before_it_begins(
    as_owner: Browser, acme: Tenant, issued: UUID
) -> None:
    form = {
        "task_id": str(new_id()), "pick": str(issued), "action": "regenerate", "reason": "",
    }  # fmt: skip
    assert as_owner.post(f"{LIST}mass-edit/choose", data=form).status_code == 200
    preview = as_owner.post(f"{LIST}mass-edit/preview", data=form).text
    assert "It is issued already." in preview
    assert as_owner.post(f"{LIST}mass-edit", data=form).status_code == 422
    assert desk.stored(acme, Task) == []
    form |= {"action": "void", "reason": "Wrong", "previewed": "void", "count": "1"}
    for _click in range(2):
        assert as_owner.post(f"{LIST}mass-edit", data=form).status_code == 303
    (task,) = desk.stored(acme, Task)
    assert (task.kind, task.total) == ("edit_invoices", 1)


def test_files_hold_what_is_on_the_invoice(as_owner: Browser, acme: Tenant, issued: UUID) -> None:
    sheet = as_owner.get(f"{LIST}{issued}/xlsx")
    assert zipfile.ZipFile(io.BytesIO(sheet.data)).testzip() is None
    charges = as_owner.get(f"{LIST}{issued}/charges/csv").text
    assert "Trunk" in charges
    assert "40.00" in charges
    assert look_at(as_owner.get(f"{LIST}{issued}/charges/xlsx").data) is not None
    packed = as_owner.post(f"{LIST}zip", data={"task_id": str(new_id()), "pick": str(issued)})
    with zipfile.ZipFile(io.BytesIO(packed.data)) as package:
        (name,) = package.namelist()
        assert package.read(name) == as_owner.get(f"{LIST}{issued}/pdf").data


def test_the_statement_adds_up(
    as_owner: Browser, acme: Tenant, acme_client: Client, issued: UUID
) -> None:
    desk.pay(acme, acme_client, "15")
    address = f"{LIST}statement/{acme_client.id}"
    text = as_owner.get(address).text
    assert "-25.00" in text
    assert as_owner.get(f"{address}?from=2026-13-01&to=x").status_code == 422
    assert "-25.00" in as_owner.get(f"{address}?format=csv").text


def test_further_filters_narrow_the_list(as_owner: Browser, acme: Tenant, issued: UUID) -> None:
    number = stored(acme).number
    for query, is_there in (
        (f"number={number[-4:]}", True), ("number=nothing", False),
        ("made=manual", True), ("made=auto", False),
        ("currency=USD", True), ("currency=EUR", False),
        ("total_from=39&total_to=41", True), ("total_from=41", False),
        ("due_from=2000-01-01", True), ("due_to=2000-01-01", False),
        ("covers_from=2000-01-01", True), ("covers_to=2000-01-01", False),
        ("terms=999999", False), ("state=normal", False),
    ):  # fmt: skip
        assert (f"{LIST}{issued}" in as_owner.get(f"{LIST}?{query}").text) is is_there, query
