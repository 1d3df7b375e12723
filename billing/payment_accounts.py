"""Payment accounts: where money arrives. "General" always exists and is never edited."""

from sqlalchemy import func, select

from billing.models import LedgerLine, PaymentAccount
from core.db import Session
from core.errors import ConflictError, InvalidInputError, NotFoundError

GENERAL = "General"


def create_general(session: Session, reseller_id: int) -> PaymentAccount:
    """Part of making a reseller."""
    account = PaymentAccount(reseller_id=reseller_id, name=GENERAL, is_general=True)
    session.add(account)
    session.flush()
    return account


def create_account(session: Session, *, reseller_id: int, name: str) -> PaymentAccount:
    """Raises InvalidInputError for an empty name or one in use."""
    name = " ".join(name.split())
    if not name:
        raise InvalidInputError("Enter a name.", "name")
    taken = session.scalar(
        select(PaymentAccount.id).where(
            PaymentAccount.reseller_id == reseller_id,
            func.lower(PaymentAccount.name) == name.lower(),
        )
    )
    if taken is not None:
        raise InvalidInputError("Another payment account has this name.", "name")
    account = PaymentAccount(reseller_id=reseller_id, name=name)
    session.add(account)
    session.flush()
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


def list_accounts(session: Session, reseller_id: int) -> list[PaymentAccount]:
    """General first, then by name."""
    return list(
        session.scalars(
            select(PaymentAccount)
            .where(PaymentAccount.reseller_id == reseller_id)
            .order_by(PaymentAccount.is_general.desc(), PaymentAccount.name)
        )
    )


def delete_account(session: Session, account_id: int) -> None:
    """Raises ConflictError for General or one that money has moved on."""
    account = session.scalar(select(PaymentAccount).where(PaymentAccount.id == account_id))
    if account is None:
        raise NotFoundError("Payment account not found.")
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
    session.delete(account)
    session.flush()
