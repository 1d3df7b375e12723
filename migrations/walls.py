"""Policies and grants of a table, in one call beside its `create_table`.

Roles: portal_owner owns and migrates; portal_office (back office and worker) and portal_panel
(client panel) are walled by reseller, the panel also by client; portal_platform sees every tenant;
portal_ledger owns the one function that may post.
"""

from alembic import op

# the outer cast keeps `any` from reading the sub-select as a set of rows; as an expression it is
# evaluated once per query
_RESELLERS = (
    "{column} = any ((select string_to_array("
    "nullif(current_setting('app.reseller_ids', true), ''), ',')::bigint[])::bigint[])"
)
_CLIENT = "{column} = (select nullif(current_setting('app.client_id', true), '')::bigint)"

ALL = "select, insert, update, delete"


def wall_table(
    table: str,
    *,
    office: str = ALL,
    platform: str = ALL,
    panel: str = "",
    panel_client: str | None = "client_id",
    ledger: str = "",
    reseller: str = "reseller_id",
) -> None:
    """Force row-level security on `table` and grant what each role may do.

    The tenant policy is restrictive, so no later policy can open a row; `panel_client` names the
    column that confines the client panel, None lets it read what the whole reseller shares.
    """
    walled = "portal_office, portal_panel, portal_ledger"
    resellers = _RESELLERS.format(column=reseller)
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(
        f"create policy tenant_wall on {table} as restrictive to {walled}"
        f" using ({resellers}) with check ({resellers})"
    )
    op.execute(f"create policy tenant_rows on {table} to {walled} using (true) with check (true)")
    op.execute(
        f"create policy every_tenant on {table} to portal_platform using (true) with check (true)"
    )
    if panel_client is not None:
        client = _CLIENT.format(column=panel_client)
        op.execute(
            f"create policy client_wall on {table} as restrictive to portal_panel"
            f" using ({client}) with check ({client})"
        )
    for role, rights in (
        ("portal_office", office),
        ("portal_platform", platform),
        ("portal_panel", panel),
        ("portal_ledger", ledger),
    ):
        if rights:
            op.execute(f"grant {rights} on {table} to {role}")


def platform_table(table: str) -> None:
    """A table that no tenant owns: only the platform role may touch it."""
    op.execute(f"grant {ALL} on {table} to portal_platform")


def append_only(table: str) -> None:
    """No role changes or removes a row of `table`, not even its owner by mistake."""
    op.execute(
        f"create trigger {table}_append_only before update or delete on {table}"
        " for each row execute function refuse_change()"
    )
    op.execute(
        f"create trigger {table}_no_truncate before truncate on {table}"
        " for each statement execute function refuse_change()"
    )
