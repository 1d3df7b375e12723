"""Second factors, allowed addresses, and signing in as another."""

import sqlalchemy as sa
from alembic import op

from migrations.walls import platform_table

revision = "0011"
down_revision = "0010"

# what a role could hold before this revision; one that held all of its kind keeps all of its kind
_READ = "audit clients events gateways invoices mail payments taxes terms transactions"
_OWNER = (
    "clients:full_delete clients:write gateways:write invoices:execute invoices:write mail:execute"
    " payments:execute taxes:write terms:write transactions:write"
)
_NEW_READ = "resellers roles settings tags templates users"
_NEW_OWNER = (
    "clients:execute resellers:write roles:write settings:write tags:write templates:write"
    " users:execute users:write"
)
_DESK = "resellers:read tags:read tags:write templates:read templates:write"


def upgrade() -> None:
    op.add_column(
        "users",
        sa.Column("allowed_networks", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
    )
    op.add_column(
        "users", sa.Column("second_factor_since", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_users_name", "users", ["reseller_id", sa.literal_column("lower(name)"), "id"]
    )
    for table in ("roles", "platform_users"):
        op.add_column(table, sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    _extend_sessions()
    _create_factors()
    _extend_roles()


def _extend_sessions() -> None:
    for column in (
        sa.Column("factor_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parent_hash", sa.LargeBinary(), nullable=True),
        sa.Column("acting_label", sa.String(), nullable=True),
        sa.Column("acting_reason", sa.String(), nullable=True),
        sa.Column("writes_since", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("sessions", column)
    op.create_foreign_key(
        op.f("fk_sessions_parent_hash"),
        "sessions",
        "sessions",
        ["parent_hash"],
        ["token_hash"],
        ondelete="CASCADE",
    )
    op.create_check_constraint(
        op.f("ck_sessions_acting"),
        "sessions",
        "(parent_hash is null) = (acting_label is null)"
        " and (parent_hash is null) = (acting_reason is null)"
        " and (writes_since is null or parent_hash is not null)",
    )
    op.create_index(
        "ix_sessions_parent",
        "sessions",
        ["parent_hash"],
        postgresql_where=sa.text("parent_hash is not null"),
    )


def _create_factors() -> None:
    op.create_table(
        "second_factors",
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("reseller_id", sa.BigInteger(), nullable=True),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "area in ('office', 'platform', 'panel')", name=op.f("ck_second_factors_area")
        ),
        sa.CheckConstraint(
            "(area = 'platform') = (reseller_id is null)", name=op.f("ck_second_factors_reseller")
        ),
        sa.ForeignKeyConstraint(
            ["reseller_id"], ["resellers.id"], name=op.f("fk_second_factors_reseller_id")
        ),
        sa.PrimaryKeyConstraint("area", "subject_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["area", "subject_id"],
            ["second_factors.area", "second_factors.subject_id"],
            name=op.f("fk_recovery_codes_area_subject_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("area", "subject_id", "code_hash", name=op.f("pk_recovery_codes")),
    )
    for table in ("second_factors", "recovery_codes"):
        platform_table(table)


def _extend_roles() -> None:
    old_read, new_read = _names(_READ), _names(_NEW_READ)
    # forced row-level security hides every row from the tables' owner too
    op.execute("alter table roles no force row level security")
    _grant([*old_read, *_OWNER.split()], [*new_read, *_NEW_OWNER.split()])
    _grant(old_read, new_read)
    # who could make clients could make their tags
    _grant(["clients:write"], _DESK.split())
    op.execute("alter table roles force row level security")


def _names(sections: str) -> list[str]:
    return [f"{section}:read" for section in sections.split()]


def _grant(to_holders_of: list[str], added: list[str]) -> None:
    held, more = (
        "array[" + ", ".join(f"'{name}'" for name in names) + "]"
        for names in (to_holders_of, added)
    )
    op.execute(
        f"""
        update roles
        set permissions = (
            select array_agg(distinct one order by one) from unnest(permissions || {more}) as one
        )
        where permissions @> {held}
        """  # noqa: S608 (our own words)
    )
