"""The unit of work: one database transaction inside one tenant scope.

Only portal/ and worker/ may import this module.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from sqlalchemy import Connection, event
from sqlalchemy.orm import ORMExecuteState, SessionTransaction, sessionmaker, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from core import clock, jobs
from core.config import Settings
from core.db import Session, TenantOwned
from core.engines import make_engine
from core.tenancy import current_scope

_office: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
_panel: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
_SET_SCOPE = (
    "select set_config('app.reseller_ids', %s, true), set_config('app.client_id', %s, true),"
    " clock_timestamp()"
)


def configure(settings: Settings) -> None:
    """Bind the two tenant roles to their databases. Call once per process, after any fork."""
    _office.configure(bind=make_engine(settings.database_url_office))
    _panel.configure(bind=make_engine(settings.database_url_panel))


def _enter_scope(_session: Session, _tx: SessionTransaction, connection: Connection) -> None:
    # Local to the transaction: a pooled connection can never carry a scope to the next user.
    scope = current_scope()
    if scope.read_only:
        connection.exec_driver_sql("set transaction read only")
    asked_at = clock.own_time()
    *_, database_time = connection.exec_driver_sql(
        _SET_SCOPE,
        (
            ",".join(map(str, scope.reseller_ids)),
            "" if scope.client_id is None else str(scope.client_id),
        ),
    ).one()
    clock.heed(database_time, asked_at)


def _narrow_to_reseller(state: ORMExecuteState) -> None:
    # The policy alone would be right but only a filter: plain equality lets the planner walk
    # the indexes that begin with reseller_id.
    if not state.is_select or state.is_column_load or state.is_relationship_load:
        return
    reseller_ids = current_scope().reseller_ids
    if len(reseller_ids) == 1:
        state.statement = state.statement.options(_only(reseller_ids[0]))


@lru_cache(maxsize=1000)
def _only(reseller_id: int) -> ExecutableOption:
    # kept: making it takes as long as the rest of a small query
    return with_loader_criteria(
        TenantOwned, lambda cls: cls.reseller_id == reseller_id, include_aliases=True
    )


for _factory in (_office, _panel):
    # sessionmaker builds its own subclass, so listeners on it stay off other sessions
    event.listen(_factory, "after_begin", _enter_scope)
    event.listen(_factory, "do_orm_execute", _narrow_to_reseller)


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """One transaction in the current scope; commits at the end, then sends the jobs it asked for.

    Raises InvariantError when no tenant scope is set.
    """
    factory = _panel if current_scope().realm == "panel" else _office
    with factory() as session:
        with session.begin():
            if clock.is_followed():
                session.connection()
            yield session
        jobs.send_all(session)
