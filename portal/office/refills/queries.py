"""What the Refills screen reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, select

from billing.models import Transaction
from core.db import Session
from core.errors import NotFoundError
from payments import attempts, held, refunds
from payments.held import Choices
from payments.models import ChargeAttempt, ClientAutoPayment, GatewayAccount, Refill, SavedCard
from payments.refills import OPEN_STATES
from payments.refund_models import Refund
from payments.refunds import Returnable
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.auto_words import describe_figures
from portal.office.client_choice import matching_ids
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import Client

STATES = (
    "any", "open", "requested", "processing", "held", "unknown", "succeeded", "declined",
    "failed", "abandoned",
)  # fmt: skip
SOURCES = ("any", "panel", "staff", "auto")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for."""

    search: str = ""
    client_id: int | None = None
    state: str = "any"
    source: str = "any"
    period: PeriodFilter = ANY_TIME

    @property
    def is_narrowed(self) -> bool:
        return bool(
            self.search
            or self.client_id
            or self.state != "any"
            or self.source != "any"
            or self.period.is_set
        )


@dataclass(frozen=True, slots=True)
class RefillRow:
    """One line of the list; amounts in `currency`."""

    id: UUID
    client_id: int
    client_name: str
    source: str
    method: str
    card: str
    gateway: str
    amount: Decimal
    credited: Decimal
    currency: str
    state: str
    reason: str
    created_at: datetime
    next_look_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One request to the gateway, without anything that is secret."""

    key: str
    n: int
    state: str
    first_sent_at: datetime | None
    last_sent_at: datetime | None
    gateway_ref: str
    approved: Decimal | None
    looks: int
    outcome: str
    code: str
    text: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RefillPage:
    """One refill with its attempts, newest first."""

    refill: Refill
    client_name: str
    card: str
    gateway: str
    is_live: bool
    attempts: Sequence[AttemptRow]
    is_booked: bool
    returnable: Returnable
    refunds: Sequence[Refund]
    choices: Choices
    auto: ClientAutoPayment | None
    # a bank account is debited, not a card charged
    is_bank: bool

    @property
    def figures(self) -> list[tuple[str, Decimal | str]]:
        """What an automatic charge was computed from, in words and amounts."""
        return describe_figures(self.refill.figures)

    @property
    def is_open(self) -> bool:
        return self.refill.state in OPEN_STATES

    @property
    def is_clearing(self) -> bool:
        """Whether only the client's bank has still to pay."""
        attempt = self.returnable.attempt
        return attempt is not None and attempts.is_clearing(attempt)

    @property
    def open_attempt(self) -> AttemptRow | None:
        """What a look-up would ask about."""
        return next(
            (one for one in self.attempts if one.state in ("sending", "unknown", "held")), None
        )


def read_refills(session: Session, filters: Filters, place: Place) -> Page[RefillRow]:
    """One page, newest first."""
    pick = select(Refill.created_at.label("created_at"), Refill.id.label("id"))
    walked = walk(
        pick.where(*_conditions(filters)),
        owner=Refill.reseller_id,
        order=Order([Key("created_at", datetime), Key("id", UUID)], descending=True),
        place=place,
    )
    query = walked.decorate(
        Refill.id,
        Refill.client_id,
        Client.name.label("client_name"),
        Refill.source,
        Refill.method,
        _card().label("card"),
        GatewayAccount.name.label("gateway"),
        Refill.amount,
        Refill.credited,
        Refill.currency,
        Refill.state,
        Refill.reason,
        Refill.created_at,
        Refill.next_look_at,
        keep=[
            (Refill, Refill.id == walked.picked.c.id, False),
            (Client, Client.id == Refill.client_id, False),
            (GatewayAccount, GatewayAccount.id == Refill.gateway_account_id, False),
            (SavedCard, SavedCard.id == Refill.saved_card_id, True),
        ],
    )
    names = RefillRow.__dataclass_fields__
    return read_page(
        session,
        walked,
        query,
        lambda row: RefillRow(**{name: getattr(row, name) for name in names}),
    )


def get_page(session: Session, refill_id: UUID) -> RefillPage:
    """Raises NotFoundError, also for one of another tenant."""
    row = session.execute(
        select(
            Refill,
            Client.name,
            _card(),
            func.coalesce(SavedCard.kind == "bank_account", false()),
            GatewayAccount.name,
            GatewayAccount.live,
            Transaction.id.is_not(None),
            ClientAutoPayment,
        )
        .join(Client, Client.id == Refill.client_id)
        .join(GatewayAccount, GatewayAccount.id == Refill.gateway_account_id)
        .outerjoin(SavedCard, SavedCard.id == Refill.saved_card_id)
        .outerjoin(
            Transaction,
            and_(Transaction.reseller_id == Refill.reseller_id, Transaction.id == Refill.id),
        )
        .outerjoin(ClientAutoPayment, ClientAutoPayment.client_id == Refill.client_id)
        .where(Refill.id == refill_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("Refill not found.")
    refill, client_name, card, is_bank, gateway, is_live, is_booked, auto = row
    returnable = refunds.read_returnable(session, refill_id)
    return RefillPage(
        refill,
        client_name,
        card,
        gateway,
        is_live,
        _list_attempts(session, refill_id),
        is_booked,
        returnable,
        refunds.list_of_refill(session, refill_id),
        held.choices_of(returnable.account.gateway, returnable.attempt),
        auto,
        is_bank,
    )


def _list_attempts(session: Session, refill_id: UUID) -> list[AttemptRow]:
    rows = session.execute(
        select(
            ChargeAttempt.key,
            ChargeAttempt.n,
            ChargeAttempt.state,
            ChargeAttempt.first_sent_at,
            ChargeAttempt.last_sent_at,
            func.coalesce(ChargeAttempt.gateway_ref, ""),
            ChargeAttempt.approved,
            ChargeAttempt.looks,
            # three fields of the answer and no more: the rest is the gateway's own wording
            func.coalesce(ChargeAttempt.answer["outcome"].astext, ""),
            func.coalesce(ChargeAttempt.answer["code"].astext, ""),
            func.coalesce(ChargeAttempt.answer["text"].astext, ""),
            ChargeAttempt.updated_at,
        )
        .where(ChargeAttempt.refill_id == refill_id)
        .order_by(ChargeAttempt.n.desc())
    )
    return [AttemptRow(*row) for row in rows]


def _card() -> ColumnElement[str]:
    return func.coalesce(SavedCard.brand + " ···· " + SavedCard.last_four, "")


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    states = OPEN_STATES if filters.state == "open" else (filters.state,)
    wanted: list[tuple[object, ColumnElement[bool]]] = [
        (filters.client_id, Refill.client_id == filters.client_id),
        (filters.state != "any", Refill.state.in_(states)),
        (filters.source != "any", Refill.source == filters.source),
        (filters.search, Refill.client_id.in_(matching_ids(filters.search))),
    ]
    asked = [condition for is_asked, condition in wanted if is_asked]
    return [*asked, *filters.period.instant_conditions(Refill.created_at)]
