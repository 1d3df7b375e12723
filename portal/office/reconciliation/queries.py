"""What the Reconciliation screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from core.db import Session
from payments.models import GatewayAccount
from payments.reconciliation import BOOKABLE
from payments.refund_models import Reconciliation, ReconciliationDifference
from portal.keyset import Key, Order, Page, Place, read_page, walk
from tenants.models import Client, Reseller

STATES = ("open", "ended", "any")
_RUNS = 8


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A gateway account that can be compared."""

    id: int
    name: str
    gateway: str
    currency: str
    reseller: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """One comparison."""

    run: Reconciliation
    gateway: str

    @property
    def is_open(self) -> bool:
        return self.run.state in ("requested", "running")


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One line; amounts in `currency`."""

    id: int
    kind: str
    gateway: str
    gateway_ref: str
    original_ref: str
    key: str
    refill_id: UUID | None
    client_id: int | None
    client_name: str | None
    amount: Decimal | None
    our_amount: Decimal | None
    currency: str
    status: str
    happened_at: datetime
    found_at: datetime
    resolution: str
    note: str
    resolved_by: str
    resolved_at: datetime | None

    @property
    def is_bookable(self) -> bool:
        return not self.resolution and self.kind in BOOKABLE and self.refill_id is not None


def list_accounts(session: Session) -> list[AccountRow]:
    """Enabled accounts of the scope."""
    rows = session.execute(
        select(
            GatewayAccount.id,
            GatewayAccount.name,
            GatewayAccount.gateway,
            GatewayAccount.currency,
            Reseller.name,
        )
        .join(Reseller, Reseller.id == GatewayAccount.reseller_id)
        .where(GatewayAccount.enabled)
        .order_by(Reseller.name, GatewayAccount.position, GatewayAccount.id)
        .limit(200)
    )
    return [AccountRow(*row) for row in rows]


def list_runs(session: Session) -> Sequence[RunRow]:
    """The latest ones, newest first."""
    rows = session.execute(
        select(Reconciliation, GatewayAccount.name)
        .join(
            GatewayAccount,
            and_(
                GatewayAccount.reseller_id == Reconciliation.reseller_id,
                GatewayAccount.id == Reconciliation.gateway_account_id,
            ),
        )
        .order_by(Reconciliation.created_at.desc(), Reconciliation.id.desc())
        .limit(_RUNS)
    )
    return [RunRow(*row) for row in rows]


def read_differences(session: Session, state: str, place: Place) -> Page[DifferenceRow]:
    """One page, newest first."""
    one = ReconciliationDifference
    walked = walk(
        select(one.found_at.label("found_at"), one.id.label("id")).where(*_conditions(state)),
        owner=one.reseller_id,
        order=Order([Key("found_at", datetime), Key("id", int)], descending=True),
        place=place,
    )
    query = walked.decorate(
        one.id,
        one.kind,
        GatewayAccount.name.label("gateway"),
        one.gateway_ref,
        one.original_ref,
        one.key,
        one.refill_id,
        one.client_id,
        Client.name.label("client_name"),
        one.amount,
        one.our_amount,
        one.currency,
        one.status,
        one.happened_at,
        one.found_at,
        one.resolution,
        one.note,
        one.resolved_by,
        one.resolved_at,
        keep=[
            (one, one.id == walked.picked.c.id, False),
            (GatewayAccount, GatewayAccount.id == one.gateway_account_id, False),
            (Client, Client.id == one.client_id, True),
        ],
    )
    names = DifferenceRow.__dataclass_fields__
    return read_page(
        session,
        walked,
        query,
        lambda row: DifferenceRow(**{name: getattr(row, name) for name in names}),
    )


def count_open(session: Session) -> int:
    """Differences that nobody has ended."""
    return (
        session.scalar(
            select(func.count())
            .select_from(ReconciliationDifference)
            .where(ReconciliationDifference.resolved_at.is_(None))
        )
        or 0
    )


def _conditions(state: str) -> list[ColumnElement[bool]]:
    if state == "open":
        return [ReconciliationDifference.resolved_at.is_(None)]
    if state == "ended":
        return [ReconciliationDifference.resolved_at.is_not(None)]
    return []
