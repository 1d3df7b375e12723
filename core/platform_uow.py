"""The unit of work of the role that sees every tenant.

Importable only from platform screens, sign-in, webhooks, sweeps and the command line
(an import contract holds it).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import sessionmaker

from core import jobs
from core.config import Settings
from core.db import Session
from core.engines import make_engine

_platform: sessionmaker[Session] = sessionmaker(expire_on_commit=False)


def configure(settings: Settings) -> None:
    _platform.configure(bind=make_engine(settings.database_url_platform))


@contextmanager
def platform_unit_of_work() -> Iterator[Session]:
    """One transaction over all tenants; commits at the end, then sends its jobs."""
    with _platform() as session:
        with session.begin():
            yield session
        jobs.send_all(session)
