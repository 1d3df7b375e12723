"""Database roles, migrations, and the start-up checks of the wall between tenants."""

import sys
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from core.config import Settings
from core.engines import make_engine
from core.errors import InvariantError

ROLES = ("portal_owner", "portal_office", "portal_panel", "portal_platform", "portal_ledger")
LOGIN_ROLES = ROLES[:-1]
_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"

# The oldest major that can grant a role without its rights being inherited (`create_roles`), and
# the first minor release of each with the row-level-security fixes of 2026-11-12
# (CVE-2026-120154, CVE-2026-116311, CVE-2026-16237 and those before them).
_FIRST_SAFE_MINOR = {16: 16, 17: 12, 18: 6, 19: 1}


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@cache
def head_revision() -> str:
    """The newest revision that this program knows."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise InvariantError("there is no migration")
    return head


def create_roles(connection: Connection) -> None:
    """Make the roles that are missing. `connection` belongs to a superuser; repeatable."""
    for role in ROLES:
        exists = connection.scalar(text("select 1 from pg_roles where rolname = :r"), {"r": role})
        login = "login" if role in LOGIN_ROLES else "nologin"
        if not exists:
            connection.execute(
                text(f"create role {role} {login} nosuperuser nocreatedb nocreaterole nobypassrls")
            )
    # the owner hands the posting function over to the ledger role
    connection.execute(text("grant portal_ledger to portal_owner with inherit false, set true"))


def create_database(connection: Connection, name: str) -> None:
    """Make the database, owned by portal_owner. `connection` is in autocommit; repeatable."""
    if not connection.scalar(text("select 1 from pg_database where datname = :n"), {"n": name}):
        connection.execute(text(f'create database "{name}" owner portal_owner'))


def bootstrap(admin_url: str, database: str) -> None:
    """Roles, database and schema rights, with a superuser's connection; repeatable."""
    engine = make_engine(admin_url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        create_roles(connection)
        create_database(connection, database)
    inside = make_engine(
        make_url(admin_url).set(database=database).render_as_string(hide_password=False)
    )
    with inside.begin() as connection:
        connection.execute(text("alter schema public owner to portal_owner"))
        connection.execute(text("revoke all on schema public from public"))
        for role in ROLES[1:]:
            connection.execute(text(f"grant usage on schema public to {role}"))
        # PostgreSQL asks a function's new owner for this right
        connection.execute(text("grant create on schema public to portal_ledger"))


def migrate(owner_url: str) -> None:
    """Bring the database to the newest revision; only one process does it at a time."""
    with make_engine(owner_url).connect() as connection:
        connection.execute(text("select pg_advisory_lock(7061)"))
        connection.commit()
        try:
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
        finally:
            connection.execute(text("select pg_advisory_unlock(7061)"))
            connection.commit()


def check_server_version(server_version_num: int) -> None:
    """Refuse a PostgreSQL with known row-level-security holes; raises InvariantError."""
    major, minor = divmod(server_version_num, 10_000)
    wanted = _FIRST_SAFE_MINOR.get(major)
    if major < min(_FIRST_SAFE_MINOR):
        raise InvariantError(f"PostgreSQL {major}.{minor} is too old")
    if wanted is not None and minor < wanted:
        raise InvariantError(
            f"PostgreSQL {major}.{minor} has known row-level-security holes;"
            f" install {major}.{wanted} or newer"
        )


def current_revision(platform_url: str) -> str | None:
    """The revision that the database is at, asked with the platform role; None for an empty one."""
    with make_engine(platform_url).connect() as connection:
        if connection.scalar(text("select to_regclass('public.alembic_version')")) is None:
            return None
        found: str | None = connection.scalar(text("select version_num from alembic_version"))
        return found


def check_database(settings: Settings) -> None:
    """At start: roles confined, tables walled, version safe, schema current.

    Raises InvariantError that says what is wrong.
    """
    for url in (
        settings.database_url_office,
        settings.database_url_panel,
        settings.database_url_platform,
    ):
        with make_engine(url).connect() as connection:
            _check_role(connection)
            _check_walls(connection)
            if settings.is_production:
                check_server_version(int(str(connection.scalar(text("show server_version_num")))))
    check_revision(settings)


def refuse_unsafe_database(settings: Settings) -> None:
    """At the start of a process: end it, saying why, when `check_database` finds something."""
    try:
        check_database(settings)
    except InvariantError as error:
        sys.exit(f"This program does not start: {error.message}")
    except OperationalError as error:
        sys.exit(f"The database does not answer: {error.orig}")


def check_revision(settings: Settings) -> None:
    """Raises InvariantError when the database and this program are of different revisions."""
    found, wanted = current_revision(settings.database_url_platform), head_revision()
    if found != wanted:
        raise InvariantError(
            f"the database is at revision {found or 'none'}, this program needs {wanted}:"
            " run `portal migrate`"
        )


def _check_walls(connection: Connection) -> None:
    # a table of a tenant is one with reseller_id; the sign-in tables are closed to tenant roles
    open_tables = connection.scalars(
        text(
            "select c.relname from pg_class c where c.relkind in ('r', 'p')"
            " and c.relnamespace = 'public'::regnamespace"
            " and exists (select from pg_attribute a where a.attrelid = c.oid"
            "   and a.attname = 'reseller_id' and not a.attisdropped)"
            " and not (c.relrowsecurity and c.relforcerowsecurity)"
            " and (has_table_privilege('portal_office', c.oid, 'select')"
            "   or has_table_privilege('portal_panel', c.oid, 'select')) order by 1"
        )
    ).all()
    if open_tables:
        raise InvariantError(
            f"no forced row-level security on {', '.join(open_tables)}: tenants are not separated"
        )


def _check_role(connection: Connection) -> None:
    row = connection.execute(
        text(
            "select rolname, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as mighty,"
            " exists (select from pg_class c where c.relowner = r.oid"
            "   and c.relnamespace = 'public'::regnamespace) as owns"
            " from pg_roles r where rolname = current_user"
        )
    ).one()
    if row.mighty or row.owns:
        raise InvariantError(
            f"the database role {row.rolname} is too mighty: it must own no table and have no"
            " superuser, createrole, createdb or bypassrls right"
        )
