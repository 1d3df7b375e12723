"""A migrated embedded database with one reseller, for benchmarks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import create_engine, text

from billing import invoice_templates, payment_accounts
from core import platform_uow, schema, uow
from core.config import Settings
from core.engines import dispose_engines
from core.platform_uow import platform_unit_of_work
from sandbox.embedded import Postgres, start_postgres
from tenants import resellers


@dataclass
class Stage:
    """What a benchmark stands on; `settings` can be handed to child processes."""

    postgres: Postgres
    settings: Settings
    reseller_id: int

    def make_clients(self, count: int, *, reseller_id: int | None = None) -> list[int]:
        """`count` bare clients with balances, straight by SQL: only their number matters here."""
        reseller = self.reseller_id if reseller_id is None else reseller_id
        engine = create_engine(self.postgres.url("postgres", "portal"))
        with engine.begin() as connection:
            ids = list(
                connection.scalars(
                    text(
                        "insert into clients (request_id, reseller_id, name, name_key, currency,"
                        " timezone) select gen_random_uuid(), :r, 'Client ' || i, 'client ' || i,"
                        " 'USD', 'UTC' from generate_series(1, :n) i returning id"
                    ),
                    {"r": reseller, "n": count},
                )
            )
            connection.execute(
                text(
                    "insert into client_balances (client_id, reseller_id, currency)"
                    " select id, reseller_id, currency from clients where reseller_id = :r"
                    " on conflict do nothing"
                ),
                {"r": reseller},
            )
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            # only what was filled: an empty table that was analysed is planned as empty for ever
            connection.execute(text("vacuum analyze clients, client_balances"))
        engine.dispose()
        return ids


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """PostgreSQL on `folder` with fsync on, migrated, one reseller."""
    postgres = start_postgres(
        folder / "postgres",
        settings={"shared_buffers": "512MB", "max_wal_size": "4GB", "max_connections": "100"},
    )
    settings = Settings(
        environment="development",
        database_url_office=postgres.url("portal_office", "portal"),
        database_url_panel=postgres.url("portal_panel", "portal"),
        database_url_platform=postgres.url("portal_platform", "portal"),
        database_url_owner=postgres.url("portal_owner", "portal"),
        redis_url="redis://127.0.0.1:1/0",
        secret_key=SecretStr("a-secret-for-benchmarks-0123456789"),
        credential_keys=SecretStr("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        base_url="http://127.0.0.1:8080",
        smtp_host="127.0.0.1",
        mail_from="billing@portal.example",
    )
    try:
        schema.bootstrap(postgres.url("postgres", "postgres"), "portal")
        schema.migrate(settings.database_url_owner)
        uow.configure(settings)
        platform_uow.configure(settings)
        with platform_unit_of_work() as session:
            reseller = resellers.create_reseller(
                session, name="Bench", code="bench", currency_code="USD", timezone="UTC"
            )
            payment_accounts.create_general(session, reseller.id)
            invoice_templates.create_standard(session, reseller.id)
            reseller_id = reseller.id
        yield Stage(postgres, settings, reseller_id)
    finally:
        dispose_engines()
        postgres.stop("immediate")
