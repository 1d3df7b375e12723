"""The Auto Payment block: charging a client's saved card by itself (`domain.md` 8)."""

from dataclasses import asdict, dataclass
from decimal import Decimal

from sqlalchemy import select

from billing import ledger
from core import jobs
from core.clock import now
from core.db import Session
from core.errors import InvalidInputError, NotAllowedError, NotFoundError
from core.ids import new_id
from core.money import minor_amount
from mail.letter_catalogue import Words
from payments import auto_steps, dues, refills
from payments.auto_steps import StepKind
from payments.dues import Due, Why
from payments.models import ClientAutoPayment, Refill
from tenants import audit, clients, panel_rules
from tenants.models import Client

EXTRA_LIMIT = Decimal(10) ** 9
TELL_JOB = "payments.tell_client"
"""The job that tells a client of its cards, and that a suspension has ended."""
_LET_GO_ON = Words("The staff let it go on.")
_CARD_CHANGED = Words("The card to be charged has changed.")
# What would be charged, and is not: a step, once until something else happens.
_HELD_BACK = (Why.CAP_REACHED, Why.TOO_LITTLE)
# What the rules write and no form does.
# who disputes a payment does not end the suspension by itself
DISPUTED = dues.DISPUTED
_ROW_OF_DECLINES = (
    "declines_in_row",
    "declines_forgotten_at",
    "tries_in_vain",
    "next_try_at",
    "suspended_at",
    "suspended_reason",
)


@dataclass(frozen=True, slots=True)
class AutoPayment:
    """What the block says. Amounts in the client's currency; a cap of None means no cap."""

    enabled: bool = False
    extra_amount: Decimal = Decimal(0)
    day_cap: Decimal | None = None
    month_cap: Decimal | None = None


def save_auto_payment(session: Session, client: Client, wish: AutoPayment) -> None:
    """Write the block and audit it; raises InvalidInputError naming the field.

    Ticking the box anew forgets earlier declines and a suspension.
    """
    check(wish, client.currency)
    row = find_row(session, client.id)
    if row is None:
        row = ClientAutoPayment(
            client_id=client.id, reseller_id=client.reseller_id, **asdict(AutoPayment())
        )
        session.add(row)
    before = {name: getattr(row, name) for name in asdict(wish)}
    if wish.enabled and not row.enabled:
        forget_declines(row)
    for name, value in asdict(wish).items():
        setattr(row, name, value)
    session.flush()
    changes = audit.differences(before, asdict(wish))
    if "enabled" in changes:
        auto_steps.record_step(
            session, row, "on" if wish.enabled else "off", currency=client.currency
        )
    if changes:
        audit.record(
            session,
            reseller_id=client.reseller_id,
            client_id=client.id,
            action="update",
            object_type="client",
            object_id=client.id,
            object_label=client.name,
            changes={f"auto_payment_{name}": change for name, change in changes.items()},
        )


def save_own_choice(
    session: Session, client_id: int, *, enabled: bool, extra_amount: Decimal
) -> None:
    """The client's own switch and extra amount; the caps and a suspension stay as they are.

    A suspension ends with another card or by the staff, not by switching off and on again. Raises
    NotAllowedError where the reseller keeps the switch to itself, NotFoundError where the block was
    never set up, InvalidInputError naming the field.
    """
    client = clients.get_client(session, client_id)
    if not panel_rules.read_rules(session, client.reseller_id).switches_auto_payment:
        raise NotAllowedError("Your provider keeps these settings. Ask it to change them.")
    row = lock_row(session, client_id)
    cap = min((one for one in (row.day_cap, row.month_cap) if one is not None), default=None)
    if enabled and cap is not None and extra_amount > cap:
        raise InvalidInputError("This is more than your limits allow.", "extra_amount")
    kept = {name: getattr(row, name) for name in _ROW_OF_DECLINES}
    save_auto_payment(
        session, client, AutoPayment(enabled, extra_amount, row.day_cap, row.month_cap)
    )
    for name, value in kept.items():
        setattr(row, name, value)
    session.flush()


def get_auto_payment(session: Session, client_id: int) -> AutoPayment:
    """The block as saved; not enabled when it never was."""
    row = find_row(session, client_id)
    if row is None:
        return AutoPayment()
    return AutoPayment(row.enabled, row.extra_amount, row.day_cap, row.month_cap)


def preview(session: Session, client_id: int) -> Due:
    """What would be charged now and why, or why not; changes nothing."""
    client = clients.get_client(session, client_id)
    balance = ledger.get_balance(session, client_id)
    return dues.compute_due(session, client, balance, find_row(session, client_id))


def request_due(session: Session, client_id: int) -> Refill | None:
    """Ask for the charge that is due now, if any; the refill keeps the figures it came from.

    Computed under the client's balance lock, so two workers ask for it once; the database refuses
    a second open automatic refill whatever the code does.
    """
    client = clients.get_client(session, client_id)
    balance = ledger.lock_balance(session, client_id)
    row = find_row(session, client_id)
    if row is None:
        return None
    due = dues.compute_due(session, client, balance, lock_row(session, client_id))
    if due.saved_card_id is None or not due.is_due:
        _note_held_back(session, row, due)
        return None
    refill = refills.request_refill(
        session,
        refill_id=new_id(),
        client_id=client_id,
        amount=due.amount,
        saved_card_id=due.saved_card_id,
        source="auto",
        figures={"why": due.why.name.lower(), **due.figures},
    )
    auto_steps.record_step(
        session,
        row,
        "asked",
        currency=due.currency,
        why=due.why.name.lower(),
        amount=due.amount,
        refill=refill,
        figures=due.figures,
    )
    return refill


def _note_held_back(session: Session, row: ClientAutoPayment, due: Due) -> None:
    if due.why not in _HELD_BACK:
        return
    last, why = auto_steps.find_last(session, row.client_id), due.why.name.lower()
    if last is None or (last.kind, last.why) != ("held_back", why):
        auto_steps.record_step(
            session, row, "held_back", currency=due.currency, why=why, figures=due.figures
        )


def resume(session: Session, client_id: int) -> None:
    """Staff end a suspension, or the wait for the next try; raises NotFoundError."""
    client = clients.get_client(session, client_id)
    row = lock_row(session, client_id)
    before = {"auto_payment_suspended": row.suspended_at is not None}
    _end_row_of_declines(session, client, row, "resumed", _LET_GO_ON)
    audit.record(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        action="resume",
        object_type="client",
        object_id=client.id,
        object_label=client.name,
        changes=audit.differences(before, {"auto_payment_suspended": False}),
    )


def card_changed(session: Session, client_id: int) -> None:
    """Another card is the default now, or it has new details: old declines count no more.

    A suspension for a chargeback stays: that one only the staff end.
    """
    if find_row(session, client_id) is not None:
        client = clients.get_client(session, client_id)
        row = lock_row(session, client_id)
        if row.suspended_at is None or row.suspended_reason != DISPUTED:
            _end_row_of_declines(session, client, row, "card", _CARD_CHANGED)


def _end_row_of_declines(
    session: Session, client: Client, row: ClientAutoPayment, kind: StepKind, reason: str
) -> None:
    """The next charge may come at once; who was told of a suspension is told that it ended."""
    was_suspended, was_waiting = row.suspended_at is not None, row.next_try_at is not None
    forget_declines(row)
    if was_suspended and row.enabled:
        row.tell_resumed_at = now()
        jobs.enqueue(session, TELL_JOB, reseller_id=row.reseller_id, client_id=row.client_id)
    if was_suspended or was_waiting:
        kind = "resumed" if was_suspended else kind
        auto_steps.record_step(session, row, kind, currency=client.currency, reason=reason)
    session.flush()


def find_row(session: Session, client_id: int) -> ClientAutoPayment | None:
    return session.scalar(select(ClientAutoPayment).where(ClientAutoPayment.client_id == client_id))


def lock_row(session: Session, client_id: int) -> ClientAutoPayment:
    """The block's row, locked until the transaction ends; raises NotFoundError."""
    row = session.scalar(
        select(ClientAutoPayment)
        .where(ClientAutoPayment.client_id == client_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFoundError("This client has no auto payment settings.")
    return row


def forget_declines(row: ClientAutoPayment) -> None:
    """The next due charge may be tried at once."""
    row.declines_in_row = 0
    row.tries_in_vain = 0
    row.declines_forgotten_at = now()
    row.next_try_at = None
    row.suspended_at = None
    row.suspended_reason = ""


def check_amount(value: Decimal, field: str) -> None:
    """An extra amount or a cap, whatever its currency; raises InvalidInputError."""
    if field == "extra_amount" and not 0 <= value < EXTRA_LIMIT:
        raise InvalidInputError("Enter an amount from 0 to 999999999.", field)
    if field != "extra_amount" and not 0 < value < EXTRA_LIMIT:
        raise InvalidInputError("Enter an amount above zero, or leave it empty.", field)


def check_decimals(value: Decimal, currency: str, field: str) -> None:
    """What a card is charged has no more decimals than its currency."""
    if value != minor_amount(value, currency):
        raise InvalidInputError(
            "The amount has more decimals than %(currency)s has.", field, currency=currency
        )


def check(wish: AutoPayment, currency: str) -> None:
    """Raises InvalidInputError for the first field that the block does not take."""
    for field in ("extra_amount", "day_cap", "month_cap"):
        value: Decimal | None = getattr(wish, field)
        if value is not None:
            check_amount(value, field)
            check_decimals(value, currency, field)
