"""The wall between tenants, asked of the database's own catalogue."""

import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

import billing.client_models
import billing.correction_models
import billing.currency_models
import billing.invoice_models
import billing.models
import billing.package_models
import billing.report_models
import billing.suretax_models
import billing.voucher_models  # noqa: F401 (adds its tables to the metadata)
import core.invariants
import core.schedule  # noqa: F401 (adds its tables to the metadata)
import mail.models
import mail.notice_models
import mail.template_models  # noqa: F401 (adds its tables to the metadata)
import payments.dunning_models
import payments.models
import payments.refund_models  # noqa: F401 (adds its tables to the metadata)
import tenants.brand_models
import tenants.client_record_models
import tenants.list_models
import tenants.models
import tenants.platform_models
import tenants.record_models
import tenants.sign_up_models
import tenants.signin_models
import tenants.task_models
import tenants.webhook_models  # noqa: F401 (adds its tables to the metadata)
from core.db import Base, ClientOwned, TenantOwned

# Tables that no tenant owns, each with the reason.
GLOBAL_TABLES = {
    "alembic_version": "the schema's own revision",
    "scheduled_runs": "when recurring work last ran, for all tenants at once",
    "platform_users": "staff of the operator, above all tenants",
    "sessions": "read before the tenant is known; only the platform role may touch it",
    "sign_in_throttles": "counts failures before anybody is known",
    "password_resets": "read before the tenant is known; only the platform role may touch it",
    "platform_settings": "of the installation, above all tenants",
    "platform_audit": "what the operator's staff did to the installation",
    "invariant_results": "rules that hold over all tenants at once; only the platform reads them",
    "second_factors": "asked for at sign-in; only the platform role may touch the secrets",
    "recovery_codes": "asked for at sign-in; only the platform role may touch them",
}
# Walled by another column than reseller_id, each with the reason.
OTHER_KEY = {"resellers": "id: a reseller is the tenant itself"}
TENANT_ROLES = ("portal_office", "portal_panel")
SHARED_WITH_PANEL = {
    "resellers": "the client sees the name and colours of its own reseller",
    "payment_terms": "the client's terms",
    "tax_profiles": "the client's taxes",
    "taxes": "the client's taxes",
    "gateway_accounts": "how the client can pay; credentials are encrypted",
    "panel_rules": "what the reseller lets all its clients do",
}


@pytest.fixture
def catalogue(settings):
    engine = create_engine(settings.database_url_admin.replace("/postgres?", "/portal?"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _tables(connection: Connection) -> set[str]:
    return set(
        connection.scalars(
            text(
                "select relname from pg_class where relkind in ('r', 'p')"
                " and relnamespace = 'public'::regnamespace"
            )
        )
    )


def test_every_table_is_tenant_owned_or_listed_with_a_reason(catalogue):
    owned = {
        mapper.class_.__tablename__
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, TenantOwned)
    }
    unknown = _tables(catalogue) - owned - set(GLOBAL_TABLES) - set(OTHER_KEY)
    assert not unknown, f"make them TenantOwned or list them with a reason: {unknown}"
    assert not (set(GLOBAL_TABLES) | set(OTHER_KEY)) - _tables(catalogue), "stale list"


def test_row_level_security_is_forced_on_every_tenant_table(catalogue):
    walled = set(
        catalogue.scalars(
            text("select relname from pg_class where relrowsecurity and relforcerowsecurity")
        )
    )
    assert _tables(catalogue) - walled == set(GLOBAL_TABLES)


def test_every_tenant_policy_is_restrictive_and_names_its_column(catalogue):
    policies = {
        row.tablename: row
        for row in catalogue.execute(
            text("select * from pg_policies where policyname = 'tenant_wall'")
        )
    }
    for table in _tables(catalogue) - set(GLOBAL_TABLES):
        column = "id" if table in OTHER_KEY else "reseller_id"
        policy = policies[table]
        assert policy.permissive == "RESTRICTIVE", table
        for role in TENANT_ROLES:
            assert role in policy.roles, (table, role)
        for expression in (policy.qual, policy.with_check):
            assert re.search(rf"\(?{column} = ANY", expression), (table, expression)


def test_the_panel_is_confined_to_one_client_wherever_it_may_read(catalogue):
    confined = set(
        catalogue.scalars(
            text(
                "select tablename from pg_policies where policyname = 'client_wall'"
                " and permissive = 'RESTRICTIVE' and roles = '{portal_panel}'"
            )
        )
    )
    readable = {
        table
        for table in _tables(catalogue)
        if catalogue.scalar(
            text("select has_any_column_privilege('portal_panel', :t, 'select')"), {"t": table}
        )
    }
    assert readable - confined == set(SHARED_WITH_PANEL)
    client_tables = {
        mapper.class_.__tablename__
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, ClientOwned)
    }
    assert client_tables <= confined, client_tables - confined


def test_application_roles_own_nothing_and_have_no_special_rights(catalogue):
    rows = catalogue.execute(
        text(
            "select rolname from pg_roles where rolname like 'portal\\_%' and (rolsuper or"
            " rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)"
        )
    ).all()
    assert not rows
    owners = set(
        catalogue.scalars(
            text(
                "select distinct pg_get_userbyid(relowner) from pg_class"
                " where relnamespace = 'public'::regnamespace"
            )
        )
    )
    assert owners == {"portal_owner"}


@pytest.mark.parametrize("right", ["TRUNCATE", "REFERENCES", "TRIGGER"])
def test_application_roles_have_no_structural_rights(catalogue, right):
    for role in (*TENANT_ROLES, "portal_platform", "portal_ledger"):
        for table in _tables(catalogue):
            granted = catalogue.scalar(
                text("select has_table_privilege(:r, :t, :p)"), {"r": role, "t": table, "p": right}
            )
            assert not granted, (role, table, right)


def test_foreign_keys_between_tenant_tables_carry_the_reseller():
    loose = [
        f"{table.name}.{constraint.name}"
        for table in Base.metadata.tables.values()
        for constraint in table.foreign_key_constraints
        if "reseller_id" in constraint.referred_table.c
        # tables of sign-in name a reseller and belong to none: no tenant's role touches them
        and not {table.name, constraint.referred_table.name} <= set(GLOBAL_TABLES)
        and "reseller_id" not in constraint.column_keys
    ]
    assert not loose, f"a row could point into another tenant: {loose}"


def test_unique_rules_of_tenant_tables_begin_with_the_reseller(catalogue):
    """A rule over all tenants would tell one tenant what another has."""
    allowed = {
        "uq_gateway_accounts_webhook_token",  # unguessable
        "uq_gateway_events_gateway_account_id_event_id",  # keyed by a row of the tenant
    }
    rows = catalogue.execute(
        text(
            "select i.relname as index, t.relname as table, a.attname as first, x.indisprimary"
            " from pg_index x join pg_class i on i.oid = x.indexrelid"
            " join pg_class t on t.oid = x.indrelid"
            " left join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]"
            " where x.indisunique and t.relnamespace = 'public'::regnamespace"
        )
    )
    wrong = [
        (row.table, row.index)
        for row in rows
        if row.table not in GLOBAL_TABLES
        and row.table not in OTHER_KEY
        and not row.indisprimary
        and row.first != "reseller_id"
        and row.index not in allowed
    ]
    assert not wrong


def test_models_and_migrations_agree(settings):
    engine = create_engine(settings.database_url_owner)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


@pytest.mark.parametrize("role", ["office", "panel"])
def test_a_raw_connection_without_scope_sees_no_row(settings, role, catalogue):
    catalogue.execute(
        text(
            "insert into resellers (path, name, code, currency, timezone)"
            " select '{}', 'Raw', 'raw-' || floor(random() * 1e9)::text, 'USD', 'UTC'"
        )
    )
    catalogue.commit()
    engine = create_engine(getattr(settings, f"database_url_{role}"))
    with engine.connect() as connection:
        readable = [
            table
            for table in _tables(connection)
            if connection.scalar(text("select has_table_privilege(:t, 'select')"), {"t": table})
        ]
        assert "resellers" in readable
        for table in readable:
            assert connection.scalar(text(f'select count(*) from "{table}"')) == 0, table
    engine.dispose()


def test_there_is_no_view_or_function_that_bypasses_the_wall(catalogue):
    views = set(
        catalogue.scalars(
            text(
                "select relname from pg_class where relkind in ('v', 'm')"
                " and relnamespace = 'public'::regnamespace"
            )
        )
    )
    assert not views
    definers = {
        (row.proname, row.owner)
        for row in catalogue.execute(
            text(
                "select proname, pg_get_userbyid(proowner) as owner from pg_proc"
                " where prosecdef and pronamespace = 'public'::regnamespace"
            )
        )
    }
    # owned by a role without rights beyond the ledger, and inside the caller's scope
    assert definers == {("ledger_post", "portal_ledger")}


def test_the_ledger_takes_no_insert_from_the_application(settings):
    engine = create_engine(settings.database_url_office)
    with engine.connect() as connection, pytest.raises(DBAPIError, match="permission denied"):
        connection.execute(text("insert into ledger_lines (entry_id) values (1)"))
    engine.dispose()
