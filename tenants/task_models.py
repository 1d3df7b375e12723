"""Tasks: work that nobody waits for at the screen, its items, and the bytes it handles."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned

TASK_KINDS = (
    "export_clients",
    "import_clients",
    "mass_edit_clients",
    "edit_invoices",
    "invoice_clients",
    "zip_invoices",
    "import_usage",
    "export_report",
    "import_payments",
    "import_opening_balances",
    "generate_vouchers",
)
TASK_STATES = ("draft", "waiting", "running", "checked", "done", "failed", "cancelled")
ITEM_STATES = ("waiting", "made", "changed", "unchanged", "left_out", "failed")


class Task(TenantOwned, Base):
    """What was asked, by whom, and how far it came; `reseller_id` is the asker's own reseller.

    `id` comes from the drawn form: a second click finds the first task. `reseller_ids` and the
    `asker_` columns are the scope and the actor that the work runs under. `expires_at` null: the
    items and bytes are gone, the row tells what was done. In a final state made + changed +
    unchanged + left_out + failed = total, except for exports, which change nothing.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("reseller_id", "id"),
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint(
            "kind in ({})".format(", ".join(f"'{kind}'" for kind in TASK_KINDS)), "kind"
        ),
        CheckConstraint(
            "state in ({})".format(", ".join(f"'{state}'" for state in TASK_STATES)), "state"
        ),
        CheckConstraint("done <= total", "done"),
        Index("ix_tasks_recent", "reseller_id", text("created_at desc"), text("id desc")),
        Index(
            "ix_tasks_open",
            "created_at",
            postgresql_where=text("state in ('waiting', 'running')"),
        ),
        Index("ix_tasks_expiry", "expires_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    params: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    reseller_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    state: Mapped[str] = mapped_column(server_default="waiting")
    step: Mapped[str] = mapped_column(server_default="")
    total: Mapped[int] = mapped_column(Integer, server_default="0")
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    made: Mapped[int] = mapped_column(Integer, server_default="0")
    changed: Mapped[int] = mapped_column(Integer, server_default="0")
    unchanged: Mapped[int] = mapped_column(Integer, server_default="0")
    left_out: Mapped[int] = mapped_column(Integer, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    problem: Mapped[str] = mapped_column(server_default="")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    cancel_asked_at: Mapped[datetime | None]
    result_name: Mapped[str] = mapped_column(server_default="")
    result_type: Mapped[str] = mapped_column(server_default="")
    result_size: Mapped[int | None] = mapped_column(BigInteger)
    asker_kind: Mapped[str]
    asker_id: Mapped[int | None] = mapped_column(BigInteger)
    asker_label: Mapped[str]
    asker_ip: Mapped[str | None]
    asker_on_behalf_of: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class TaskItem(TenantOwned, Base):
    """One client of a selection, or one row of a file; `n` counts from 1 in the order asked for.

    `subject_id` is the client's id: no foreign key, for a client may be removed for good later.
    """

    __tablename__ = "task_items"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "task_id"], ["tasks.reseller_id", "tasks.id"]),
        CheckConstraint(
            "state in ({})".format(", ".join(f"'{state}'" for state in ITEM_STATES)), "state"
        ),
        Index(
            "ix_task_items_waiting",
            "task_id",
            "n",
            postgresql_where=text("state = 'waiting'"),
        ),
    )
    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    subject_id: Mapped[int | None] = mapped_column(BigInteger)
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    reason: Mapped[str] = mapped_column(server_default="")
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class TaskChunk(TenantOwned, Base):
    """A piece of the bytes that a task reads (`source`), gathers (`rows`) or gives (`result`)."""

    __tablename__ = "task_chunks"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "task_id"], ["tasks.reseller_id", "tasks.id"]),
        CheckConstraint("part in ('source', 'rows', 'result')", "part"),
    )
    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ImportMapping(TenantOwned, Base):
    """The columns of a file as somebody last matched them, by the file's own headings."""

    __tablename__ = "import_mappings"
    __table_args__ = (ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),)
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    heading: Mapped[str] = mapped_column(primary_key=True)
    field: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
