"""Series of vouchers: asked for, and their PINs taken out once."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, func, select, update

from billing import payment_accounts, voucher_pins
from billing.models import PaymentAccount
from billing.periods import local_midnight
from billing.voucher_models import Voucher, VoucherSeries, VoucherSheet
from core.clock import now, today
from core.currencies import get_currency
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.money import LEDGER_LIMIT, minor_amount
from core.names import clean_line
from core.tenancy import current_actor
from core.zones import get_zone
from tenants import audit, resellers, tasks

KIND = "generate_vouchers"
ACCOUNT = "Vouchers"
"""The payment account that redeemed vouchers are booked on unless another is chosen."""
MOST = 100_000
PINS_KEPT = timedelta(days=7)
"""How long PINs that nobody takes out are kept."""
NOTE_LENGTH = 500
LATEST_YEAR = 2199
_NAME = re.compile(r"[A-Z0-9][A-Z0-9-]{0,19}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a series shall be; `expires_on` is the last day on which its vouchers are taken.

    `is_active`: they can be redeemed at once; else staff activate them, as cards are handed out.
    Without a payment account they are booked on one of their own.
    """

    name: str
    amount: Decimal
    currency: str
    quantity: int
    pin_length: int = voucher_pins.DEFAULT_LENGTH
    expires_on: date | None = None
    payment_account_id: int | None = None
    is_active: bool = False
    note: str = ""


def request_series(
    session: Session, *, request_id: UUID, reseller_id: int, wish: Wish
) -> VoucherSeries:
    """Ask for a series whose vouchers a task makes; the same drawn form sent twice asks once.

    Raises InvalidInputError naming the field.
    """
    known = session.scalar(select(VoucherSeries).where(VoucherSeries.request_id == request_id))
    if known is not None:
        return known
    reseller = resellers.check_choice(session, reseller_id)
    checked = _checked(session, reseller_id, wish)
    series = VoucherSeries(
        request_id=request_id,
        task_id=request_id,
        reseller_id=reseller_id,
        name=checked.name,
        amount=checked.amount,
        currency=checked.currency,
        quantity=checked.quantity,
        pin_length=checked.pin_length,
        key_id=voucher_pins.first_key_id(),
        payment_account_id=_account(session, reseller_id, checked),
        note=checked.note,
        expires_on=checked.expires_on,
        expires_at=_end_of(checked.expires_on, reseller.timezone),
        born_active=checked.is_active,
        pins_until=now() + PINS_KEPT,
        created_at=now(),
        created_by=current_actor().label,
    )
    session.add(series)
    session.flush()
    task = tasks.create_task(
        session,
        task_id=request_id,
        kind=KIND,
        title=series.name,
        params={"series": series.id, "reseller": reseller_id},
    )
    task.total = series.quantity
    session.flush()
    record(session, series, "create", audit.differences({}, _facts(series)))
    return series


def get_series(session: Session, series_id: int, *, for_update: bool = False) -> VoucherSeries:
    """Raises NotFoundError, also for one of another tenant."""
    query = select(VoucherSeries).where(VoucherSeries.id == series_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    series = session.scalar(query)
    if series is None:
        raise NotFoundError("Series not found.")
    return series


def get_voucher(session: Session, voucher_id: UUID, *, for_update: bool = False) -> Voucher:
    """Raises NotFoundError, also for one of another tenant."""
    query = select(Voucher).where(Voucher.id == voucher_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    voucher = session.scalar(query)
    if voucher is None:
        raise NotFoundError("Voucher not found.")
    return voucher


def serial_of(series: VoucherSeries, number: int) -> str:
    """What is printed beside the PIN and names a voucher to people."""
    return f"{series.name}-{number:06d}"


def take_pins(session: Session, series_id: int) -> list[tuple[int, str]]:
    """Number and PIN of every voucher, once: afterwards nobody can read them again.

    Raises NotFoundError, ConflictError before they are made and when they are gone.
    """
    series = get_series(session, series_id, for_update=True)
    settle(session, series)
    if series.pins_taken_at is not None:
        raise ConflictError(
            "%(name)s took these PINs out already; they are no longer kept.",
            name=series.pins_taken_by,
        )
    sheets = session.scalars(
        select(VoucherSheet).where(VoucherSheet.series_id == series_id).order_by(VoucherSheet.n)
    ).all()
    if series.pins_until is None or not sheets:
        raise ConflictError("These PINs are no longer kept: nobody took them out in time.")
    pins: list[str] = []
    for one in sheets:
        pins += voucher_pins.open_sheet(sheet_place(series, one.n), one.sealed)
    session.execute(
        delete(VoucherSheet)
        .where(VoucherSheet.series_id == series_id)
        .execution_options(synchronize_session=False)
    )
    series.pins_until = None
    series.pins_taken_at = now()
    series.pins_taken_by = current_actor().label
    session.flush()
    record(session, series, "take_pins", {"vouchers": (None, len(pins))})
    return list(enumerate(pins, 1))


def sheet_place(series: VoucherSeries, n: int) -> str:
    """What the sealed PINs are bound to."""
    return f"voucher_sheets|sealed|{series.reseller_id}|{series.id}:{n}"


def forget_old_pins(session: Session) -> int:
    """Remove PINs that nobody took out in time, of every tenant; how many series had some."""
    ids = session.scalars(
        update(VoucherSeries)
        .where(VoucherSeries.pins_until <= now())
        .values(pins_until=None)
        .returning(VoucherSeries.id)
        .execution_options(synchronize_session=False)
    ).all()
    if ids:
        session.execute(
            delete(VoucherSheet)
            .where(VoucherSheet.series_id.in_(ids))
            .execution_options(synchronize_session=False)
        )
    return len(ids)


def record(
    session: Session,
    series: VoucherSeries,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    """Say in the audit log what was done to a series."""
    audit.record(
        session,
        reseller_id=series.reseller_id,
        action=action,
        object_type="voucher_series",
        object_id=series.id,
        object_label=series.name,
        changes=changes,
    )


def settle(session: Session, series: VoucherSeries) -> None:
    """A series whose task has ended before its end is as large as it became."""
    if series.made == series.quantity:
        return
    task = tasks.find_task(session, series.task_id)
    # a task of those above is not seen from here
    if task is None or task.state not in tasks.FINAL_STATES:
        raise ConflictError("This series is still being made.")
    if not series.made:
        raise ConflictError("No voucher of this series was made.")
    series.quantity = series.made
    session.flush()


def _facts(series: VoucherSeries) -> dict[str, object]:
    return {
        "name": series.name,
        "amount": series.amount,
        "currency": series.currency,
        "quantity": series.quantity,
        "pin_length": series.pin_length,
        "payment_account_id": series.payment_account_id,
        "expires_on": series.expires_on,
        "is_active": series.born_active,
        "note": series.note,
    }


def _checked(session: Session, reseller_id: int, wish: Wish) -> Wish:
    name = clean_line(wish.name).upper()
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            "Use letters, digits and hyphens, at most 20, beginning with a letter or digit.", "name"
        )
    with session.no_autoflush:
        taken = session.scalar(
            select(VoucherSeries.id).where(
                VoucherSeries.reseller_id == reseller_id,
                func.lower(VoucherSeries.name) == name.lower(),
            )
        )
    if taken is not None:
        raise InvalidInputError("Another series has this name.", "name")
    if not 1 <= wish.quantity <= MOST:
        raise InvalidInputError("Make 1 to %(most)s vouchers at once.", "quantity", most=MOST)
    live = _count_live(session, reseller_id, wish.pin_length)
    voucher_pins.check_length(wish.pin_length, wish.quantity, live=live)
    note = clean_line(wish.note)
    if len(note) > NOTE_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "note", count=NOTE_LENGTH)
    currency = get_currency(wish.currency).code
    return Wish(
        name=name,
        amount=_checked_amount(wish.amount, currency),
        currency=currency,
        quantity=wish.quantity,
        pin_length=wish.pin_length,
        expires_on=wish.expires_on,
        payment_account_id=wish.payment_account_id,
        is_active=wish.is_active,
        note=note,
    )


def _count_live(session: Session, reseller_id: int, pin_length: int) -> int:
    """Vouchers of all series, also those still to be made, that a PIN of this length may hit."""
    made = session.scalar(
        select(func.count())
        .select_from(Voucher)
        .join(
            VoucherSeries,
            (VoucherSeries.reseller_id == Voucher.reseller_id)
            & (VoucherSeries.id == Voucher.series_id),
        )
        .where(
            Voucher.reseller_id == reseller_id,
            Voucher.state.in_(("new", "active", "blocked")),
            VoucherSeries.pin_length == pin_length,
        )
    )
    missing = session.scalar(
        select(func.coalesce(func.sum(VoucherSeries.quantity - VoucherSeries.made), 0)).where(
            VoucherSeries.reseller_id == reseller_id, VoucherSeries.pin_length == pin_length
        )
    )
    return int(made or 0) + int(missing or 0)


def _checked_amount(amount: Decimal, currency: str) -> Decimal:
    if not amount.is_finite() or amount <= 0:
        raise InvalidInputError("The amount must be more than zero.", "amount")
    if amount >= LEDGER_LIMIT:
        raise InvalidInputError("The amount is too large.", "amount")
    if minor_amount(amount, currency) != amount:
        raise InvalidInputError("%(currency)s has no such small unit.", "amount", currency=currency)
    return amount


def _end_of(day: date | None, timezone: str) -> datetime | None:
    """The midnight after the day, on the reseller's clock."""
    if day is None:
        return None
    zone = get_zone(timezone)
    if not today(zone) <= day or day.year > LATEST_YEAR:
        raise InvalidInputError("Choose a day that is not over yet.", "expires_on")
    return local_midnight(day + timedelta(days=1), zone)


def _account(session: Session, reseller_id: int, wish: Wish) -> int:
    if wish.payment_account_id is not None:
        payment_accounts.check_takes(session, wish.payment_account_id, wish.currency)
        account = payment_accounts.get_account(session, wish.payment_account_id)
        if account.reseller_id != reseller_id:
            raise InvalidInputError("Choose a payment account.", "payment_account_id")
        return account.id
    own = session.scalar(
        select(PaymentAccount).where(
            PaymentAccount.reseller_id == reseller_id,
            func.lower(PaymentAccount.name) == ACCOUNT.lower(),
        )
    )
    if own is None:
        own = payment_accounts.create_account(session, reseller_id=reseller_id, name=ACCOUNT)
    else:
        payment_accounts.check_takes(session, own.id, wish.currency)
    return own.id


def count_by_key(session: Session) -> dict[str, int]:
    """How many vouchers of all tenants need each key: those that may still be redeemed."""
    rows = session.execute(
        select(VoucherSeries.key_id, func.count())
        .join(
            Voucher,
            (Voucher.reseller_id == VoucherSeries.reseller_id)
            & (Voucher.series_id == VoucherSeries.id),
        )
        .where(Voucher.state.in_(("new", "active", "blocked")))
        .group_by(VoucherSeries.key_id)
    )
    return {key_id: count for key_id, count in rows}
