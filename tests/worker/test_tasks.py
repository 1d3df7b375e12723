"""Background tasks with workers that die, freeze, or come twice: nothing is lost or done twice."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update

from core import jobs
from core.clock import now
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.sheet_reader import look_at
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from payments import client_import, mass_edit_task
from payments.client_import import Plan
from payments.mass_edit import Wish
from tenants import resellers, task_bytes, tasks
from tenants.models import AuditRecord
from tenants.models import Client as ClientRow
from tenants.task_models import Task, TaskChunk, TaskItem
from tenants.tasks import LostLeaseError
from tests.factories.cast import Tenant, make_tenant
from tests.portal.office.crowd import make_crowd
from tests.warm_workers import WarmWorker
from tests.worker.conftest import wait_for
from worker.send import send_jobs_to
from worker.sweeps.tasks import clear_expired_tasks, find_stuck_tasks
from worker.task_turns import run_turn


@pytest.fixture
def tenant(clean_database: None) -> Tenant:
    return make_tenant("Acme", "acme")


def stored(tenant: Tenant, model: Any, **where: Any) -> list[Any]:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        return list(session.scalars(select(model).filter_by(**where)))


def mass_edit(tenant: Tenant, **wanted: Any) -> UUID:
    """Everybody of the tenant, as the owner asks for it."""
    task_id = new_id()
    with tenant_scope(tenant.scope), unit_of_work() as session:
        task = tasks.create_task(
            session,
            task_id=task_id,
            kind=mass_edit_task.KIND,
            params={"wish": Wish(**wanted).to_params()},
        )
        tasks.add_clients(session, task, select(ClientRow.id.label("id")).order_by(ClientRow.id))
    return task_id


def import_file(tenant: Tenant, count: int, *, is_whole: bool = False) -> UUID:
    """An import that was checked, and is now to be written."""
    task_id = new_id()
    content = "Name\n" + "".join(f"Client {n:05}\n" for n in range(count))
    sheet = look_at(content.encode())
    plan = Plan(("name",), "create", "name", is_whole, False, "en")
    with tenant_scope(tenant.scope), unit_of_work() as session:
        task = tasks.create_task(
            session,
            task_id=task_id,
            kind=client_import.KIND,
            params={"sheet": {n: getattr(sheet, n) for n in sheet.__dataclass_fields__}},
            state="draft",
        )
        task_bytes.put_bytes(session, task, "source", content.encode())
        tasks.start_step(session, task, "read", params={"plan": plan.to_params()})
    work(tenant, task_id)
    with tenant_scope(tenant.scope), unit_of_work() as session:
        tasks.start_step(session, tasks.lock_task(session, task_id), "write", params={})
    return task_id


def work(tenant: Tenant, task_id: UUID) -> None:
    with tenant_scope(Scope((tenant.id,), actor=Actor("job", label="tasks.run"))):
        run_turn(task_id)


def state_of(tenant: Tenant, task_id: UUID) -> Task:
    (task,) = stored(tenant, Task, id=task_id)
    return task  # type: ignore[no-any-return]


def let_the_lease_end(task_id: UUID) -> None:
    """As after two minutes, in which nobody was heard of."""
    with platform_unit_of_work() as session:
        session.execute(update(Task).where(Task.id == task_id).values(lease_until=now()))


@pytest.fixture
def queue(program_environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Committed jobs of this process go to the workers' queue."""
    send_jobs_to(program_environment["REDIS_URL"])
    yield program_environment
    jobs._senders.clear()


def kill_in_the_middle(
    tenant: Tenant, queue: dict[str, str], task_id: UUID, log: Path, total: int
) -> None:
    """A worker begins, is killed with -9, and another one takes over when the lease has ended."""
    with tenant_scope(tenant.scope), unit_of_work() as session:
        jobs.enqueue(session, tasks.JOB, reseller_id=tenant.id, task_id=str(task_id))
    log.touch()
    with closing(WarmWorker(queue, log, threads=2)):
        wait_for(lambda: 0 < state_of(tenant, task_id).done < total, seconds=60)
    broken = state_of(tenant, task_id)
    assert broken.state == "running"
    assert broken.done < total
    let_the_lease_end(task_id)
    with platform_unit_of_work() as session:
        assert find_stuck_tasks(session) == 1
    with closing(WarmWorker(queue, log, threads=2)):
        wait_for(lambda: state_of(tenant, task_id).state == "done", seconds=90)


@pytest.mark.fault
@pytest.mark.timeout(240)
def test_a_worker_killed_in_a_mass_edit_changes_every_client_once(tenant, queue, tmp_path):
    ids = make_crowd(tenant, 600)
    task_id = mass_edit(tenant, status="stop")
    kill_in_the_middle(tenant, queue, task_id, tmp_path / "log", len(ids))
    task = state_of(tenant, task_id)
    assert (task.changed, task.unchanged, task.left_out, task.failed) == (len(ids), 0, 0, 0)
    rows = stored(tenant, ClientRow)
    assert {row.status for row in rows} == {"stop"}
    # saved once each, and once in the audit log, in the name of who asked
    assert {row.version for row in rows} == {2}
    records = stored(tenant, AuditRecord, action="update")
    assert sorted(record.client_id for record in records) == ids
    assert {record.actor_label for record in records} == {tenant.owner_email}


@pytest.mark.fault
@pytest.mark.timeout(240)
def test_a_worker_killed_in_an_import_makes_every_client_once(tenant, queue, tmp_path):
    task_id = import_file(tenant, 4_000)
    kill_in_the_middle(tenant, queue, task_id, tmp_path / "log", 4_000)
    task = state_of(tenant, task_id)
    assert task.made == task.total == 4_000
    names = [row.name for row in stored(tenant, ClientRow)]
    assert len(names) == len(set(names)) == 4_000
    assert len(stored(tenant, AuditRecord, action="create", object_type="client")) == 4_000


def test_a_worker_that_slept_longer_than_its_lease_has_done_nothing(tenant):
    make_crowd(tenant, 3)
    task_id = mass_edit(tenant, status="stop")
    with tenant_scope(tenant.scope):
        with unit_of_work() as session:
            sleeper = tasks.claim_task(session, task_id)
            assert sleeper is not None
        with pytest.raises(LostLeaseError):
            sleep_and_go_on(task_id, sleeper.lease_token)
    assert {row.status for row in stored(tenant, ClientRow)} == {"active"}
    let_the_lease_end(task_id)
    work(tenant, task_id)
    task = state_of(tenant, task_id)
    assert (task.state, task.changed) == ("done", 3)


def sleep_and_go_on(task_id: UUID, token: UUID | None) -> None:
    """A piece during which the lease ends and another worker comes."""
    assert token is not None
    with unit_of_work() as session:
        task = tasks.resume_task(session, task_id, token)
        assert task is not None
        let_the_lease_end(task_id)
        with unit_of_work() as other:
            assert tasks.claim_task(other, task_id) is not None
        mass_edit_task.do_piece(session, task, lambda _done: None)


def test_two_workers_at_once_are_one(tenant):
    make_crowd(tenant, 3)
    task_id = mass_edit(tenant, status="stop")
    with tenant_scope(tenant.scope), unit_of_work() as session:
        assert tasks.claim_task(session, task_id) is not None
    work(tenant, task_id)
    assert state_of(tenant, task_id).done == 0


def test_work_that_is_broken_off_again_and_again_is_given_up(tenant):
    make_crowd(tenant, 3)
    task_id = mass_edit(tenant, status="stop")
    for _ in range(tasks.MAX_ATTEMPTS):
        with tenant_scope(tenant.scope), unit_of_work() as session:
            assert tasks.claim_task(session, task_id) is not None
        let_the_lease_end(task_id)
    work(tenant, task_id)
    task = state_of(tenant, task_id)
    assert task.state == "failed"
    assert task.left_out == task.total == 3


def test_a_lost_job_is_found_again_and_a_suspended_reseller_waits(tenant):
    make_crowd(tenant, 2)
    task_id = mass_edit(tenant, status="stop")
    with platform_unit_of_work() as session:
        # its own job still has some seconds
        assert find_stuck_tasks(session) == 0
    let_the_lease_end(task_id)
    admin = Actor("platform", 1, "admin@platform.example")
    with platform_unit_of_work() as session:
        resellers.suspend(session, tenant.id, reason="Unpaid", actor=admin)
        assert find_stuck_tasks(session) == 0
    work(tenant, task_id)
    assert state_of(tenant, task_id).state == "waiting"
    with platform_unit_of_work() as session:
        resellers.reactivate(session, tenant.id, reason="Paid", actor=admin)
        assert find_stuck_tasks(session) == 1
    work(tenant, task_id)
    assert state_of(tenant, task_id).state == "done"


def test_files_and_items_are_gone_after_a_week_and_the_task_tells_still(tenant):
    task_id = import_file(tenant, 3)
    work(tenant, task_id)
    assert stored(tenant, TaskItem)
    with platform_unit_of_work() as session:
        assert clear_expired_tasks(session) == 0
        session.execute(update(Task).values(expires_at=now()))
        assert clear_expired_tasks(session) == 1
    task = state_of(tenant, task_id)
    assert (task.state, task.made) == ("done", 3)
    assert not stored(tenant, TaskItem)
    assert not stored(tenant, TaskChunk)
    assert "Client" not in json.dumps(task.params)
    with platform_unit_of_work() as session:
        session.execute(update(Task).values(created_at=now() - tasks.REMEMBERED))
        clear_expired_tasks(session)
        assert session.scalar(select(func.count()).select_from(Task)) == 0


def test_an_import_of_all_or_nothing_shows_how_far_it_is_and_keeps_its_lease(tenant):
    task_id = import_file(tenant, 600, is_whole=True)
    told: list[int | None] = []
    with tenant_scope(tenant.scope):
        with unit_of_work() as session:
            claimed = tasks.claim_task(session, task_id)
            assert claimed is not None
        with unit_of_work() as session:
            task = tasks.resume_task(session, task_id, claimed.lease_token)
            assert task is not None
            assert client_import.do_piece(session, task, told.append) is False
    assert told == [250, 500, 600]
    task = state_of(tenant, task_id)
    assert (task.state, task.made, task.done) == ("done", 600, 600)


def test_no_right_of_the_panel_reaches_a_task(tenant, settings):
    with platform_unit_of_work() as session:
        for table in ("tasks", "task_items", "task_chunks", "import_mappings"):
            rights = session.scalar(
                text("select has_table_privilege('portal_panel', :t, 'select')"), {"t": table}
            )
            assert not rights, table
