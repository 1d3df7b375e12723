"""The start-up checks of the wall between tenants."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from core import schema
from core.errors import InvariantError

OWNER = "portal_owner"


@pytest.mark.parametrize(
    "version",
    [160016, 160017, 170012, 180006, 180007, 190001, 200000, 210003],
)
def test_a_server_without_known_holes_is_taken(version):
    schema.check_server_version(version)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (96024, "PostgreSQL 9.6024 is too old"),
        (130023, "PostgreSQL 13.23 is too old"),
        (150021, "PostgreSQL 15.21 is too old"),
        (160015, "PostgreSQL 16.15 has known row-level-security holes; install 16.16 or newer"),
        (170011, "PostgreSQL 17.11 has known row-level-security holes; install 17.12 or newer"),
        (180005, "PostgreSQL 18.5 has known row-level-security holes; install 18.6 or newer"),
        (190000, "PostgreSQL 19.0 has known row-level-security holes; install 19.1 or newer"),
    ],
)
def test_a_server_with_known_holes_is_refused_with_what_to_install(version, words):
    with pytest.raises(InvariantError) as refused:
        schema.check_server_version(version)
    assert refused.value.message == words


def test_a_sound_database_passes(settings):
    schema.check_database(settings)


def test_a_role_that_owns_tables_is_refused(settings):
    mighty = settings.model_copy(update={"database_url_panel": settings.database_url_owner})
    with pytest.raises(InvariantError, match="portal_owner is too mighty"):
        schema.check_database(mighty)


def test_a_superuser_is_refused(settings):
    url = settings.database_url_admin.replace("/postgres?", "/portal?")
    with pytest.raises(InvariantError, match="too mighty"):
        schema.check_database(settings.model_copy(update={"database_url_office": url}))


def test_production_refuses_an_old_server_and_development_does_not(settings, monkeypatch):
    monkeypatch.setattr(schema, "_FIRST_SAFE_MINOR", dict.fromkeys(range(16, 40), 9999))
    schema.check_database(settings)
    with pytest.raises(InvariantError, match="known row-level-security holes"):
        schema.check_database(settings.model_copy(update={"environment": "production"}))


@pytest.fixture
def owner(settings):
    engine = create_engine(settings.database_url_owner, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_table_without_its_wall_is_refused(settings, owner):
    owner.execute(text("alter table tags no force row level security"))
    try:
        with pytest.raises(InvariantError, match="row-level security on tags"):
            schema.check_database(settings)
    finally:
        owner.execute(text("alter table tags force row level security"))


def test_another_revision_is_refused_and_told(settings, owner):
    head = schema.head_revision()
    owner.execute(text("update alembic_version set version_num = '0001'"))
    try:
        with pytest.raises(InvariantError, match=r"at revision 0001.*portal migrate"):
            schema.check_database(settings)
    finally:
        owner.execute(text("update alembic_version set version_num = :head"), {"head": head})


def test_an_empty_database_is_refused_and_told(settings, postgres):
    schema.bootstrap(settings.database_url_admin, "nothing_yet")
    empty = settings.model_copy(
        update={
            "database_url_office": postgres.url("portal_office", "nothing_yet"),
            "database_url_panel": postgres.url("portal_panel", "nothing_yet"),
            "database_url_platform": postgres.url("portal_platform", "nothing_yet"),
        }
    )
    with pytest.raises(InvariantError, match="at revision none"):
        schema.check_database(empty)


def test_migrating_twice_changes_nothing(settings):
    schema.bootstrap(settings.database_url_admin, "portal")
    schema.migrate(settings.database_url_owner)
    assert schema.current_revision(settings.database_url_platform) == schema.head_revision()


def test_an_error_of_the_database_shows_no_values(settings):
    from core.engines import make_engine

    with make_engine(settings.database_url_office).connect() as connection:
        with pytest.raises(DBAPIError, match="hidden due to hide_parameters") as broken:
            connection.execute(
                text("select 1 / cast(:none as int), :secret"), {"none": 0, "secret": "a-password"}
            )
        assert "a-password" not in str(broken.value)


@contextmanager
def _connect(url: str, **options: Any) -> Iterator[Connection]:
    engine = create_engine(url, **options)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_an_upgrade_reaches_the_rows_that_the_wall_hides_from_the_owner(settings, postgres):
    """Revisions 0008 and 0016 give old roles new rights; old resellers get a standard template."""
    from alembic import command

    schema.bootstrap(settings.database_url_admin, "older")
    with _connect(postgres.url("portal_owner", "older")) as owner:
        command.upgrade(schema.alembic_config(owner), "0007")
        owner.commit()
    with _connect(postgres.url("postgres", "older"), isolation_level="AUTOCOMMIT") as anybody:
        anybody.execute(
            text(
                "insert into resellers (id, path, name, code, currency, timezone)"
                " overriding system value values (1, '{1}', 'Old', 'old', 'USD', 'UTC')"
            )
        )
        anybody.execute(
            text(
                "insert into roles (reseller_id, name, permissions) values"
                " (1, 'Owner', '{terms:read,terms:write}'), (1, 'Viewer', '{terms:read}'),"
                " (1, 'Clerk', '{clients:write}')"
            )
        )
        with _connect(postgres.url("portal_owner", "older")) as owner:
            command.upgrade(schema.alembic_config(owner), "0008")
            owner.commit()
        rows = anybody.execute(text("select name, permissions from roles")).all()
        roles = {row.name: row.permissions for row in rows}
        templates = anybody.execute(text("select name, is_default from invoice_templates")).all()
        with _connect(postgres.url("portal_owner", "older")) as owner:
            command.upgrade(schema.alembic_config(owner), "0016")
            owner.commit()
        rows = anybody.execute(text("select name, permissions from roles")).all()
        later = {row.name: row.permissions for row in rows}
    assert {"templates:read", "templates:write"} <= set(roles["Owner"])
    assert "templates:read" in roles["Viewer"]
    assert "templates:write" not in roles["Viewer"]
    assert {"packages:read", "packages:write"} <= set(later["Owner"])
    assert [right for right in later["Viewer"] if right.startswith("p")] == [
        "packages:read",
        "payment_accounts:read",
    ]
    assert not any(right.startswith("templates:") for right in roles["Clerk"])
    assert [tuple(row) for row in templates] == [("Standard", True)]
