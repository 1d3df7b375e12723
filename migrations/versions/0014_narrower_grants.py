"""What the database itself refuses, and each role may do less.

The currency of a client is held by its transactions and refills; an entry of the ledger has two
lines at least and balances in each of its two books; the panel writes only the columns it has to.
"""

from alembic import op

revision = "0014"
down_revision = "0013"

# Signed sums of the two books: what a client has by its charges, and by its issued invoices.
_BALANCED = """
create or replace function refuse_unbalanced() returns trigger language plpgsql as $$
declare
    unbalanced bigint;
begin
    select entry_id into unbalanced
      from new_lines
     group by entry_id, account in ('client_fixed', 'invoiced', 'received')
    having sum(amount) <> 0 limit 1;
    if found then
        raise exception 'the lines of ledger entry % do not sum to zero', unbalanced
            using errcode = 'check_violation';
    end if;
    return null;
end $$;
"""

_LEDGER_POST = """
create or replace function ledger_post(
    p_reseller_id bigint, p_client_id bigint, p_kind text, p_source_id uuid, p_currency text,
    p_effective_at timestamptz, p_description text, p_reverses_id bigint,
    p_accounts text[], p_payment_account_ids bigint[], p_amounts numeric[],
    out posted_id bigint, out live_after numeric, out fixed_after numeric
) language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if coalesce(cardinality(p_amounts), 0) < 2 then
        raise exception 'a ledger entry has two lines at least' using errcode = 'check_violation';
    end if;
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

# What the panel's own steps change: it begins hosted pages. What was charged, and what
# came of it, only workers write.
_PANEL_UPDATES = {
    "refills": "state, reason, next_look_at, finished_at",
    "charge_attempts": "last_sent_at, lease_until",
    "gateway_customers": "customer_ref",
}


def upgrade() -> None:
    for table, columns in _PANEL_UPDATES.items():
        op.execute(f"revoke update on {table} from portal_panel")
        op.execute(f"grant update ({columns}) on {table} to portal_panel")
    op.execute(_BALANCED)
    # only its owner may replace it
    op.execute("set local role portal_ledger")
    op.execute(_LEDGER_POST)
    op.execute("reset role")
    op.create_unique_constraint(
        op.f("uq_client_balances_reseller_id_client_id_currency"),
        "client_balances",
        ["reseller_id", "client_id", "currency"],
    )
    for table in ("transactions", "refills"):
        op.create_foreign_key(
            op.f(f"fk_{table}_reseller_id_client_id_currency"),
            table,
            "client_balances",
            ["reseller_id", "client_id", "currency"],
            ["reseller_id", "client_id", "currency"],
        )
    op.create_check_constraint(op.f("ck_transactions_quantity"), "transactions", "quantity > 0")
    op.create_check_constraint(op.f("ck_invoice_lines_quantity"), "invoice_lines", "quantity > 0")
