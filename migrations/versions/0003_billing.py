"""Balances, ledger, transactions, terms, taxes and invoices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.walls import append_only, wall_table

revision = "0003"
down_revision = "0002"

# An entry's lines are inserted by one statement, so the sum is checked once per statement.
_BALANCED = """
create function refuse_unbalanced() returns trigger language plpgsql as $$
declare
    unbalanced bigint;
begin
    select entry_id into unbalanced
      from new_lines group by entry_id having sum(amount) <> 0 limit 1;
    if found then
        raise exception 'the lines of ledger entry % do not sum to zero', unbalanced
            using errcode = 'check_violation';
    end if;
    return null;
end $$;
create trigger ledger_lines_balanced after insert on ledger_lines
    referencing new table as new_lines
    for each statement execute function refuse_unbalanced();
"""

_CURRENCY_FIXED = """
create function refuse_currency_change() returns trigger language plpgsql as $$
begin
    if new.currency is distinct from old.currency and exists (
        select from ledger_entries
         where reseller_id = old.reseller_id and client_id = old.client_id
    ) then
        raise exception 'the currency of a client with postings is fixed'
            using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger client_balances_currency before update of currency on client_balances
    for each row execute function refuse_currency_change();
"""

_LEDGER_POST_SIGNATURE = (
    "ledger_post(bigint, bigint, text, uuid, text, timestamptz, text, bigint,"
    " text[], bigint[], numeric[])"
)

# The only way into the ledger. Runs with the rights of portal_ledger inside the caller's tenant
# scope: entry, balances and lines in one call, and nothing at all when the source was posted.
_LEDGER_POST = """
create function ledger_post(
    p_reseller_id bigint, p_client_id bigint, p_kind text, p_source_id uuid, p_currency text,
    p_effective_at timestamptz, p_description text, p_reverses_id bigint,
    p_accounts text[], p_payment_account_ids bigint[], p_amounts numeric[],
    out posted_id bigint, out live_after numeric, out fixed_after numeric
) language plpgsql security definer set search_path = public, pg_temp as $$
begin
    -- the lock comes before the entry takes its id: a client's ids are in the order of its postings
    perform from client_balances b
      where b.reseller_id = p_reseller_id and b.client_id = p_client_id for update;
    insert into ledger_entries
        (reseller_id, client_id, kind, source_id, currency, effective_at, description, reverses_id)
    values (p_reseller_id, p_client_id, p_kind, p_source_id, p_currency, p_effective_at,
            p_description, p_reverses_id)
    on conflict (reseller_id, kind, source_id) do nothing
    returning id into posted_id;
    if posted_id is null then
        return;
    end if;
    update client_balances b
       set live = b.live + d.live, fixed = b.fixed + d.fixed
      from (select coalesce(sum(amount) filter (where account = 'client_live'), 0) as live,
                   coalesce(sum(amount) filter (where account = 'client_fixed'), 0) as fixed
              from unnest(p_accounts, p_amounts) as line (account, amount)) d
     where b.reseller_id = p_reseller_id and b.client_id = p_client_id and b.currency = p_currency
    returning b.live, b.fixed into live_after, fixed_after;
    if not found then
        raise exception 'client % keeps no balance in %', p_client_id, p_currency
            using errcode = 'foreign_key_violation';
    end if;
    insert into ledger_lines
        (entry_id, line_no, reseller_id, client_id, account, payment_account_id, currency,
         amount, balance_after)
    select posted_id, line_no, p_reseller_id, p_client_id, account, payment_account_id,
           p_currency, amount,
           case account when 'client_live' then live_after when 'client_fixed' then fixed_after end
      from unnest(p_accounts, p_payment_account_ids, p_amounts) with ordinality
           as line (account, payment_account_id, amount, line_no);
end $$;
"""


def upgrade() -> None:
    _create_tables()
    wall_table(
        "client_balances",
        # live and fixed are left out: only ledger_post writes them
        office=(
            "select, delete, insert (client_id, reseller_id, currency, postpaid, credit),"
            " update (currency, postpaid, credit)"
        ),
        platform="select",
        panel="select",
        ledger="select, update (live, fixed)",
    )
    for table in ("ledger_entries", "ledger_lines"):
        wall_table(
            table, office="select", platform="select", panel="select", ledger="select, insert"
        )
        append_only(table)
    for table in ("payment_terms", "tax_profiles", "taxes"):
        wall_table(table, panel="select", panel_client=None)
    for table in ("payment_accounts", "number_series", "ledger_checks"):
        wall_table(table, panel_client=None)
    for table in (
        "client_billing",
        "transactions",
        "invoices",
        "invoice_lines",
        "invoice_taxes",
        "payment_allocations",
    ):
        wall_table(table, panel="select")
    op.execute(_BALANCED)
    op.execute(_CURRENCY_FIXED)
    op.execute(_LEDGER_POST)
    op.execute(f"revoke all on function {_LEDGER_POST_SIGNATURE} from public")
    op.execute(f"grant execute on function {_LEDGER_POST_SIGNATURE} to portal_office")
    # last: once the function is another's, this role may revoke nothing, and only a warning says so
    op.execute(f"alter function {_LEDGER_POST_SIGNATURE} owner to portal_ledger")


def _create_tables() -> None:
    op.create_table(
        "ledger_checks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column(
            "findings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_ledger_checks_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_checks")),
    )
    op.create_index(
        "ix_ledger_checks_recent",
        "ledger_checks",
        ["reseller_id", sa.literal_column("id desc")],
        unique=False,
    )
    op.create_table(
        "number_series",
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("next_number", sa.BigInteger(), server_default="1", nullable=False),
        sa.CheckConstraint("next_number > 0", name=op.f("ck_number_series_next_number")),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_number_series_reseller_id")
        ),
        sa.PrimaryKeyConstraint("reseller_id", "direction", name=op.f("pk_number_series")),
    )
    op.create_table(
        "payment_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_general", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_payment_accounts_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_accounts")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_payment_accounts_reseller_id_id")),
        sa.UniqueConstraint(
            "reseller_id", "name", name=op.f("uq_payment_accounts_reseller_id_name")
        ),
    )
    op.create_index(
        "uq_payment_accounts_general",
        "payment_accounts",
        ["reseller_id"],
        unique=True,
        postgresql_where=sa.text("is_general"),
    )
    op.create_table(
        "payment_terms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("day_of_month", sa.Integer(), nullable=True),
        sa.Column("every_days", sa.Integer(), nullable=True),
        sa.Column("grace_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("remind_before", sa.ARRAY(sa.Integer()), server_default="{}", nullable=False),
        sa.Column("remind_after", sa.ARRAY(sa.Integer()), server_default="{}", nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(day_of_month is null) <> (every_days is null)", name=op.f("ck_payment_terms_one_rule")
        ),
        sa.CheckConstraint(
            "day_of_month between 1 and 28", name=op.f("ck_payment_terms_day_of_month")
        ),
        sa.CheckConstraint(
            "every_days between 1 and 366", name=op.f("ck_payment_terms_every_days")
        ),
        sa.CheckConstraint(
            "grace_days between 0 and 366", name=op.f("ck_payment_terms_grace_days")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_payment_terms_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_terms")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_payment_terms_reseller_id_id")),
        sa.UniqueConstraint("reseller_id", "name", name=op.f("uq_payment_terms_reseller_id_name")),
    )
    op.create_table(
        "tax_profiles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_tax_profiles_reseller_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_profiles")),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_tax_profiles_reseller_id_id")),
        sa.UniqueConstraint("reseller_id", "name", name=op.f("uq_tax_profiles_reseller_id_name")),
    )
    op.create_index(
        "uq_tax_profiles_default",
        "tax_profiles",
        ["reseller_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "client_balances",
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("postpaid", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("credit", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False),
        sa.Column("live", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False),
        sa.Column("fixed", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False),
        sa.Column(
            "available_micros",
            sa.BigInteger(),
            sa.Computed("((live + credit) * 1000000)::bigint", persisted=True),
            nullable=False,
        ),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "credit = round(credit, 6) and abs(credit) < 1000000000",
            name=op.f("ck_client_balances_credit"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_balances_reseller_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_balances")),
        sa.UniqueConstraint(
            "reseller_id", "client_id", name=op.f("uq_client_balances_reseller_id_client_id")
        ),
    )
    op.create_index(
        "ix_client_balances_available",
        "client_balances",
        ["reseller_id", "postpaid", "available_micros", "client_id"],
        unique=False,
    )
    op.create_table(
        "client_billing",
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_terms_id", sa.BigInteger(), nullable=True),
        sa.Column("tax_profile_id", sa.BigInteger(), nullable=True),
        sa.Column("autoinvoicing", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("last_invoiced_on", sa.Date(), nullable=True),
        sa.Column("billed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_invoice_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "not autoinvoicing or last_invoiced_on is not null",
            name=op.f("ck_client_billing_last_invoiced_given"),
        ),
        sa.CheckConstraint(
            "not autoinvoicing or payment_terms_id is not null",
            name=op.f("ck_client_billing_terms_given"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_client_billing_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "payment_terms_id"],
            ["payment_terms.reseller_id", "payment_terms.id"],
            name=op.f("fk_client_billing_reseller_id_payment_terms_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "tax_profile_id"],
            ["tax_profiles.reseller_id", "tax_profiles.id"],
            name=op.f("fk_client_billing_reseller_id_tax_profile_id"),
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_billing")),
    )
    op.create_index(
        "ix_client_billing_due",
        "client_billing",
        ["next_invoice_at"],
        unique=False,
        postgresql_where=sa.text("autoinvoicing"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "posted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_ledger_entries_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "reverses_id", "currency"],
            ["ledger_entries.reseller_id", "ledger_entries.id", "ledger_entries.currency"],
            name=op.f("fk_ledger_entries_reseller_id_reverses_id_currency"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint(
            "reseller_id", "id", "currency", name=op.f("uq_ledger_entries_reseller_id_id_currency")
        ),
        sa.UniqueConstraint(
            "reseller_id",
            "kind",
            "source_id",
            name=op.f("uq_ledger_entries_reseller_id_kind_source_id"),
        ),
    )
    op.create_index(
        "ix_ledger_entries_client",
        "ledger_entries",
        ["reseller_id", "client_id", sa.literal_column("id desc")],
        unique=False,
    )
    op.create_table(
        "taxes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tax_profile_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="1", nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("percent >= 0 and percent <= 100", name=op.f("ck_taxes_percent")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "tax_profile_id"],
            ["tax_profiles.reseller_id", "tax_profiles.id"],
            name=op.f("fk_taxes_reseller_id_tax_profile_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taxes")),
        sa.UniqueConstraint(
            "reseller_id",
            "tax_profile_id",
            "name",
            name=op.f("uq_taxes_reseller_id_tax_profile_id_name"),
        ),
    )
    op.create_table(
        "invoices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("running_number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("invoiced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("net", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("tax", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("rounding", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("total", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("paid", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False),
        sa.Column("balance_before", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("balance_after", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("parties", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(state = 'to_verify') = (issued_at is null)", name=op.f("ck_invoices_issued")
        ),
        sa.CheckConstraint(
            "direction in ('outgoing', 'incoming')", name=op.f("ck_invoices_direction")
        ),
        sa.CheckConstraint(
            "state in ('to_verify', 'to_send', 'normal')", name=op.f("ck_invoices_state")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_invoices_period")),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(client_id, client_id, '[]')"), "&&"),
            (sa.text("tstzrange(starts_at, ends_at)"), "&&"),
            where=sa.text("direction = 'outgoing'"),
            using="gist",
            name="ex_invoices_period",
        ),
        sa.CheckConstraint(
            "paid >= 0 and paid <= greatest(total, 0)", name=op.f("ck_invoices_paid")
        ),
        sa.CheckConstraint("total = net + tax + rounding", name=op.f("ck_invoices_total")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_invoices_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "file_id"],
            ["files.reseller_id", "files.id"],
            name=op.f("fk_invoices_reseller_id_file_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint(
            "reseller_id",
            "client_id",
            "direction",
            "ends_at",
            name=op.f("uq_invoices_reseller_id_client_id_direction_ends_at"),
        ),
        sa.UniqueConstraint(
            "reseller_id",
            "client_id",
            "direction",
            "starts_at",
            name=op.f("uq_invoices_reseller_id_client_id_direction_starts_at"),
        ),
        sa.UniqueConstraint(
            "reseller_id", "client_id", "id", name=op.f("uq_invoices_reseller_id_client_id_id")
        ),
        sa.UniqueConstraint(
            "reseller_id",
            "direction",
            "number",
            name=op.f("uq_invoices_reseller_id_direction_number"),
        ),
        sa.UniqueConstraint(
            "reseller_id",
            "direction",
            "running_number",
            name=op.f("uq_invoices_reseller_id_direction_running_number"),
        ),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_invoices_reseller_id_id")),
    )
    op.create_index(
        "ix_invoices_client",
        "invoices",
        [
            "reseller_id",
            "client_id",
            sa.literal_column("invoiced_at desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
    )
    op.create_index(
        "ix_invoices_open",
        "invoices",
        ["reseller_id", "client_id", "due_on"],
        unique=False,
        postgresql_where="paid < total",
    )
    op.create_index(
        "ix_invoices_recent",
        "invoices",
        ["reseller_id", sa.literal_column("invoiced_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "ix_invoices_waiting",
        "invoices",
        ["issued_at"],
        unique=False,
        postgresql_where=sa.text("state = 'to_send'"),
    )
    op.create_table(
        "ledger_lines",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("payment_account_id", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("balance_after", sa.Numeric(precision=20, scale=6), nullable=True),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(account in ('cash', 'clearing')) = (payment_account_id is not null)",
            name=op.f("ck_ledger_lines_payment_account"),
        ),
        sa.CheckConstraint(
            "account in ('client_live', 'client_fixed', 'cash', 'clearing', 'revenue', 'tax', 'invoiced', 'received')",
            name=op.f("ck_ledger_lines_account"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_lines_amount")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "entry_id", "currency"],
            ["ledger_entries.reseller_id", "ledger_entries.id", "ledger_entries.currency"],
            name=op.f("fk_ledger_lines_reseller_id_entry_id_currency"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "payment_account_id"],
            ["payment_accounts.reseller_id", "payment_accounts.id"],
            name=op.f("fk_ledger_lines_reseller_id_payment_account_id"),
        ),
        sa.PrimaryKeyConstraint("entry_id", "line_no", name=op.f("pk_ledger_lines")),
    )
    op.create_index(
        "ix_ledger_lines_client",
        "ledger_lines",
        ["reseller_id", "client_id", "account", sa.literal_column("entry_id desc")],
        unique=False,
    )
    op.create_table(
        "invoice_lines",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("unit", sa.String(), server_default="", nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=20, scale=10), nullable=False),
        sa.Column("net", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("tax", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
            name=op.f("fk_invoice_lines_reseller_id_client_id_invoice_id"),
        ),
        sa.PrimaryKeyConstraint("invoice_id", "line_no", name=op.f("pk_invoice_lines")),
    )
    op.create_table(
        "invoice_taxes",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=9, scale=6), nullable=False),
        sa.Column("base", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
            name=op.f("fk_invoice_taxes_reseller_id_client_id_invoice_id"),
        ),
        sa.PrimaryKeyConstraint("invoice_id", "line_no", name=op.f("pk_invoice_taxes")),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("payment_account_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=20, scale=6), nullable=True),
        sa.Column("tax_mode", sa.String(), server_default="none", nullable=False),
        sa.Column("net", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("tax", sa.Numeric(precision=20, scale=6), server_default="0", nullable=False),
        sa.Column("total", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column(
            "tax_details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("original_amount", sa.Numeric(precision=20, scale=6), nullable=True),
        sa.Column("original_currency", sa.String(), nullable=True),
        sa.Column("exchange_rate", sa.Numeric(precision=20, scale=10), nullable=True),
        sa.Column("dated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("description", sa.String(), server_default="", nullable=False),
        sa.Column("author", sa.String(), server_default="", nullable=False),
        sa.Column("ledger_entry_id", sa.BigInteger(), nullable=True),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(type = 'payment') = (kind = 'payment')", name=op.f("ck_transactions_kind_of_type")
        ),
        sa.CheckConstraint(
            "kind in ('payment', 'extra_charge', 'services_charge', 'package_fee')",
            name=op.f("ck_transactions_kind"),
        ),
        sa.CheckConstraint(
            "status in ('pending', 'approved')", name=op.f("ck_transactions_status")
        ),
        sa.CheckConstraint(
            "tax_mode in ('none', 'excluding', 'including')", name=op.f("ck_transactions_tax_mode")
        ),
        sa.CheckConstraint("type in ('payment', 'charge')", name=op.f("ck_transactions_type")),
        sa.CheckConstraint("total = net + tax", name=op.f("ck_transactions_total")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
            name=op.f("fk_transactions_reseller_id_client_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "reverses_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
            name=op.f("fk_transactions_reseller_id_client_id_reverses_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id"],
            ["clients.reseller_id", "clients.id"],
            name=op.f("fk_transactions_reseller_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "payment_account_id"],
            ["payment_accounts.reseller_id", "payment_accounts.id"],
            name=op.f("fk_transactions_reseller_id_payment_account_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
        sa.UniqueConstraint(
            "reseller_id", "client_id", "id", name=op.f("uq_transactions_reseller_id_client_id_id")
        ),
        sa.UniqueConstraint("reseller_id", "id", name=op.f("uq_transactions_reseller_id_id")),
        sa.UniqueConstraint(
            "reseller_id", "reverses_id", name=op.f("uq_transactions_reseller_id_reverses_id")
        ),
    )
    op.create_index(
        "ix_transactions_client",
        "transactions",
        [
            "reseller_id",
            "client_id",
            sa.literal_column("dated_at desc"),
            sa.literal_column("id desc"),
        ],
        unique=False,
    )
    op.create_index(
        "ix_transactions_invoice",
        "transactions",
        ["reseller_id", "invoice_id"],
        unique=False,
        postgresql_where=sa.text("invoice_id is not null"),
    )
    op.create_index(
        "ix_transactions_recent",
        "transactions",
        ["reseller_id", sa.literal_column("dated_at desc"), sa.literal_column("id desc")],
        unique=False,
    )
    op.create_index(
        "ix_transactions_unbilled",
        "transactions",
        ["reseller_id", "client_id", "dated_at"],
        unique=False,
        postgresql_where=sa.text("type = 'charge' and status = 'approved' and invoice_id is null"),
    )
    op.create_table(
        "payment_allocations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=6), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("client_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_payment_allocations_amount")),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "invoice_id"],
            ["invoices.reseller_id", "invoices.client_id", "invoices.id"],
            name=op.f("fk_payment_allocations_reseller_id_client_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id", "client_id", "transaction_id"],
            ["transactions.reseller_id", "transactions.client_id", "transactions.id"],
            name=op.f("fk_payment_allocations_reseller_id_client_id_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_allocations")),
    )
    op.create_index(
        "ix_payment_allocations_invoice",
        "payment_allocations",
        ["reseller_id", "invoice_id"],
        unique=False,
    )
    op.create_index(
        "ix_payment_allocations_transaction",
        "payment_allocations",
        ["reseller_id", "transaction_id"],
        unique=False,
    )
