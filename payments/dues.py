"""What an automatic charge would come to now, and from which figures (`domain.md` 8).

Prepaid: when Available is zero or less, what lacks up to zero plus the Extra Amount. Postpaid: what
is open of the invoices that are due, plus the Extra Amount. Money on its way counts as if it had
come.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, exists, func, or_, select

from billing.invoice_models import Invoice
from billing.models import ClientBalance
from core.clock import now, today
from core.db import Session
from core.money import minor_amount
from core.zones import get_zone
from mail.letter_catalogue import Words
from payments import gateway_accounts, refills
from payments.gateways.answers import MethodKind
from payments.limits import limits_of
from payments.models import ChargeAttempt, ClientAutoPayment, Refill, SavedCard
from payments.state import AttemptState, RefillState
from tenants.models import Client

_ZERO = Decimal(0)
# Among the figures: the charge was cut by the most that one charge takes.
CUT_BY_LIMIT = "most_at_once"

# the reason of a suspension that only the staff end
DISPUTED = "The client's bank took back a payment."


class Why(StrEnum):
    """The reason of a charge, or of none."""

    BALANCE_USED_UP = Words("Available is zero or less.")
    INVOICE_DUE = Words("An invoice is due and not paid in full.")
    OFF = Words("Auto payment is off.")
    INACTIVE = Words("The client is not active.")
    NO_GATEWAY = Words("No gateway takes the client's currency.")
    NO_CARD = Words("No card is saved.")
    BANK_OFF = Words("Payments from bank accounts are switched off.")
    SUSPENDED = Words("Auto payment is suspended.")
    DISPUTED = Words("Auto payment is suspended: the client's bank took back a payment.")
    WAITING = Words("The last try brought nothing; the next one has its time.")
    UNDER_WAY = Words("An automatic charge is under way.")
    NOT_DUE = Words("Nothing is due.")
    TOO_LITTLE = Words("The amount is below the smallest that can be charged.")
    CAP_REACHED = Words("The cap of this day or month is reached.")


@dataclass(frozen=True, slots=True)
class Due:
    """What would be charged now: `amount` in the client's currency, zero when nothing would.

    `figures` holds what it was computed from, as JSON values.
    """

    why: Why
    currency: str
    amount: Decimal = _ZERO
    saved_card_id: UUID | None = None
    # what would be charged is a bank account
    is_bank: bool = False
    next_try_at: datetime | None = None
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def is_due(self) -> bool:
        return self.amount > 0


def compute_due(
    session: Session, client: Client, balance: ClientBalance, row: ClientAutoPayment | None
) -> Due:
    """The charge that the rules ask for at this moment; reads only."""
    card = _find_card(session, client)
    due = _compute(session, client, balance, row, card)
    return replace(due, is_bank=card is not None and card.kind == MethodKind.BANK_ACCOUNT)


def _compute(
    session: Session,
    client: Client,
    balance: ClientBalance,
    row: ClientAutoPayment | None,
    card: SavedCard | None,
) -> Due:
    obstacle = _find_obstacle(session, client, row, card)
    if obstacle is not None or row is None or card is None:
        return Due(
            obstacle or Why.OFF,
            client.currency,
            next_try_at=row.next_try_at if row is not None and obstacle is Why.WAITING else None,
        )
    why, lacking, figures = _lacking(session, client, balance)
    if lacking is None:
        return Due(why, client.currency, figures=figures)
    wanted = minor_amount(lacking + row.extra_amount, client.currency)
    figures["extra_amount"] = str(row.extra_amount)
    figures["wanted"] = str(wanted)
    room = _room(session, client, row, figures)
    limits = limits_of(client.currency)
    amount = min(wanted, limits.most if room is None else min(room, limits.most))
    if wanted < limits.least:
        return Due(Why.TOO_LITTLE if wanted > 0 else Why.NOT_DUE, client.currency, figures=figures)
    if amount < limits.least:
        return Due(Why.CAP_REACHED, client.currency, figures=figures)
    if amount == limits.most < wanted:
        figures[CUT_BY_LIMIT] = str(limits.most)
    figures["amount"] = str(amount)
    return Due(why, client.currency, amount, card.id, figures=figures)


def _find_obstacle(
    session: Session, client: Client, row: ClientAutoPayment | None, card: SavedCard | None
) -> Why | None:
    if row is None or not row.enabled:
        return Why.OFF
    if client.status != "active":
        return Why.INACTIVE
    account = gateway_accounts.find_account(
        session, reseller_id=client.reseller_id, currency=client.currency
    )
    if account is None:
        return Why.NO_GATEWAY
    if card is None or card.gateway_account_id != account.id:
        return Why.NO_CARD
    if not gateway_accounts.takes(account, card.kind):
        return Why.BANK_OFF
    if row.suspended_at is not None:
        return Why.DISPUTED if row.suspended_reason == DISPUTED else Why.SUSPENDED
    if row.next_try_at is not None and row.next_try_at > now():
        return Why.WAITING
    return Why.UNDER_WAY if _has_open_auto(session, client.id) else None


def _lacking(
    session: Session, client: Client, balance: ClientBalance
) -> tuple[Why, Decimal | None, dict[str, Any]]:
    """What is needed without the Extra Amount; None when nothing is due."""
    on_its_way = _on_its_way(session, client.id)
    figures: dict[str, Any] = {
        "currency": client.currency,
        "on_its_way": str(on_its_way),
        "postpaid": balance.postpaid,
        "live": str(balance.live),
    }
    if balance.postpaid:
        return _lacking_on_invoices(session, client, on_its_way, figures)
    available = balance.live + balance.credit
    figures["credit"] = str(balance.credit)
    figures["available"] = str(available)
    expected = available + on_its_way
    if expected > 0:
        return Why.NOT_DUE, None, figures
    return Why.BALANCE_USED_UP, -expected, figures


def _lacking_on_invoices(
    session: Session, client: Client, on_its_way: Decimal, figures: dict[str, Any]
) -> tuple[Why, Decimal | None, dict[str, Any]]:
    due = session.execute(
        select(Invoice.number, Invoice.total - Invoice.paid)
        .where(
            Invoice.client_id == client.id,
            Invoice.direction == "outgoing",
            Invoice.issued_at.is_not(None),
            Invoice.paid < Invoice.total,
            Invoice.due_on <= today(get_zone(client.timezone)),
        )
        .order_by(Invoice.due_on, Invoice.number)
    ).all()
    figures["invoices"] = [{"number": number, "open": str(left)} for number, left in due]
    lacking = sum((left for _, left in due), _ZERO) - on_its_way
    if not due or lacking <= 0:
        return Why.NOT_DUE, None, figures
    return Why.INVOICE_DUE, lacking, figures


def _on_its_way(session: Session, client_id: int) -> Decimal:
    """What may come. A page that was opened is no payment: whoever opens one each hour would never
    be charged; it counts once the gateway has shown a transaction of it.
    """
    is_seen = exists().where(
        ChargeAttempt.refill_id == Refill.id,
        ChargeAttempt.reseller_id == Refill.reseller_id,
        ChargeAttempt.state.in_([AttemptState.UNKNOWN.value, AttemptState.HELD.value]),
        ChargeAttempt.gateway_ref.is_not(None),
    )
    return session.scalar(
        select(func.coalesce(func.sum(Refill.amount), 0)).where(
            Refill.client_id == client_id,
            Refill.state.in_(refills.OPEN_STATES),
            or_(Refill.method == "saved_card", is_seen),
        )
    ) or Decimal(0)


def _has_open_auto(session: Session, client_id: int) -> bool:
    found = session.scalar(
        select(Refill.id).where(
            Refill.client_id == client_id,
            Refill.source == "auto",
            Refill.state.in_(refills.OPEN_STATES),
        )
    )
    return found is not None


def _room(
    session: Session, client: Client, row: ClientAutoPayment, figures: dict[str, Any]
) -> Decimal | None:
    """What the caps leave for now, by the client's own calendar; None without a cap."""
    zone = get_zone(client.timezone)
    day = today(zone)
    rooms = []
    for name, cap, since in (
        ("day", row.day_cap, day),
        ("month", row.month_cap, day.replace(day=1)),
    ):
        if cap is None:
            continue
        taken = _taken_since(session, client.id, _midnight(since, zone))
        figures[f"{name}_cap"] = str(cap)
        figures[f"taken_this_{name}"] = str(taken)
        rooms.append(max(cap - taken, _ZERO))
    return min(rooms, default=None)


def _taken_since(session: Session, client_id: int, since: datetime) -> Decimal:
    succeeded: ColumnElement[bool] = Refill.state == RefillState.SUCCEEDED.value
    return session.scalar(
        select(
            func.coalesce(func.sum(case((succeeded, Refill.credited), else_=Refill.amount)), 0)
        ).where(
            Refill.client_id == client_id,
            Refill.source == "auto",
            Refill.state.in_([RefillState.SUCCEEDED.value, *refills.OPEN_STATES]),
            Refill.created_at >= since,
        )
    ) or Decimal(0)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _find_card(session: Session, client: Client) -> SavedCard | None:
    return session.scalar(
        select(SavedCard).where(
            SavedCard.client_id == client.id, SavedCard.state == "active", SavedCard.is_default
        )
    )
