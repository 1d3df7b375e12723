"""Payment accounts: where money arrives. "General" always exists and is never edited."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError

from billing.models import ClientBalance, LedgerLine, PaymentAccount
from core.currencies import get_currency
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError
from tenants import audit
from tenants.stamps import check_stamp

GENERAL = "General"
NAME_LENGTH = 100
DETAILS_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class AccountWish:
    """What an account shall be; `currency` None takes any.

    `details` are printed on invoices. `for_gateways`: a new gateway begins with it.
    """

    name: str
    currency: str | None = None
    details: str = ""
    is_active: bool = True
    for_gateways: bool = False


def create_general(session: Session, reseller_id: int) -> PaymentAccount:
    """Part of making a reseller."""
    account = PaymentAccount(reseller_id=reseller_id, name=GENERAL, is_general=True)
    session.add(account)
    session.flush()
    return account


def create_account(
    session: Session, *, reseller_id: int, name: str, wish: AccountWish | None = None
) -> PaymentAccount:
    """Make an account of this name, and as `wish` says; raises InvalidInputError."""
    account = PaymentAccount(reseller_id=reseller_id)
    _fill(session, account, wish or AccountWish(name), name)
    session.add(account)
    session.flush()
    _record(session, account, "create", audit.differences({}, facts(account)))
    return account


def update_account(
    session: Session, account_id: int, wish: AccountWish, *, stamp: str
) -> PaymentAccount:
    """Change an account; what was booked on it stays there.

    `stamp` is that of `facts` as they were shown. Raises NotFoundError, InvalidInputError,
    ConflictError for General and when it was changed meanwhile.
    """
    account = get_account(session, account_id, for_update=True)
    if account.is_general:
        raise ConflictError("The General account cannot be changed.")
    before = facts(account)
    check_stamp(stamp, before)
    if wish.currency is not None and wish.currency != account.currency:
        _check_moved(session, account, wish.currency)
    _fill(session, account, wish, wish.name)
    session.flush()
    changes = audit.differences(before, facts(account))
    if changes:
        _record(session, account, "update", changes)
    return account


def get_general(session: Session, reseller_id: int) -> PaymentAccount:
    account = session.scalar(
        select(PaymentAccount).where(
            PaymentAccount.reseller_id == reseller_id, PaymentAccount.is_general
        )
    )
    if account is None:
        raise NotFoundError("Payment account not found.")
    return account


def get_account(session: Session, account_id: int, *, for_update: bool = False) -> PaymentAccount:
    """Raises NotFoundError, also for an account of another tenant."""
    query = select(PaymentAccount).where(PaymentAccount.id == account_id)
    account = session.scalar(query.with_for_update() if for_update else query)
    if account is None:
        raise NotFoundError("Payment account not found.")
    return account


def list_accounts(session: Session, reseller_id: int) -> list[PaymentAccount]:
    """General first, then by name."""
    return list(
        session.scalars(
            select(PaymentAccount)
            .where(PaymentAccount.reseller_id == reseller_id)
            .order_by(PaymentAccount.is_general.desc(), PaymentAccount.name)
        )
    )


def list_usable(session: Session, reseller_id: int, currency: str) -> list[PaymentAccount]:
    """Those that money in `currency` may be booked on by hand."""
    return [
        one
        for one in list_accounts(session, reseller_id)
        if one.is_active and one.currency in (None, currency)
    ]


def list_for_gateways(session: Session, reseller_id: int) -> list[PaymentAccount]:
    """Those that a new gateway may book on, the one that is meant for it first."""
    usable = [one for one in list_accounts(session, reseller_id) if one.is_active]
    return sorted(usable, key=lambda one: not one.for_gateways)


def check_takes(session: Session, account_id: int, currency: str) -> None:
    """Raises InvalidInputError when money in `currency` may not be booked there by hand."""
    account = session.scalar(select(PaymentAccount).where(PaymentAccount.id == account_id))
    if account is None:
        raise InvalidInputError("Choose a payment account.", "payment_account_id")
    if not account.is_active:
        raise InvalidInputError("This payment account is switched off.", "payment_account_id")
    if account.currency not in (None, currency):
        raise InvalidInputError(
            "This payment account takes %(currency)s only.",
            "payment_account_id",
            currency=account.currency,
        )


def printed_details(session: Session, reseller_id: int, client_id: int) -> Sequence[str]:
    """How a client may pay in its own currency, as its invoices print it."""
    return session.scalars(
        select(PaymentAccount.details)
        .join(
            ClientBalance,
            (ClientBalance.reseller_id == PaymentAccount.reseller_id)
            & or_(
                PaymentAccount.currency.is_(None),
                PaymentAccount.currency == ClientBalance.currency,
            ),
        )
        .where(
            PaymentAccount.reseller_id == reseller_id,
            PaymentAccount.is_active,
            PaymentAccount.details != "",
            ClientBalance.client_id == client_id,
        )
        .order_by(PaymentAccount.name)
    ).all()


def delete_account(session: Session, account_id: int) -> None:
    """Raises NotFoundError; ConflictError for General or one that anything refers to."""
    account = get_account(session, account_id, for_update=True)
    if account.is_general:
        raise ConflictError("The General account cannot be deleted.")
    used = session.scalar(
        select(LedgerLine.entry_id)
        .where(
            LedgerLine.reseller_id == account.reseller_id,
            LedgerLine.payment_account_id == account.id,
        )
        .limit(1)
    )
    if used is not None:
        raise ConflictError("This payment account is in use and cannot be deleted.")
    _record(session, account, "delete", {})
    try:
        with session.begin_nested():
            session.delete(account)
            session.flush()
    except IntegrityError as error:
        # a gateway books on it, or a payment that is pending
        raise ConflictError("This payment account is in use and cannot be deleted.") from error


def facts(account: PaymentAccount) -> dict[str, object]:
    """What a form shows of an account, for its stamp and for the audit log."""
    return {
        "name": account.name,
        "currency": account.currency,
        "details": account.details,
        "is_active": account.is_active,
        "for_gateways": account.for_gateways,
    }


def _fill(session: Session, account: PaymentAccount, wish: AccountWish, name: str) -> None:
    account.name = _checked_name(session, account, name)
    if wish.currency is not None:
        get_currency(wish.currency)
    account.currency = wish.currency
    account.details = wish.details.replace("\r\n", "\n").strip()
    if len(account.details) > DETAILS_LENGTH:
        raise InvalidInputError(
            "Use at most %(count)s characters.", "details", count=DETAILS_LENGTH
        )
    if wish.for_gateways and not wish.is_active:
        raise InvalidInputError("Gateways cannot begin with an account that is off.", "is_active")
    if wish.for_gateways and not account.for_gateways:
        with session.no_autoflush:
            session.execute(
                update(PaymentAccount)
                .where(
                    PaymentAccount.reseller_id == account.reseller_id, PaymentAccount.for_gateways
                )
                .values(for_gateways=False)
            )
    account.is_active, account.for_gateways = wish.is_active, wish.for_gateways


def _checked_name(session: Session, account: PaymentAccount, name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    if len(name) > NAME_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "name", count=NAME_LENGTH)
    with session.no_autoflush:
        taken = session.scalar(
            select(PaymentAccount.id).where(
                PaymentAccount.reseller_id == account.reseller_id,
                func.lower(PaymentAccount.name) == name.lower(),
            )
        )
    if taken is not None and taken != account.id:
        raise InvalidInputError("Another payment account has this name.", "name")
    return name


def _check_moved(session: Session, account: PaymentAccount, currency: str) -> None:
    """The account may be kept to a currency only when no other money has moved on it."""
    first, last = session.execute(
        select(func.min(LedgerLine.currency), func.max(LedgerLine.currency)).where(
            LedgerLine.reseller_id == account.reseller_id,
            LedgerLine.payment_account_id == account.id,
        )
    ).one()
    if {first, last} - {None, currency}:
        raise InvalidInputError("Money in another currency has moved on it.", "currency")


def _record(
    session: Session,
    account: PaymentAccount,
    action: str,
    changes: dict[str, tuple[object, object]],
) -> None:
    audit.record(
        session,
        reseller_id=account.reseller_id,
        action=action,
        object_type="payment_account",
        object_id=account.id,
        object_label=account.name,
        changes=changes,
    )
