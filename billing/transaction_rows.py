"""What a transaction says: checked input, its taxes, and whether a repeated request is the same."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import tax_profiles
from billing.models import PaymentAccount, Transaction
from billing.taxes import TaxedAmount, TaxMode, compute_taxes
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.logs import contains_card_number
from core.money import LEDGER_LIMIT, LEDGER_PLACES, ledger_amount, minor_amount, round_amount
from core.tenancy import current_actor
from core.zones import get_zone
from tenants.models import Client

DESCRIPTION_LENGTH = 500
PROFILE_MODE = "profile"
_SMALLEST_QUANTITY = Decimal(10) ** -LEDGER_PLACES
# The unit price of an invoice's line is numeric(20, 10).
_UNIT_PRICE_LIMIT = Decimal(10) ** 10
# At the ends of the calendar a day has no midnight in some zone, and a list with it no page.
EARLIEST_YEAR, LATEST_YEAR = 1970, 2199


@dataclass(frozen=True, slots=True)
class Original:
    """Money as it came: `amount` in `currency`, of which one unit was worth `rate`."""

    amount: Decimal
    currency: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new row says, checked; also what a repeated request is compared with."""

    id: UUID
    type: Literal["payment", "charge"]
    kind: str
    status: str
    client_id: int
    amount: Decimal
    dated_at: datetime | None
    description: str
    payment_account_id: int | None = None
    tax_mode: str = "none"
    quantity: Decimal | None = None
    original: Original | None = None


def row_values(session: Session, client: Client, currency: str, draft: Draft) -> dict[str, object]:
    """The columns of a new row; raises InvalidInputError naming the field."""
    amount = _checked_amount(draft, currency)
    dated_at = checked_date(draft.dated_at)
    taxed = client_taxes(session, client, amount, draft.tax_mode, dated_at)
    if draft.payment_account_id is not None:
        _check_payment_account(session, client, draft.payment_account_id)
    return {
        "id": draft.id,
        "reseller_id": client.reseller_id,
        "client_id": client.id,
        "type": draft.type,
        "kind": draft.kind,
        "status": draft.status,
        "payment_account_id": draft.payment_account_id,
        "amount": amount,
        "quantity": draft.quantity,
        "tax_mode": taxed.mode.value,
        "net": taxed.net,
        "tax": taxed.tax,
        "total": taxed.gross,
        "currency": currency,
        "original_amount": draft.original and draft.original.amount,
        "original_currency": draft.original and draft.original.currency,
        "exchange_rate": draft.original and draft.original.rate,
        "tax_details": tax_details(taxed),
        "dated_at": dated_at,
        "description": draft.description,
        "author": author(),
    }


def client_taxes(
    session: Session,
    client: Client,
    amount: Decimal,
    mode: str,
    dated_at: datetime | None = None,
) -> TaxedAmount:
    """The amount with the taxes of the client's profile that hold on the day of `dated_at`.

    The day is the client's own; None is now. The mode "profile" is the one that the profile says.
    """
    if mode == TaxMode.NONE:
        return compute_taxes(amount, (), TaxMode.NONE)
    day = (dated_at or now()).astimezone(get_zone(client.timezone)).date()
    used = tax_profiles.get_client_taxes(session, client, day)
    chosen = used.mode if mode == PROFILE_MODE else TaxMode(mode)
    if used.by_suretax and chosen is TaxMode.INCLUDING:
        raise InvalidInputError(
            "SureTax adds its taxes on the invoice: enter the amount without them.", "tax_mode"
        )
    return replace(compute_taxes(amount, used.rates, chosen), profile=used.profile, day=day)


def tax_details(taxed: TaxedAmount) -> dict[str, object]:
    """The taxes as they were, and how they were computed."""
    if not taxed.taxes:
        return {}
    return {
        "profile": taxed.profile,
        "day": None if taxed.day is None else taxed.day.isoformat(),
        "taxes": [
            {
                "name": tax.name,
                "percent": f"{tax.percent:f}",
                "priority": tax.priority,
                "base": f"{tax.base:f}",
                "amount": f"{tax.amount:f}",
            }
            for tax in taxed.taxes
        ],
        "steps": [step.as_json() for step in taxed.steps],
    }


def mirrored_details(details: dict[str, object]) -> dict[str, object]:
    """The same taxes the other way round, for a reversal."""
    taxes = details.get("taxes")
    if not isinstance(taxes, list):
        return {}
    return {
        **{name: details[name] for name in ("profile", "day") if name in details},
        "taxes": [
            {
                **tax,
                "base": f"{-Decimal(tax['base']):f}",
                "amount": f"{-Decimal(tax['amount']):f}",
            }
            for tax in taxes
        ],
    }


def repeated(known: Transaction, draft: Draft) -> Transaction:
    """`known` when it says what the repeated request says; a pending one may be approved since."""
    same = (
        known.reverses_id is None
        and known.type == draft.type
        and known.kind == draft.kind
        and known.client_id == draft.client_id
        and known.amount == draft.amount
        and known.payment_account_id == draft.payment_account_id
        # what the profile said then was written down, whatever it says today
        and draft.tax_mode in (PROFILE_MODE, known.tax_mode)
        and known.quantity == draft.quantity
        and (known.original_amount, known.original_currency, known.exchange_rate)
        == (
            (draft.original.amount, draft.original.currency, draft.original.rate)
            if draft.original
            else (None, None, None)
        )
        and known.description == draft.description
        and known.status in (draft.status, "approved")
        and draft.dated_at in (None, known.dated_at)
    )
    if not same:
        raise ConflictError("This form was sent before with other content.")
    return known


def _checked_amount(draft: Draft, currency: str) -> Decimal:
    """More than zero; payments in whole minor units, charges with at most six places."""
    amount = draft.amount
    if not amount.is_finite() or amount <= 0:
        raise InvalidInputError("The amount must be more than zero.", "amount")
    kept = ledger_amount(amount)
    if kept != amount:
        raise InvalidInputError("The amount has at most 6 decimals.", "amount")
    if draft.type == "payment" and minor_amount(amount, currency) != amount:
        raise InvalidInputError("%(currency)s has no such small unit.", "amount", currency=currency)
    return kept


def checked_status(status: str) -> str:
    if status not in ("pending", "approved"):
        raise InvalidInputError("Choose a status.", "status")
    return status


def checked_description(description: str) -> str:
    description = " ".join(description.split())
    if len(description) > DESCRIPTION_LENGTH:
        raise InvalidInputError(
            "Use at most %(count)s characters.", "description", count=DESCRIPTION_LENGTH
        )
    if contains_card_number(description):
        raise InvalidInputError(
            "This looks like a card number. Card numbers must not be kept here.", "description"
        )
    return description


def checked_quantity(quantity: Decimal | None, amount: Decimal) -> Decimal | None:
    """At 6 places; an invoice must be able to write it, and the price of one unit of `amount`.

    Raises InvalidInputError: such a charge could stand on no invoice, nor could any other with it.
    """
    if quantity is not None:
        if not quantity.is_finite() or quantity < _SMALLEST_QUANTITY:
            raise InvalidInputError("The quantity must be more than zero.", "quantity")
        if quantity >= LEDGER_LIMIT:
            raise InvalidInputError("The quantity is too large.", "quantity")
        quantity = round_amount(quantity, LEDGER_PLACES)
    if amount.is_finite() and abs(amount) >= _UNIT_PRICE_LIMIT * (quantity or 1):
        raise InvalidInputError(
            "The price of one unit is too large.", "amount" if quantity is None else "quantity"
        )
    return quantity


def checked_date(dated_at: datetime | None) -> datetime:
    """Now for none; years that every time zone of a reader can still show."""
    if dated_at is None:
        return now()
    if not EARLIEST_YEAR <= dated_at.year <= LATEST_YEAR:
        raise InvalidInputError(
            "Choose a date from %(first)s to %(last)s.",
            "dated_on",
            first=str(EARLIEST_YEAR),
            last=str(LATEST_YEAR),
        )
    return dated_at


def _check_payment_account(session: Session, client: Client, payment_account_id: int) -> None:
    found = session.scalar(
        select(PaymentAccount.id).where(
            PaymentAccount.id == payment_account_id,
            PaymentAccount.reseller_id == client.reseller_id,
        )
    )
    if found is None:
        raise InvalidInputError("Choose a payment account.", "payment_account_id")


def author() -> str:
    """Who made the row; empty when the system did."""
    actor = current_actor()
    return actor.label if actor.kind in ("user", "client", "platform") else ""


def insert_reversal(
    session: Session, original: Transaction, reversal_id: UUID, reason: str, at: datetime
) -> Transaction:
    """The exact opposite of a transaction as a row; raises ConflictError."""
    reversal = session.scalar(
        insert(Transaction)
        .values(
            id=reversal_id,
            reseller_id=original.reseller_id,
            client_id=original.client_id,
            type=original.type,
            kind=original.kind,
            status="approved",
            payment_account_id=original.payment_account_id,
            amount=-original.amount,
            quantity=original.quantity,
            tax_mode=original.tax_mode,
            net=-original.net,
            tax=-original.tax,
            total=-original.total,
            currency=original.currency,
            original_amount=None if original.original_amount is None else -original.original_amount,
            original_currency=original.original_currency,
            exchange_rate=original.exchange_rate,
            tax_details=mirrored_details(original.tax_details),
            dated_at=at,
            description=original.description,
            author=author(),
            reverses_id=original.id,
            reason=reason,
        )
        .on_conflict_do_nothing()
        .returning(Transaction)
        .execution_options(synchronize_session=False)
    )
    if reversal is None:
        raise ConflictError("This reversal was entered already for another transaction.")
    return reversal
