"""Turns of background tasks: pieces of work, each in a transaction, as the person who asked.

One task holds a worker's thread for TURN_S at most, then others have their turn.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import structlog

from billing import (
    invoice_tasks,
    opening_import,
    payment_import,
    report_export,
    usage_import,
    voucher_task,
)
from core.db import Session
from core.errors import NotAllowedError
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments import client_export, client_import, mass_edit_task
from tenants import resellers, tasks
from tenants.task_models import Task
from tenants.tasks import GaveUpError, LostLeaseError
from worker.scope import asked_by

TURN_S = 20
_log = structlog.get_logger(__name__)

Beat = Callable[[int | None], None]
Step = Callable[[Session, Task, Beat], bool]
STEPS: dict[str, Step] = {
    "export_clients": client_export.do_piece,
    "export_report": report_export.do_piece,
    "generate_vouchers": voucher_task.do_piece,
    "import_clients": client_import.do_piece,
    "import_usage": usage_import.do_piece,
    "import_opening_balances": opening_import.do_piece,
    "import_payments": payment_import.do_piece,
    "mass_edit_clients": mass_edit_task.do_piece,
    invoice_tasks.EDIT: invoice_tasks.edit_piece,
    invoice_tasks.RUN: invoice_tasks.run_piece,
    invoice_tasks.ZIP: invoice_tasks.zip_piece,
}
"""Does the next piece of a claimed task; False when the task is at its end or waits for people."""


def run_turn(task_id: UUID) -> None:
    """Claim the task and work on it; what fails is given back and counted before it is raised."""
    with unit_of_work() as session:
        if not resellers.is_active(session, current_scope().home_reseller_id):
            # asked again by the sweep until the reseller may trade again
            return
        task = tasks.claim_task(session, task_id)
    if task is None or task.lease_token is None:
        return
    token = task.lease_token
    try:
        has_more = _work(task, token)
    except LostLeaseError:
        _log.info("task.lease_lost", task=str(task_id))
        # a long piece is also told so when its person has cancelled it
        with suppress(LostLeaseError), unit_of_work() as session:
            tasks.resume_task(session, task_id, token)
        return
    except (NotAllowedError, GaveUpError) as error:
        with unit_of_work() as session:
            found = tasks.resume_task(session, task_id, token)
            if found is not None:
                tasks.close_task(session, found, "failed", error.message)
        return
    except Exception:
        with unit_of_work() as session:
            tasks.release_task(session, task_id, token, ask_again=False)
        raise
    if has_more:
        with unit_of_work() as session:
            tasks.release_task(session, task_id, token, ask_again=True)


def _work(task: Task, token: UUID) -> bool:
    """Pieces until the turn is over; True when there are more."""
    deadline = time.monotonic() + TURN_S
    while _do_piece(task, token):
        if time.monotonic() >= deadline:
            return True
    return False


def _do_piece(task: Task, token: UUID) -> bool:
    asker = tasks.asker_of(task)
    with asked_by(tuple(task.reseller_ids), asker), unit_of_work() as session:
        family = tasks.check_asker(session, task)
    with asked_by(family, asker):

        def beat(done: int | None = None) -> None:
            with unit_of_work() as other:
                tasks.renew_lease(other, task.id, token, done=done)

        with unit_of_work() as session:
            now_task = tasks.resume_task(session, task.id, token)
            return now_task is not None and STEPS[task.kind](session, now_task, beat)
