"""The ground every test stands on: real PostgreSQL and Redis, two tenants, a fixed cast."""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from argon2 import PasswordHasher
from flask import Flask
from jinja2 import FileSystemBytecodeCache

from sandbox.embedded import Postgres, Redis, start_postgres, start_redis
from tests.browsers import chromium  # noqa: F401 (a fixture of all tests)
from tests.rooms import ByRoom, place

_SETTINGS = {
    "ENVIRONMENT": "development",
    "SECRET_KEY": "a-secret-for-tests-only-0123456789",
    "CREDENTIAL_KEYS": "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "BASE_URL": "http://127.0.0.1:8080",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_PORT": "2525",
    "SMTP_STARTTLS": "false",
    "MAIL_FROM": "billing@portal.example",
}


# where the test processes of one run keep compiled templates for each other
_TEMPLATES = "TEST_TEMPLATES_COMPILED"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[_TEMPLATES] = tempfile.mkdtemp(prefix="portal-test-templates-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(_TEMPLATES), ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # sorting is stable: the tests of a file stay in its order
    items.sort(key=lambda item: place(item.nodeid))


def pytest_collection_finish() -> None:
    # what is imported stays: without this each look for garbage walks through all of it
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByRoom:
    return ByRoom(config, log)


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Tracebacks as Python prints them: the coloured ones take half a minute each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hashes that are weak and quick: the product's own would take a third of all testing time."""
    from tenants import passwords

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", weak)
        patch.setattr(passwords, "_NOBODY", weak.hash("nobody has this password"))
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_templates() -> Iterator[None]:
    """Each template is compiled once in a run: every app and every process would do it anew."""
    cache = FileSystemBytecodeCache(os.environ[_TEMPLATES])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {**Flask.jinja_options, "bytecode_cache": cache})
        yield


@pytest.fixture(scope="session")
def services_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="portal-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(services_dir: Path) -> Iterator[Postgres]:
    """One cluster per test process. `fsync` off: tests that crash it start their own."""
    server = start_postgres(
        services_dir / "postgres",
        settings={"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
    )
    yield server
    server.stop("immediate")


@pytest.fixture(scope="session")
def redis_server(services_dir: Path) -> Iterator[Redis]:
    server = start_redis(services_dir / "redis")
    yield server
    server.stop()


def settings_environment(postgres: Postgres, redis_url: str, **more: str) -> dict[str, str]:
    """The environment of a program that runs on these services (also for child processes)."""
    return {
        **_SETTINGS,
        "DATABASE_URL_ADMIN": postgres.url("postgres", "postgres"),
        "DATABASE_URL_OWNER": postgres.url("portal_owner", "portal"),
        "DATABASE_URL_OFFICE": postgres.url("portal_office", "portal"),
        "DATABASE_URL_PANEL": postgres.url("portal_panel", "portal"),
        "DATABASE_URL_PLATFORM": postgres.url("portal_platform", "portal"),
        "REDIS_URL": redis_url,
        **more,
    }


@pytest.fixture(scope="session")
def settings(postgres: Postgres, services_dir: Path):
    """Settings over a migrated database."""
    from billing import voucher_pins
    from core import platform_uow, schema, uow
    from core.config import Settings
    from core.engines import dispose_engines
    from mail import queue

    environment = settings_environment(
        postgres, "redis://127.0.0.1:1/0", VAR_DIR=str(services_dir / "var")
    )
    (services_dir / "var").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.lower() in Settings.model_fields]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        made = Settings()
        schema.bootstrap(made.database_url_admin, "portal")
        schema.migrate(made.database_url_owner)
        uow.configure(made)
        platform_uow.configure(made)
        queue.configure(made)
        voucher_pins.configure(made)
        yield made
        dispose_engines()


@pytest.fixture(scope="session")
def _empty_tables(settings, postgres: Postgres) -> Iterator[Callable[[], None]]:
    # the superuser passes the walls; as a replica it passes foreign keys and append-only triggers
    with psycopg.connect(
        host=str(postgres.socket_dir), user="postgres", dbname="portal", autocommit=True
    ) as connection:
        connection.execute("set session_replication_role = replica")
        tables = connection.execute(
            "select format('%I', relname) from pg_class where relkind in ('r', 'p')"
            " and relnamespace = 'public'::regnamespace and relname <> 'alembic_version'"
        ).fetchall()
        # a row is quicker deleted than a table truncated, and there are few rows
        statement = ";".join(f"delete from {table}" for (table,) in tables).encode()

        def empty() -> None:
            connection.execute(statement)

        yield empty


@pytest.fixture
def clean_database(_empty_tables: Callable[[], None]) -> None:
    """An empty database for one test; tests of one process share it otherwise."""
    _empty_tables()
