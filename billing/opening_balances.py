"""Opening balances: what a client brought along from another system, once unless reversed.

It moves both books at once: what was owed there was charged and invoiced there already.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from billing import ledger
from billing.ledger import EntryKind
from billing.report_models import OpeningBalance
from billing.transaction_rows import author, checked_date, checked_description
from core.clock import now
from core.db import Session
from core.errors import ConflictError, InvalidInputError, InvariantError, NotFoundError
from core.money import minor_amount
from tenants import audit
from tenants.clients import get_client

WHAT = "Opening balance"


def create_opening_balance(
    session: Session,
    *,
    opening_id: UUID,
    client_id: int,
    amount: Decimal,
    dated_at: datetime | None,
    description: str = "",
) -> OpeningBalance:
    """Book it in the client's currency; a positive amount is the client's, a negative one owed.

    The same id gives the row made before. Raises InvalidInputError naming the field, NotFoundError,
    ConflictError for a client that has one.
    """
    client = get_client(session, client_id)
    balance = ledger.lock_balance(session, client.id)
    known = session.scalar(select(OpeningBalance).where(OpeningBalance.id == opening_id))
    if known is not None:
        if known.client_id != client.id or known.amount != amount:
            raise ConflictError("This form was sent before with other content.")
        return known
    if not amount.is_finite() or amount == 0:
        raise InvalidInputError("The amount must not be zero.", "amount")
    if minor_amount(amount, balance.currency) != amount:
        raise InvalidInputError(
            "%(currency)s has no such small unit.", "amount", currency=balance.currency
        )
    if find_standing(session, client.id) is not None:
        raise ConflictError("This client has an opening balance. Reverse it first.")
    dated_at, description = checked_date(dated_at), checked_description(description)
    posted = ledger.post(
        session,
        ledger.Posting(
            reseller_id=client.reseller_id,
            client_id=client.id,
            kind=EntryKind.OPENING_BALANCE,
            source_id=opening_id,
            currency=balance.currency,
            effective_at=dated_at,
            description=description or WHAT,
            lines=ledger.opening_lines(amount),
        ),
    )
    if posted is None:
        raise InvariantError("a new opening balance was posted before")
    made: OpeningBalance | None = session.scalar(
        insert(OpeningBalance)
        .values(
            id=opening_id,
            reseller_id=client.reseller_id,
            client_id=client.id,
            amount=amount,
            currency=balance.currency,
            dated_at=dated_at,
            description=description,
            author=author(),
            ledger_entry_id=posted.entry_id,
            created_at=now(),
        )
        .returning(OpeningBalance)
    )
    if made is None:
        raise InvariantError("a new opening balance was made before")
    _record(session, made, "create", {"amount": (None, amount), "description": (None, description)})
    return made


def reverse_opening_balance(
    session: Session, opening_id: UUID, *, reversal_id: UUID, reason: str
) -> OpeningBalance:
    """Take it back by its exact opposite, dated now; the client may get another one then.

    Reversing again changes nothing. Raises InvalidInputError without a reason, NotFoundError.
    """
    reason = checked_description(reason)
    if not reason:
        raise InvalidInputError("Enter the reason.", "reason")
    ledger.lock_balance(session, get_opening_balance(session, opening_id).client_id)
    opening = session.scalars(
        select(OpeningBalance)
        .where(OpeningBalance.id == opening_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if opening.reversed_at is not None:
        return opening
    at = now()
    posted = ledger.reverse(
        session,
        opening.ledger_entry_id,
        source_id=reversal_id,
        effective_at=at,
        description=f"Reversal: {opening.description or WHAT}",
    )
    if posted is None:
        raise ConflictError("This reversal was entered already for another transaction.")
    opening.reversal_entry_id, opening.reversed_at = posted.entry_id, at
    opening.reason = reason
    session.flush()
    _record(session, opening, "reverse", {"reason": (None, reason)})
    return opening


def get_opening_balance(session: Session, opening_id: UUID) -> OpeningBalance:
    """Raises NotFoundError, also for one of another tenant."""
    found = session.scalar(select(OpeningBalance).where(OpeningBalance.id == opening_id))
    if found is None:
        raise NotFoundError("Opening balance not found.")
    return found


def find_standing(session: Session, client_id: int) -> OpeningBalance | None:
    """The client's opening balance that is not reversed, if it has one."""
    return session.scalar(
        select(OpeningBalance).where(
            OpeningBalance.client_id == client_id, OpeningBalance.reversed_at.is_(None)
        )
    )


def _record(
    session: Session,
    opening: OpeningBalance,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=opening.reseller_id,
        client_id=opening.client_id,
        action=action,
        object_type="opening_balance",
        object_id=opening.id,
        object_label=opening.description or WHAT,
        changes=changes,
    )
