"""What the SureTax screens read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from billing.invoice_models import Invoice
from billing.suretax_models import SureTaxAccount, TaxFiling, TaxWait
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from portal.wording import refusal
from tenants.models import Client, Reseller

SHOWN = 200


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A reseller, with its account or None."""

    reseller_id: int
    reseller: str
    account: SureTaxAccount | None
    waiting: int


@dataclass(frozen=True, slots=True)
class WaitRow:
    """An invoice that waits; `reason` in the viewer's words, empty before the first try."""

    wait: TaxWait
    client: str
    reseller: str
    reason: str
    is_asking: bool


@dataclass(frozen=True, slots=True)
class FilingPage:
    """What SureTax said of an invoice, and where its filing stands."""

    invoice: Invoice
    client: str
    filing: TaxFiling
    reason: str

    @property
    def items(self) -> Sequence[dict[str, Any]]:
        """What was asked, line by line."""
        found: Sequence[dict[str, Any]] = self.filing.asked["ItemList"]
        return found

    @property
    def taxes(self) -> Sequence[dict[str, str]]:
        """What was said, tax by tax."""
        found: Sequence[dict[str, str]] = self.filing.answer["taxes"]
        return found


def list_accounts(session: Session) -> list[AccountRow]:
    """The resellers of the scope by name."""
    waiting = (
        select(func.count())
        .select_from(TaxWait)
        .where(TaxWait.reseller_id == Reseller.id)
        .correlate(Reseller)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Reseller.id, Reseller.name, SureTaxAccount, waiting)
        .outerjoin(SureTaxAccount, SureTaxAccount.reseller_id == Reseller.id)
        .order_by(Reseller.name)
        .limit(500)
    )
    return [AccountRow(*row) for row in rows]


def count_waiting(session: Session) -> int:
    """How many invoices of the scope wait for their taxes."""
    return session.scalar(select(func.count()).select_from(TaxWait)) or 0


def list_waiting(session: Session, at: datetime) -> list[WaitRow]:
    """Those that wait longest first."""
    rows = session.execute(_waits().limit(SHOWN))
    return [_row(wait, client, reseller, at) for wait, client, reseller in rows]


def get_waiting(session: Session, wait_id: UUID, at: datetime) -> WaitRow | None:
    """One of them; None when it waits no more."""
    row = session.execute(_waits().where(TaxWait.id == wait_id)).one_or_none()
    return None if row is None else _row(row[0], row[1], row[2], at)


def get_filing(session: Session, invoice_id: UUID) -> FilingPage:
    """Raises NotFoundError."""
    row = session.execute(
        select(Invoice, Client.name, TaxFiling)
        .join(TaxFiling, TaxFiling.invoice_id == Invoice.id)
        .join(Client, Client.id == Invoice.client_id)
        .where(Invoice.id == invoice_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError
    return FilingPage(*row, _say(row[2].reason, row[2].reason_values))


def _waits() -> Any:  # noqa: ANN401 (a Select of three columns)
    return (
        select(TaxWait, Client.name, Reseller.name)
        .join(Client, Client.id == TaxWait.client_id)
        .join(Reseller, Reseller.id == TaxWait.reseller_id)
        .order_by(TaxWait.created_at, TaxWait.id)
    )


def _row(wait: TaxWait, client: str, reseller: str, at: datetime) -> WaitRow:
    is_asking = bool(wait.lease_owner) and wait.next_try_at > at
    return WaitRow(wait, client, reseller, _say(wait.reason, wait.reason_values), is_asking)


def _say(reason: str, values: dict[str, Any]) -> str:
    return refusal(InvalidInputError(reason, **values)) if reason else ""
