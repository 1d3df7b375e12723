"""Rows a second that clients are imported and exported with, in one process.

`python -m benchmarks.import_clients` on a fresh PostgreSQL: a CSV of 10,000 clients with 18 columns
is read, checked and written (create), the same file again finds nothing to change (update), a
changed one changes every client; then all are exported as CSV and XLSX.
"""

import argparse
import csv
import io
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from benchmarks.stage import Stage, open_stage
from billing import payment_terms
from core.ids import new_id
from core.sheet_reader import look_at
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from payments import client_columns, client_export, client_import
from payments.client_export import Wish
from payments.client_import import Plan
from tenants import task_bytes, tasks
from tenants.models import Client
from tenants.task_models import Task
from worker.task_turns import run_turn

FIELDS = (
    "name", "currency", "timezone", "role", "tags", "postpaid", "credit", "terms",
    "notify_client", "autoinvoicing", "last_invoiced", "extra_amount", "company", "main_email",
    "billing_email", "address", "zip_code", "reg_id",
)  # fmt: skip


def _file(count: int, city: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(FIELDS)
    for n in range(count):
        writer.writerow(
            [
                f"Carrier {n:06} Ü", "USD", "Europe/Berlin", "both", f"wholesale, group {n % 20}",
                "no", f"{n % 1000}.50", "Monthly", "25", "yes", "2026-10-31", "10",
                f"Carrier {n} Ltd", f"office{n}@client.example", f"billing{n}@client.example",
                f"{n} Main Street, {city}", "10001", f"HRB {n}",
            ]
        )  # fmt: skip
    return out.getvalue().encode()


def _work(stage: Stage, task_id: UUID) -> Task:
    """A worker's turns, to the end or to where a person is asked."""
    with tenant_scope(Scope((stage.reseller_id,), actor=Actor("job", label="tasks.run"))):
        while True:
            run_turn(task_id)
            with unit_of_work() as session:
                task = tasks.get_task(session, task_id)
            if task.state not in ("waiting", "running"):
                return task


def _import(stage: Stage, content: bytes, mode: str, *, is_whole: bool = False) -> Task:
    task_id = new_id()
    sheet = look_at(content)
    plan = Plan(FIELDS, mode, "name", is_whole, False, "en")  # type: ignore[arg-type]
    with _as_staff(stage), unit_of_work() as session:
        task = tasks.create_task(
            session,
            task_id=task_id,
            kind=client_import.KIND,
            params={"sheet": _plain(sheet), "refused": []},
            state="draft",
        )
        task_bytes.put_bytes(session, task, "source", content)
        tasks.start_step(session, task, "read", params={"plan": plan.to_params()})
    task = _work(stage, task_id)
    assert task.state == "checked", task.problem
    assert not task.left_out, "some rows are wrong"
    with _as_staff(stage), unit_of_work() as session:
        task = tasks.lock_task(session, task_id)
        tasks.start_step(session, task, "write", params={})
    task = _work(stage, task_id)
    assert task.state == "done", task.problem
    return task


def _export(stage: Stage, kind: str) -> Task:
    keys = client_columns.list_columns()
    wish = Wish(kind, keys, keys, "UTC", "clients")
    task_id = new_id()
    with _as_staff(stage), unit_of_work() as session:
        task = tasks.create_task(
            session,
            task_id=task_id,
            kind="export_clients",
            params={"wish": wish.to_params(), "asked": {}},
        )
        ids = select(Client.id.label("id")).order_by(Client.name_key, Client.id)
        client_export.request_export(session, task=task, ids=ids, wish=wish, asked={})
    task = _work(stage, task_id)
    assert task.state == "done", task.problem
    return task


def _as_staff(stage: Stage) -> Any:
    # the job's own actor: whether a person may still do it is not what is measured
    return tenant_scope(Scope((stage.reseller_id,), actor=Actor("system", label="benchmark")))


def _plain(sheet: Any) -> dict[str, Any]:
    return {name: getattr(sheet, name) for name in sheet.__dataclass_fields__}


def _time(what: str, count: int, do: Callable[[], Task]) -> None:
    start, cpu = time.perf_counter(), time.process_time()
    task = do()
    took, own = time.perf_counter() - start, time.process_time() - cpu
    size = f", {task.result_size / 1e6:.1f} MB" if task.result_size else ""
    print(
        f"  {what:34} {count / took:8,.0f} rows a second ({took:5.1f} s, {own:4.1f} s of it our own"
        f" computing{size})",
        flush=True,
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description="Imports and exports of clients")
    arguments.add_argument("--rows", type=int, default=10_000)
    arguments.add_argument("--exported", type=int, default=100_000)
    chosen = arguments.parse_args()
    rows, exported = chosen.rows, chosen.exported
    with tempfile.TemporaryDirectory() as folder, open_stage(Path(folder)) as stage:
        with _as_staff(stage), unit_of_work() as session:
            payment_terms.create_terms(
                session, reseller_id=stage.reseller_id, name="Monthly", day_of_month=1
            )
        first, moved = _file(rows, "Berlin"), _file(rows, "Hamburg")
        print(f"{rows} rows of {len(FIELDS)} columns, read, checked and written:")
        _time("create", rows, lambda: _import(stage, first, "create"))
        _time("update, nothing differs", rows, lambda: _import(stage, first, "update"))
        _time("update, one block differs", rows, lambda: _import(stage, moved, "update"))
        if rows <= client_import.MOST_AT_ONCE:
            again = _file(rows, "Bonn").replace(b"Carrier ", b"Other ")
            _time(
                "create, all or nothing",
                rows,
                lambda: _import(stage, again, "create", is_whole=True),
            )
        with suppress(ValueError):
            stage.make_clients(max(exported - 2 * rows, 0))
        with _as_staff(stage), unit_of_work() as session:
            total = session.scalar(select(func.count()).select_from(Client)) or 0
        print(f"{total} clients, all {len(client_columns.list_columns())} columns, as a task:")
        _time("export, CSV", total, lambda: _export(stage, "csv"))
        _time("export, XLSX", total, lambda: _export(stage, "xlsx"))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  most memory of this process: {peak:.0f} MB (aim: 10,000 rows in a minute)")


if __name__ == "__main__":
    main()
