"""What a reseller lets its clients do in their panel."""

from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Numeric
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base, TenantOwned


class PanelRules(TenantOwned, Base):
    """One row a reseller that has changed anything; without one `tenants.panel_rules` decides.

    `refill_amounts` are those offered of a currency like USD, as `payments.limits.scale_of` has it.
    """

    __tablename__ = "panel_rules"
    __table_args__ = (
        ForeignKeyConstraint(["reseller_id"], ["resellers.id"]),
        CheckConstraint("cardinality(refill_amounts) between 1 and 6", "refill_amounts"),
    )
    reseller_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    edits_contacts: Mapped[bool] = mapped_column(server_default="true")
    edits_company: Mapped[bool] = mapped_column(server_default="false")
    edits_tax_ids: Mapped[bool] = mapped_column(server_default="false")
    switches_auto_payment: Mapped[bool] = mapped_column(server_default="true")
    refill_amounts: Mapped[list[Decimal]] = mapped_column(
        ARRAY(Numeric(20, 6)), server_default="{10,25,50,100}"
    )
