"""Fills the demo's resellers in a process each: `make run` has to answer within a minute."""

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process

from core import platform_uow, uow
from core.config import Settings, load_settings
from core.logs import configure_logging
from mail import queue
from portal.demo.fill import fill_clients, finish, is_filled, make_tenants
from portal.demo.plan import RESELLERS, plan_clients
from worker.send import send_jobs_to

_ORPHANED = 125


def fill_side_by_side(settings: Settings) -> None:
    """Make all of the demo as `fill` does, and raise what one of the processes has raised.

    What the others have made until then stays: each step may be repeated.
    """
    if is_filled(settings):
        return
    make_tenants(settings)
    # not forked: connections to the database cannot be shared
    with ProcessPoolExecutor(
        len(RESELLERS), mp_context=get_context("spawn"), initializer=_end_with_parent
    ) as processes:
        list(processes.map(_fill_one, [plan.code for plan in RESELLERS]))
    finish(settings)


def _end_with_parent() -> None:
    """A killed fill is not gone on with by those that it started."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(_ORPHANED)

    threading.Thread(target=wait, daemon=True).start()


def _fill_one(code: str) -> None:
    settings = load_settings()
    configure_logging(settings.log_level)
    platform_uow.configure(settings)
    uow.configure(settings)
    queue.configure(settings)
    send_jobs_to(settings.redis_url)
    plan = next(plan for plan in RESELLERS if plan.code == code)
    fill_clients(settings, plan, plan_clients(plan))
