"""Fills the demo's resellers in a process each: `make run` has to answer within a minute."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process

from core.config import Settings
from portal.demo.fill import fill_clients, finish, is_filled, make_tenants
from portal.demo.plan import RESELLERS, plan_clients

_ORPHANED = 125


def fill_side_by_side(settings: Settings, begin: Callable[[], Settings]) -> None:
    """Make all of the demo as `fill` does, and raise what one of the processes has raised.

    `begin` makes a new process ready for work, and can be pickled. What the others have made until
    a failure stays: each step may be repeated.
    """
    if is_filled(settings):
        return
    make_tenants(settings)
    # not forked: connections to the database cannot be shared
    with ProcessPoolExecutor(
        len(RESELLERS), mp_context=get_context("spawn"), initializer=_end_with_parent
    ) as processes:
        filling = [processes.submit(_fill_one, begin, plan.code) for plan in RESELLERS]
        for one in filling:
            one.result()
    finish(settings)


def _end_with_parent() -> None:
    """A killed fill is not gone on with by those that it started."""
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(_ORPHANED)

    threading.Thread(target=wait, daemon=True).start()


def _fill_one(begin: Callable[[], Settings], code: str) -> None:
    plan = next(plan for plan in RESELLERS if plan.code == code)
    fill_clients(begin(), plan, plan_clients(plan))
