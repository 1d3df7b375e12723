"""Import of clients: from the file to the clients, each step as a person takes it."""

import io
import re
from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from billing import payment_terms
from billing.models import ClientBalance, ClientBilling
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.sheet_reader import look_at, read_rows
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments.client_wholes import Whole, read_wholes
from tenants.models import AuditRecord, Role, User
from tenants.models import Client as ClientRow
from tenants.permissions import ALL_PERMISSIONS, Permission
from tenants.task_models import Task, TaskChunk, TaskItem
from tests.factories.cast import Tenant, make_client, make_tenant
from tests.portal.browser import Browser
from tests.portal.office.desk import stored
from tests.portal.office.test_export import export, work

INDEX = "/office/imports/"


def upload(browser: Browser, content: bytes | str, name: str = "clients.csv") -> UUID:
    task_id = new_id()
    answer = _send(browser, task_id, content, name)
    assert answer.status_code == 303, answer.text[-2000:]
    return task_id


def _send(browser: Browser, task_id: UUID, content: bytes | str, name: str) -> TestResponse:
    body = content.encode() if isinstance(content, str) else content
    fields = {"task_id": str(task_id), "file": (io.BytesIO(body), name)}
    return browser.post(INDEX, data=fields, content_type="multipart/form-data")


def guessed(browser: Browser, task_id: UUID) -> list[str]:
    """The field of each column as the page offers it, in order."""
    text = browser.get(f"{INDEX}{task_id}").text
    found = []
    for block in re.findall(r'<select class="form-select" name="field".*?</select>', text, re.S):
        chosen = re.search(r'value="([^"]*)" selected', block)
        found.append(chosen.group(1) if chosen else "")
    return found


def check(
    browser: Browser, tenant: Tenant, task_id: UUID, fields: list[str], **plan: str
) -> tuple[Task, str]:
    """Check the rows to the end; the page that tells what was found."""
    sent = {"field": fields, "mode": "create", "match_by": "name", "rows": "all", **plan}
    answer = browser.post(f"{INDEX}{task_id}/check", data=sent)
    assert answer.status_code == 303, answer.text[-2000:]
    work(tenant, task_id)
    (task,) = stored(tenant, Task, id=task_id)
    shown = browser.get(f"{INDEX}{task_id}")
    return task, shown.text


def write(browser: Browser, tenant: Tenant, task_id: UUID) -> Task:
    assert browser.post(f"{INDEX}{task_id}/write").status_code == 303
    work(tenant, task_id)
    (task,) = stored(tenant, Task, id=task_id)
    return task


def bring(
    browser: Browser, tenant: Tenant, content: bytes | str, fields: list[str], **plan: str
) -> Task:
    """All steps."""
    task_id = upload(browser, content)
    task, shown = check(browser, tenant, task_id, fields, **plan)
    assert task.state == "checked", (task.problem, shown[-1500:])
    return write(browser, tenant, task_id)


def wholes(tenant: Tenant) -> Mapping[str, Whole]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        ids = list(session.scalars(select(ClientRow.id)))
        return {one.general.name: one for one in read_wholes(session, ids).values()}


def add_up(task: Task) -> bool:
    parts = (task.made, task.changed, task.unchanged, task.left_out, task.failed)
    return sum(parts) == task.total


def monthly(tenant: Tenant) -> int:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return payment_terms.create_terms(
            session, reseller_id=tenant.id, name="Monthly", day_of_month=1
        ).id


FULL = (
    "Name;Currency;Role;Tags;Postpaid;Credit;Payment terms;Autoinvoicing;Last invoiced;"
    "Auto payment;Extra amount;Notify client below;Company name;Main e-mail;Address\n"
    "Zoë 🦊 שלום;eur;both;vip, Gold;no;1.250,50;monthly;ja;31.01.2026;yes;20;10;Zoë Ltd;"
    'zoe@client.example;"1 Main St\nBerlin"\n'
)


def test_a_file_becomes_clients_with_all_their_blocks(as_owner, acme):
    terms = monthly(acme)
    task_id = upload(as_owner, FULL.replace("1.250,50", "1250.50"))
    fields = guessed(as_owner, task_id)
    assert fields == [
        "name", "currency", "role", "tags", "postpaid", "credit", "terms", "autoinvoicing",
        "last_invoiced", "auto_payment", "extra_amount", "notify_client", "company", "main_email",
        "address",
    ]  # fmt: skip
    task, shown = check(as_owner, acme, task_id, fields)
    assert (task.state, task.left_out) == ("checked", 0), shown[-3000:]
    assert not stored(acme, ClientRow)
    task = write(as_owner, acme, task_id)
    assert (task.state, task.made) == ("done", 1)
    one = wholes(acme)["Zoë 🦊 שלום"]
    assert (one.general.currency, one.general.timezone) == ("EUR", "America/New_York")
    assert (one.general.is_originator, one.general.is_terminator) == (True, True)
    assert one.tags == ("Gold", "vip")
    assert one.billing.credit == Decimal("1250.50")
    assert one.billing.payment_terms_id == terms
    assert one.auto.enabled
    assert one.low.notify_client == 10
    assert one.company.address == "1 Main St\nBerlin"
    (billing,) = stored(acme, ClientBilling, client_id=one.id)
    assert billing.next_invoice_at is not None
    (balance,) = stored(acme, ClientBalance, client_id=one.id)
    assert (balance.currency, balance.live) == ("EUR", 0)
    (record,) = [r for r in stored(acme, AuditRecord) if r.action == "create" and r.client_id]
    assert record.actor_label == acme.owner_email
    assert record.changes["credit"][1] == "1250.50"


def test_an_imported_client_is_the_same_as_one_of_the_form(as_owner, acme):
    """Every block has its row, so that nothing later finds half a client."""
    bring(as_owner, acme, "Name\nFrom A File\n", ["name"])
    made = make_client(acme, "From The Form")
    found = wholes(acme)
    imported, typed = found["From A File"], found["From The Form"]
    assert typed.id == made.id
    for block in ("billing", "low", "auto", "panel", "tags"):
        assert getattr(imported, block) == getattr(typed, block), block
    for model in (ClientBalance, ClientBilling):
        assert len(stored(acme, model)) == 2


def test_mistakes_are_told_by_row_and_column_and_nothing_is_written(as_owner, acme):
    content = (
        "Name,Credit,Main e-mail,Status,Payment terms,Time zone\n"
        "Good Ltd,10,good@client.example,active,,\n"
        ",10,,,,\n"
        "Bad Ltd,ten,not an address,asleep,Never,Mars/Base\n"
        f"{'x' * 201},1,,,,\n"
        "Card 4111 1111 1111 1111,1,,,,\n"
    )
    task_id = upload(as_owner, content)
    task, shown = check(
        as_owner,
        acme,
        task_id,
        ["name", "credit", "main_email", "status", "terms", "timezone"],
    )
    assert (task.total, task.left_out) == (5, 4)
    for told in (
        "Enter a name.",
        "Write the amount in digits",
        "Write active, stop or deleted.",
        "The client&#39;s reseller has none of this name.",
        "There is no such time zone.",
        "Use at most 200 characters.",
        "This looks like a card number",
    ):
        assert told in shown, told
    assert "all or nothing, and some rows are wrong" in shown
    assert as_owner.post(f"{INDEX}{task_id}/write").status_code == 409
    assert not stored(acme, ClientRow)


def test_only_the_good_rows_are_imported_when_asked_for(as_owner, acme):
    task = bring(as_owner, acme, "Name,Credit\nGood,1\nBad,x\n", ["name", "credit"], rows="good")
    assert (task.made, task.left_out) == (1, 1)
    assert add_up(task)
    assert list(wholes(acme)) == ["Good"]
    result = as_owner.get(f"/office/tasks/{task.id}/result").data.decode("utf-8-sig")
    assert len(result.splitlines()) == 3
    assert "Credit: Write the amount in digits" in result


def test_clients_are_found_by_id_or_name_and_changed_where_they_differ(as_owner, acme):
    one, two = make_client(acme, "Orbit Calls"), make_client(acme, "Comet Lines")
    content = f"ID,Credit,Tags\n{one.id},77,vip\n{two.id},0,\n"
    task = bring(as_owner, acme, content, ["id", "credit", "tags"], mode="update", match_by="id")
    assert (task.changed, task.unchanged) == (1, 1)
    found = wholes(acme)
    assert found["Orbit Calls"].billing.credit == 77
    assert found["Orbit Calls"].tags == ("vip",)
    content = "Name,Address\ncomet lines,2 Side St\n"
    task = bring(as_owner, acme, content, ["name", "address"], mode="update")
    assert task.changed == 1
    # the name is what it was found by, and is written as the file has it
    assert wholes(acme)["comet lines"].company.address == "2 Side St"


def test_both_changes_those_that_exist_and_makes_the_others(as_owner, acme, acme_client):
    content = "Name,Credit\nOrbit Calls,5\nNew Ltd,6\n"
    task = bring(as_owner, acme, content, ["name", "credit"], mode="both")
    assert (task.changed, task.made) == (1, 1)
    assert wholes(acme)["New Ltd"].billing.credit == 6


def test_an_empty_cell_keeps_a_field_or_empties_it_as_asked(as_owner, acme, acme_client):
    content = f"ID,Company name\n{acme_client.id},\n"
    plan = {"mode": "update", "match_by": "id"}
    task = bring(as_owner, acme, content, ["id", "company"], **plan)
    assert task.unchanged == 1
    task = bring(as_owner, acme, content, ["id", "company"], **plan, empties="clear")
    assert task.changed == 1
    assert wholes(acme)["Orbit Calls"].company.company_name == ""


def test_the_same_file_twice_warns_about_the_names(as_owner, acme):
    content = "Name\nTwin\nTwin\n"
    bring(as_owner, acme, content, ["name"])
    task_id = upload(as_owner, content)
    _task, shown = check(as_owner, acme, task_id, ["name"])
    assert "Another client has this name." in shown
    assert "Another row of the file has this name." in shown


def test_a_row_that_names_a_client_twice_is_wrong(as_owner, acme, acme_client):
    content = f"ID,Credit\n{acme_client.id},1\n{acme_client.id},2\n"
    task_id = upload(as_owner, content)
    task, shown = check(as_owner, acme, task_id, ["id", "credit"], mode="update", match_by="id")
    assert task.left_out == 1
    assert "Another row of the file has this ID." in shown


def test_clients_of_others_cannot_be_named(as_owner, acme, globex, globex_client):
    content = f"ID,Name\n{globex_client.id},Taken Over\n8999999999999,Nobody\n"
    task_id = upload(as_owner, content)
    task, shown = check(as_owner, acme, task_id, ["id", "name"], mode="update", match_by="id")
    assert task.left_out == 2
    assert shown.count("No client has this ID.") == 2
    assert list(wholes(globex)) == ["Nebula Voice"]


def test_a_reseller_beneath_gets_its_own_clients(as_owner, acme, globex):
    west = make_tenant("West", "west", parent_id=acme.id)
    content = "Name,Reseller\nNear,\nFar,west\nStranger,Globex\n"
    task_id = upload(as_owner, content)
    _task, shown = check(as_owner, acme, task_id, ["name", "reseller"], rows="good")
    assert "You have no reseller of this name." in shown
    write(as_owner, acme, task_id)
    assert (list(wholes(acme)), list(wholes(west))) == (["Near"], ["Far"])


@pytest.mark.parametrize("heading", ["Password", "passwort", "PWD", "Client password", "Пароль"])
def test_a_column_of_passwords_is_refused_and_kept_nowhere(as_owner, acme, heading):
    task_id = upload(as_owner, f"Name,{heading}\nOrbit,hunter2-secret\n")
    shown = as_owner.get(f"{INDEX}{task_id}").text
    assert "Not taken: a password in a file is read by whoever finds the file" in shown
    assert "hunter2" not in shown
    assert not any(b"hunter2" in chunk.content for chunk in stored(acme, TaskChunk))
    # by hand the column is asked for as a login: it stays refused
    task, _shown = check(as_owner, acme, task_id, ["name", "login"])
    assert task.state == "checked"
    assert not any("hunter2" in str(item.payload) for item in stored(acme, TaskItem))
    write(as_owner, acme, task_id)
    assert wholes(acme)["Orbit"].panel.login == ""


def test_a_matching_is_remembered_for_the_next_file_of_the_reseller(as_owner, acme, as_stranger):
    content = "Kunde,Limit\nOrbit,5\n"
    task_id = upload(as_owner, content)
    assert guessed(as_owner, task_id) == ["", ""]
    check(as_owner, acme, task_id, ["name", "credit"])
    assert guessed(as_owner, upload(as_owner, content)) == ["name", "credit"]
    assert guessed(as_stranger, upload(as_stranger, content)) == ["", ""]


def test_what_was_exported_can_be_imported_again_and_changes_nothing(as_owner, acme):
    monthly(acme)
    make_client(acme, "=Formula & Söhne")
    make_client(acme, "Plain Ltd", login="plain")
    content = export(as_owner, format="csv-bom").data
    headings = look_at(content).headings
    assert len(list(read_rows(content, look_at(content)))) == 2
    task_id = upload(as_owner, content)
    fields = guessed(as_owner, task_id)
    assert fields.count("") == len(headings) - len([one for one in fields if one])
    task, shown = check(as_owner, acme, task_id, fields, mode="update", match_by="id")
    assert (task.left_out, task.total) == (0, 2), shown[-3000:]
    task = write(as_owner, acme, task_id)
    assert (task.changed, task.unchanged) == (0, 2)


def test_sending_twice_is_one_import(as_owner, acme):
    task_id = new_id()
    for _ in range(2):
        assert _send(as_owner, task_id, "Name\nOrbit\n", "a.csv").status_code == 303
    check(as_owner, acme, task_id, ["name"])
    for _ in range(2):
        assert as_owner.post(f"{INDEX}{task_id}/write").status_code == 303
    work(acme, task_id)
    for _ in range(2):
        as_owner.post(f"{INDEX}{task_id}/write")
        work(acme, task_id)
    assert len(stored(acme, ClientRow)) == 1


def test_a_matching_that_cannot_work_is_told_with_what_was_chosen(as_owner, acme):
    task_id = upload(as_owner, "A,B\n1,2\n")
    for fields, plan, told in (
        (["", ""], {}, "Match at least one column."),
        (["credit", ""], {}, "New clients need a name"),
        (["name", "name"], {}, "Two columns are matched"),
        (["credit", ""], {"mode": "update", "match_by": "id"}, "by which clients are found"),
    ):
        sent = {"field": fields, "mode": "create", "match_by": "name", "rows": "all", **plan}
        answer = as_owner.post(f"{INDEX}{task_id}/check", data=sent)
        assert answer.status_code == 422
        assert told in answer.text
        if fields[0]:
            assert f'value="{fields[0]}" selected' in answer.text


def test_files_that_cannot_be_read_are_told(as_owner, acme):
    for content, told in ((b"", "empty"), (b"PK\x03\x04x", "cannot be read as XLSX")):
        answer = _send(as_owner, new_id(), content, "a.xlsx")
        assert answer.status_code == 422
        assert told in answer.text
    missing = as_owner.post(INDEX, data={"task_id": str(new_id())})
    assert missing.status_code == 422
    task_id = upload(as_owner, "Name\n")
    task, _shown = check(as_owner, acme, task_id, ["name"])
    assert task.state == "failed"
    assert "no rows below its headings" in task.problem


def test_the_example_is_a_file_that_can_be_imported(as_owner, acme):
    for ending in ("csv", "xlsx"):
        content = as_owner.get(f"{INDEX}example.{ending}").data
        task_id = upload(as_owner, content, f"example.{ending}")
        fields = guessed(as_owner, task_id)
        assert "" not in fields
        task, shown = check(as_owner, acme, task_id, fields)
        assert (task.total, task.left_out) == (1, 0), shown[-3000:]


def test_who_may_only_read_imports_nothing(as_viewer, as_stranger, as_owner, acme):
    assert as_viewer.get(INDEX).status_code == 403
    assert _send(as_viewer, new_id(), "Name\nOrbit\n", "a.csv").status_code == 403
    task_id = upload(as_owner, "Name\nOrbit\n")
    for path in ("", "/check", "/write"):
        for browser, status in ((as_viewer, 403), (as_stranger, 404)):
            ask = browser.post if path else browser.get
            assert ask(f"{INDEX}{task_id}{path}").status_code == status
    assert len(stored(acme, Task)) == 1


def test_all_or_nothing_undoes_everything_for_one_row(app: Flask, as_owner, acme):
    """A client is stopped being free between the check and the writing: its login is taken."""
    one, two = make_client(acme, "First"), make_client(acme, "Second", login="second")
    content = f"ID,Login,Client panel\n{one.id},,\n{two.id},second,yes\n"
    task_id = upload(as_owner, content)
    plan = {"mode": "update", "match_by": "id"}
    task, _shown = check(as_owner, acme, task_id, ["id", "login", "panel"], **plan)
    assert task.left_out == 0
    content = f"ID,Credit\n{one.id},5\n{two.id},6\n"
    task_id = upload(as_owner, content)
    check(as_owner, acme, task_id, ["id", "credit"], **plan)
    from tenants import client_deletion

    with tenant_scope(acme.scope), unit_of_work() as session:
        row = session.get(ClientRow, two.id)
        assert row is not None
        client_deletion.delete_client(session, two.id)
        # removed for good meanwhile
        row.erased_at = row.deleted_at
    task = write(as_owner, acme, task_id)
    assert task.state == "failed"
    assert "Nothing was imported. Line 3" in task.problem
    assert add_up(task)
    assert wholes(acme)["First"].billing.credit == 0


def test_a_column_of_a_block_that_the_role_may_not_write_is_not_taken(app: Flask, acme):
    from tests.portal.office.test_mass_edit import _without

    browser = _without(app, acme, "transactions:write")
    task_id = upload(browser, "Name,Credit\nOrbit,500\n")
    assert guessed(browser, task_id) == ["name", ""]
    check(browser, acme, task_id, ["name", "credit"])
    write(browser, acme, task_id)
    assert wholes(acme)["Orbit"].billing.credit == 0


def test_nobody_goes_on_with_a_file_of_somebody_else_in_its_name(as_owner, as_viewer, acme):
    """The work is done in the name and with the rights of who brought the file."""
    weaker = as_viewer
    with platform_unit_of_work() as session:
        role_id = select(User.role_id).where(User.id == acme.viewer_id).scalar_subquery()
        rights = sorted(ALL_PERMISSIONS - {Permission.TRANSACTIONS_WRITE})
        session.execute(update(Role).where(Role.id == role_id).values(permissions=rights))
    task_id = upload(as_owner, "Name,Credit\nOrbit,500\n")
    sent = {"field": ["name", ""], "mode": "create", "match_by": "name", "rows": "all"}
    assert weaker.post(f"{INDEX}{task_id}/check", data=sent).status_code == 403
    check(as_owner, acme, task_id, ["name", "credit"])
    assert weaker.post(f"{INDEX}{task_id}/write").status_code == 403
    assert weaker.get(f"{INDEX}{task_id}").status_code == 302
    assert "Go on" not in weaker.get(f"/office/tasks/{task_id}").text
    assert stored(acme, Task)[0].state == "checked"
    write(as_owner, acme, task_id)
    assert wholes(acme)["Orbit"].billing.credit == 500


def test_a_tax_number_that_cannot_be_is_told(as_owner, acme):
    task_id = upload(as_owner, "Name,Tax ID\nOrbit,DE123456789\nComet,12-345\n")
    task, shown = check(as_owner, acme, task_id, ["name", "tax_id"], rows="good")
    assert task.left_out == 1
    assert "no valid tax number" in shown
