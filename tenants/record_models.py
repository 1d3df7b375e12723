"""What stands beside the records: the chain of the audit log, its proofs, who has seen an event."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKeyConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned


class AuditChain(TenantOwned, Base):
    """The last link of one reseller's chain. The database lets it only grow."""

    __tablename__ = "audit_chains"
    __table_args__ = (ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),)
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    seal_no: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seal_hash: Mapped[str]
    sealed_at: Mapped[datetime | None]


class AuditCheck(TenantOwned, Base):
    """A proof of the chain, or its failure; also an anchor: a later chain must still hold it."""

    __tablename__ = "audit_checks"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        Index("ix_audit_checks_recent", "reseller_id", text("id desc")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    ok: Mapped[bool]
    seal_no: Mapped[int] = mapped_column(BigInteger)
    seal_hash: Mapped[str]
    waiting: Mapped[int] = mapped_column(BigInteger)
    finding: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class EventAcknowledgement(TenantOwned, Base):
    """Somebody has taken care of the event."""

    __tablename__ = "event_acknowledgements"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "event_id"], ["events.reseller_id", "events.id"], ondelete="CASCADE"
        ),
    )
    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    author: Mapped[str]
