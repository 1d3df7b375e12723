"""Exports of clients: at once, as a task, for whom, and what stands in the file."""

import csv
import io
from uuid import UUID

from flask import Flask
from openpyxl import load_workbook
from werkzeug.test import TestResponse

from core.ids import new_id
from core.tenancy import Actor, Scope, tenant_scope
from payments import client_export
from payments.client_export import AT_ONCE
from portal.office.tasks import export as tasks_export
from tenants.models import AuditRecord
from tenants.task_models import Task, TaskChunk, TaskItem
from tests.factories.cast import Client, Tenant, make_client
from tests.portal.browser import Browser, signed_in
from tests.portal.office.crowd import make_crowd
from tests.portal.office.desk import hidden, stored
from worker.task_turns import run_turn

EXPORT = "/office/tasks/export-clients"


def export(browser: Browser, **fields: object) -> TestResponse:
    wish = {"task_id": str(new_id()), "all": "1", "format": "csv", "columns": "all", **fields}
    return browser.post(EXPORT, data=wish)


def lines(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def work(tenant: Tenant, task_id: UUID) -> None:
    """What a worker does with the task's message, to its end."""
    with tenant_scope(Scope((tenant.id,), actor=Actor("job", label="tasks.run"))):
        while True:
            run_turn(task_id)
            (task,) = stored(tenant, Task, id=task_id)
            if task.state not in ("waiting", "running"):
                return


def test_the_filtered_list_comes_as_a_file_at_once(as_owner, acme, acme_client):
    make_client(acme, "Comet Lines")
    answer = export(as_owner, filters="q=Orbit")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    (row,) = lines(answer.data)
    assert row["Name"] == "Orbit Calls"
    assert row["Login"] == "orbit"
    assert row["Credit"] == "0.00"
    assert not [name for name in row if "assword" in name]


def test_the_columns_are_those_that_were_chosen_in_their_order(as_owner, acme_client):
    answer = export(as_owner, columns="shown", column=["name", "id", "nonsense"])
    assert answer.data.decode().splitlines()[0] == "Name,ID"


def test_an_xlsx_has_amounts_as_numbers(as_owner, acme_client):
    answer = export(as_owner, format="xlsx", columns="shown", column=["name", "live"])
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["Name", "Live"],
        ["Orbit Calls", 0],
    ]


def test_a_name_that_is_a_formula_runs_in_no_file(as_owner, acme):
    name = "=cmd|' /C calc'!A0"
    make_client(acme, name)
    (row,) = lines(export(as_owner, columns="shown", column=["name"]).data)
    assert row["Name"] == f"'{name}"
    answer = export(as_owner, format="xlsx", columns="shown", column=["name"])
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet["A2"].data_type != "f"
    assert sheet["A2"].value == name


def test_picked_rows_are_exported_and_foreign_ids_are_nobody(
    as_owner, acme, acme_client, globex_client
):
    make_client(acme, "Comet Lines")
    answer = export(as_owner, all="", pick=[acme_client.id, globex_client.id, "x"])
    assert [row["Name"] for row in lines(answer.data)] == ["Orbit Calls"]
    assert "Nebula" not in answer.text
    nobody = export(as_owner, all="", pick=[globex_client.id])
    assert nobody.status_code == 422
    assert "Nobody matches" in nobody.text


def test_a_filter_that_cannot_be_read_exports_nobody(as_owner, acme_client):
    assert export(as_owner, filters="available_from=abc").status_code == 422


def test_the_audit_log_says_who_exported_what(as_owner, acme, acme_client):
    export(as_owner, filters="q=Orbit")
    (record,) = [one for one in stored(acme, AuditRecord) if one.action == "export"]
    assert record.actor_label == acme.owner_email
    assert record.changes["rows"] == [None, 1]
    assert "Orbit" in record.changes["filters"][1]


def test_who_may_only_read_exports_nothing(as_viewer, acme_client):
    assert as_viewer.get(EXPORT + "?all=1").status_code == 403
    assert export(as_viewer).status_code == 403


def test_many_clients_are_written_by_a_task_and_a_second_click_asks_once(
    as_owner, as_viewer, acme, as_stranger
):
    make_crowd(acme, AT_ONCE + 10)
    task_id = new_id()
    for _ in range(2):
        answer = export(as_owner, task_id=str(task_id), format="csv-bom")
        assert answer.status_code == 303
    (task,) = stored(acme, Task)
    assert task.total == AT_ONCE + 10
    shown = as_owner.get(f"/office/tasks/{task_id}").text
    assert 'hx-trigger="load delay:1s"' in shown
    work(acme, task_id)
    shown = as_owner.get(f"/office/tasks/{task_id}").text
    assert "hx-trigger" not in shown.partition('id="task"')[2]
    rows = lines(as_owner.get(f"/office/tasks/{task_id}/result").data)
    assert len(rows) == AT_ONCE + 10
    assert [row["Name"] for row in rows] == sorted(row["Name"] for row in rows)
    assert len({row["ID"] for row in rows}) == len(rows)
    assert not stored(acme, TaskItem)
    # the page may be seen, the clients' data not
    assert as_viewer.get(f"/office/tasks/{task_id}").status_code == 200
    assert as_viewer.get(f"/office/tasks/{task_id}/result").status_code == 403
    for path in ("", "/result"):
        assert as_stranger.get(f"/office/tasks/{task_id}{path}").status_code == 404
    assert as_stranger.post(f"/office/tasks/{task_id}/cancel").status_code == 404


def test_the_dialog_offers_what_the_list_shows(as_owner, acme_client):
    answer = as_owner.get(f"{EXPORT}?all=1&filters=q%3DOrbit&column=name&column=live")
    assert "1 client" in answer.text
    assert "Name, Live" in answer.text
    assert hidden(answer, "filters") == "q=Orbit"


def test_a_parent_exports_the_clients_beneath_it(app: Flask, acme: Tenant, as_owner):
    from tests.factories.cast import make_tenant

    west = make_tenant("West", "west", parent_id=acme.id)
    client: Client = make_client(west, "Far Lines")
    assert "Far Lines" in export(as_owner).text
    mine = export(signed_in(app, "office", west.owner_id, west.id))
    assert [row["ID"] for row in lines(mine.data)] == [str(client.id)]


def test_nothing_is_left_of_a_task_that_was_done(as_owner, acme, monkeypatch):
    # as above, but fewer at once and in each piece
    monkeypatch.setattr(tasks_export, "AT_ONCE", 50)
    monkeypatch.setattr(client_export, "PIECE", 20)
    make_crowd(acme, 51)
    task_id = new_id()
    assert export(as_owner, task_id=str(task_id)).status_code == 303
    work(acme, task_id)
    assert {chunk.part for chunk in stored(acme, TaskChunk)} == {"result"}
