"""What the Pending payments screen reads: charges and refunds that are not final, oldest first."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import and_, func, literal, null, select, union_all

from core.db import Session
from payments import held, refills, refunds
from payments.gateways.answers import CLEARING_CODE
from payments.held import Choices
from payments.models import ChargeAttempt, GatewayAccount, Refill, SavedCard
from payments.refund_models import Refund
from tenants.models import Client

WHAT = ("any", "charge", "refund")
STATES = ("any", "requested", "processing", "held", "unknown")
MOST = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    what: str = "any"
    state: str = "any"

    @property
    def is_narrowed(self) -> bool:
        return self.what != "any" or self.state != "any"


@dataclass(frozen=True, slots=True)
class PendingRow:
    """One line: a charge, or money on its way back; amounts in `currency`."""

    what: str
    id: UUID
    refill_id: UUID
    client_id: int
    client_name: str
    state: str
    amount: Decimal
    currency: str
    card: str
    gateway: str
    gateway_name: str
    method: str
    note: str
    looks: int
    sends: int
    created_at: datetime
    next_look_at: datetime | None
    code: str
    attempt_state: str
    decision: str

    @property
    def choices(self) -> Choices:
        """What staff may decide about one that is held."""
        return held.choices_for(self.gateway, self.attempt_state, self.decision, self.code)

    @property
    def next_step(self) -> str:
        """The name of the sentence that says what the system will do."""
        if self.what == "refund":
            is_waiting = self.state == "requested" and bool(self.note)
            return "refund_waits" if is_waiting else f"refund_{self.state}"
        if self.state == "held" and self.code == CLEARING_CODE:
            return "bank_clearing"
        if self.state == "held" and self.decision:
            return "held_decided"
        if self.state == "held" and self.choices.decline and not self.choices.approve:
            return "held_by_bank"
        if self.state == "processing" and self.method == "hosted_page":
            return "page_open"
        return f"charge_{self.state}"


@dataclass(frozen=True, slots=True)
class Pending:
    """The rows, at most MOST, and how many there are."""

    rows: list[PendingRow]
    count: int


def read_pending(session: Session, filters: Filters) -> Pending:
    """Whatever waits longest comes first: it needs a person soonest."""
    charge = (
        select(
            literal("charge").label("what"),
            Refill.id.label("id"),
            Refill.id.label("refill_id"),
            Refill.reseller_id.label("reseller_id"),
            Refill.client_id.label("client_id"),
            Refill.state.label("state"),
            Refill.amount.label("amount"),
            Refill.currency.label("currency"),
            Refill.saved_card_id.label("card_id"),
            Refill.gateway_account_id.label("account_id"),
            Refill.method.label("method"),
            Refill.reason.label("note"),
            func.coalesce(ChargeAttempt.looks, 0).label("looks"),
            literal(1).label("sends"),
            Refill.created_at.label("created_at"),
            Refill.next_look_at.label("next_look_at"),
            func.coalesce(ChargeAttempt.answer["code"].astext, "").label("code"),
            func.coalesce(ChargeAttempt.state, "").label("attempt_state"),
            func.coalesce(ChargeAttempt.decision, "").label("decision"),
        )
        .outerjoin(
            ChargeAttempt,
            and_(
                ChargeAttempt.refill_id == Refill.id,
                ChargeAttempt.state.in_(["sending", "unknown", "held"]),
            ),
        )
        .where(Refill.state.in_(refills.OPEN_STATES))
    )
    back = (
        select(
            literal("refund"),
            Refund.id,
            Refund.refill_id,
            Refund.reseller_id,
            Refund.client_id,
            Refund.state,
            Refund.amount,
            Refund.currency,
            Refill.saved_card_id,
            Refund.gateway_account_id,
            Refund.kind,
            Refund.note,
            Refund.looks,
            Refund.sends,
            Refund.created_at,
            Refund.next_look_at,
            func.coalesce(null(), ""),
            func.coalesce(null(), ""),
            func.coalesce(null(), ""),
        )
        .join(Refill, Refill.id == Refund.refill_id)
        .where(Refund.state.in_(refunds.OPEN_STATES))
    )
    both = union_all(charge, back).subquery("open")
    wanted = []
    if filters.what != "any":
        wanted.append(both.c.what == filters.what)
    if filters.state != "any":
        wanted.append(both.c.state == filters.state)
    count = session.scalar(select(func.count()).select_from(both).where(*wanted)) or 0
    rows = session.execute(
        select(
            both,
            Client.name.label("client_name"),
            func.coalesce(SavedCard.brand + " ···· " + SavedCard.last_four, "").label("card"),
            GatewayAccount.gateway.label("gateway"),
            GatewayAccount.name.label("gateway_name"),
        )
        .join(
            Client,
            and_(Client.reseller_id == both.c.reseller_id, Client.id == both.c.client_id),
        )
        .join(
            GatewayAccount,
            and_(
                GatewayAccount.reseller_id == both.c.reseller_id,
                GatewayAccount.id == both.c.account_id,
            ),
        )
        .outerjoin(SavedCard, SavedCard.id == both.c.card_id)
        .where(*wanted)
        .order_by(both.c.created_at, both.c.id)
        .limit(MOST)
    )
    names = PendingRow.__dataclass_fields__
    return Pending(
        [PendingRow(**{name: getattr(row, name) for name in names}) for row in rows], count
    )
