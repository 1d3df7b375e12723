"""Who had the matching rights so far may use the sections that billing adds."""

from alembic import op

revision = "0016"
down_revision = "0015"

_MATCHING = """
update roles set permissions = (
    select array_agg("right" order by "right") from (
        select unnest(permissions) as "right"
        union
        select new.right from (
            values ('taxes:read', 'currencies:read'), ('taxes:write', 'currencies:write'),
                   ('terms:read', 'packages:read'), ('terms:write', 'packages:write'),
                   ('terms:read', 'payment_accounts:read'),
                   ('terms:write', 'payment_accounts:write'),
                   ('invoices:read', 'reports:read'), ('invoices:write', 'reports:write')
        ) new (old, "right")
        where new.old = any(permissions)
    ) every
)
where permissions && array['taxes:read', 'taxes:write', 'terms:read', 'terms:write',
                           'invoices:read', 'invoices:write']
"""


def upgrade() -> None:
    # forced row-level security would hide every row from the owner too
    op.execute("alter table roles no force row level security")
    op.execute(_MATCHING)
    op.execute("alter table roles force row level security")
