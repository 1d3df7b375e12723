"""Low balance (`domain.md` 9): who is told, once per crossing, and the capacity that then holds.

Below means strictly below. A notification is armed again when Available is at or above its value.
"""

from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import select

from billing import ledger
from billing.client_models import ClientLowBalance
from billing.models import ClientBalance
from core.db import Session
from core.errors import InvalidInputError
from tenants import audit
from tenants.models import Client

VALUE_LIMIT = Decimal(10) ** 9
VALUE_PLACES = Decimal("0.000001")
CAPACITY_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class LowBalance:
    """The block; amounts of Available in the client's currency, None is off.

    `low_capacity` (channels) is the origination capacity while Available is below `threshold`.
    """

    notify_client: Decimal | None = None
    notify_admin: Decimal | None = None
    threshold: Decimal | None = None
    low_capacity: int | None = None


class Turn(StrEnum):
    """What a look at the balance finds."""

    STAY = "stay"
    TELL = "tell"
    ARM = "arm"


def next_turn(value: Decimal | None, *, available: Decimal, told: bool) -> Turn:
    """Whether somebody is to be told now, or the next crossing will be news again."""
    is_low = value is not None and available < value
    if is_low == told:
        return Turn.STAY
    return Turn.TELL if is_low else Turn.ARM


def effective_capacity(
    capacity: int | None, low: LowBalance, *, available: Decimal, postpaid: bool
) -> int | None:
    """The origination capacity in channels that holds now; None is unlimited.

    The smaller of the two while Available is below the threshold; a postpaid client's never is.
    """
    if postpaid or low.threshold is None or low.low_capacity is None:
        return capacity
    if available >= low.threshold:
        return capacity
    return low.low_capacity if capacity is None else min(capacity, low.low_capacity)


def get_effective_capacity(session: Session, client_id: int, capacity: int | None) -> int | None:
    """The same for a stored client as its balance is now; `capacity` is what was set up for it.

    Raises NotFoundError.
    """
    balance = ledger.get_balance(session, client_id)
    return effective_capacity(
        capacity,
        get_low_balance(session, client_id),
        available=balance.live + balance.credit,
        postpaid=balance.postpaid,
    )


def get_low_balance(session: Session, client_id: int) -> LowBalance:
    """The block as saved; all off when it never was."""
    row = session.scalar(select(ClientLowBalance).where(ClientLowBalance.client_id == client_id))
    return LowBalance() if row is None else as_block(row)


def save_low_balance(session: Session, client: Client, wish: LowBalance) -> None:
    """Write the block and audit it; raises InvalidInputError naming the field.

    A value that is taken out arms its notification again.
    """
    check(wish)
    row = session.scalar(
        select(ClientLowBalance).where(ClientLowBalance.client_id == client.id).with_for_update()
    )
    if row is None:
        if wish == LowBalance():
            return
        row = ClientLowBalance(client_id=client.id, reseller_id=client.reseller_id)
        session.add(row)
    before = as_block(row)
    for name, value in asdict(wish).items():
        setattr(row, name, value)
    row.client_told = bool(row.client_told) and wish.notify_client is not None
    row.admin_told = bool(row.admin_told) and wish.notify_admin is not None
    session.flush()
    changes = audit.differences(asdict(before), asdict(wish))
    if changes:
        audit.record(
            session,
            reseller_id=client.reseller_id,
            client_id=client.id,
            action="update",
            object_type="client",
            object_id=client.id,
            object_label=client.name,
            changes=changes,
        )


def lock_row(session: Session, client_id: int) -> tuple[ClientBalance, ClientLowBalance] | None:
    """The balance and the block's row, locked in the fixed order; None where it never was saved."""
    balance = ledger.lock_balance(session, client_id)
    row = session.scalar(
        select(ClientLowBalance)
        .where(ClientLowBalance.client_id == client_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return None if row is None else (balance, row)


def as_block(row: ClientLowBalance) -> LowBalance:
    return LowBalance(**{one.name: getattr(row, one.name) for one in fields(LowBalance)})


def check(wish: LowBalance) -> None:
    """Raises InvalidInputError for the first field that the block does not take."""
    for name in ("notify_client", "notify_admin", "threshold"):
        value: Decimal | None = getattr(wish, name)
        if value is not None:
            check_amount(value, name)
    if wish.low_capacity is not None:
        check_capacity(wish.low_capacity)
    if wish.threshold is not None and wish.low_capacity is None:
        raise InvalidInputError(
            "Enter the capacity that holds below the threshold.", "low_capacity"
        )
    if wish.low_capacity is not None and wish.threshold is None:
        raise InvalidInputError("Enter the threshold below which it holds.", "threshold")


def check_amount(value: Decimal, field: str) -> None:
    """At most 9 digits before the point and 6 after it; raises InvalidInputError."""
    if not value.is_finite() or abs(value) >= VALUE_LIMIT:
        raise InvalidInputError("The amount has at most 9 digits.", field)
    if value != value.quantize(VALUE_PLACES):
        raise InvalidInputError("The amount has at most 6 decimals.", field)


def check_capacity(channels: int, field: str = "low_capacity") -> None:
    """Raises InvalidInputError."""
    if not 0 <= channels <= CAPACITY_LIMIT:
        raise InvalidInputError("Enter a number of channels from 0 to 1000000.", field)
