"""Low balance notifications of a client, and what billing owns of a client template."""

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Numeric,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Amount, Base, ClientOwned, TenantOwned


class ClientLowBalance(ClientOwned, Base):
    """The Low Balance block: values in the client's currency, null is off.

    `client_told` and `admin_told` say that Available is below the value and somebody was told;
    `crossings` counts those times, so that each has a mail and an event of its own.
    """

    __tablename__ = "client_low_balances"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id", "client_id"], ["clients.reseller_id", "clients.id"]),
        CheckConstraint("low_capacity >= 0", "capacity"),
        Index(
            "ix_client_low_balances_watched",
            "reseller_id",
            "client_id",
            postgresql_where=text("notify_client is not null or notify_admin is not null"),
        ),
    )
    client_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    notify_client: Mapped[Amount | None]
    notify_admin: Mapped[Amount | None]
    threshold: Mapped[Amount | None]
    low_capacity: Mapped[int | None]
    client_told: Mapped[bool] = mapped_column(server_default="false")
    admin_told: Mapped[bool] = mapped_column(server_default="false")
    crossings: Mapped[int] = mapped_column(server_default="0")


class ClientTemplateBilling(TenantOwned, Base):
    """What a client template says of billing; null: it does not say."""

    __tablename__ = "client_template_billing"
    __table_args__ = (
        ForeignKeyConstraint(
            ["reseller_id", "template_id"],
            ["client_templates.reseller_id", "client_templates.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["reseller_id", "payment_terms_id"], ["payment_terms.reseller_id", "payment_terms.id"]
        ),
        ForeignKeyConstraint(
            ["reseller_id", "tax_profile_id"], ["tax_profiles.reseller_id", "tax_profiles.id"]
        ),
        ForeignKeyConstraint(
            ["reseller_id", "invoice_template_id"],
            ["invoice_templates.reseller_id", "invoice_templates.id"],
        ),
        CheckConstraint("credit = round(credit, 6) and abs(credit) < 1000000000", "credit"),
        CheckConstraint("low_capacity >= 0", "capacity"),
    )
    template_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    postpaid: Mapped[bool | None]
    credit: Mapped[Decimal | None] = mapped_column(Numeric(20, 6))
    payment_terms_id: Mapped[int | None] = mapped_column(BigInteger)
    tax_profile_id: Mapped[int | None] = mapped_column(BigInteger)
    autoinvoicing: Mapped[bool | None]
    invoice_template_id: Mapped[int | None] = mapped_column(BigInteger)
    notify_client: Mapped[Amount | None]
    notify_admin: Mapped[Amount | None]
    threshold: Mapped[Amount | None]
    low_capacity: Mapped[int | None]
