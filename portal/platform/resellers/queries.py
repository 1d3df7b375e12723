"""What the list of resellers and the page of one show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import aliased, load_only

from billing.models import LedgerCheck
from core.db import Session
from mail.models import MailMessage
from payments.models import GatewayAccount, Refill
from portal.keyset import Page, Place
from portal.platform import attention
from portal.tenant_pages import in_order, read_ids, tree_key
from tenants.models import AuditRecord, Client, Event, Reseller, Role, User
from tenants.signed_in import is_trading

LAST = 8
"""Lines of each list on the page of a reseller."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; `show` is one of `attention.TROUBLES`, or empty."""

    search: str = ""
    show: str = ""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.show)


@dataclass(frozen=True, slots=True)
class ResellerRow:
    """One line of the list; `live` maps currencies to the sum of the clients' Live balances."""

    id: int
    name: str
    code: str
    depth: int
    parent: str | None
    status: str
    is_trading: bool
    currency: str
    active_clients: int
    clients: int
    staff: int
    invoices: int
    live: dict[str, Decimal]
    failed_payments: int
    failed_mail: int
    mail_since: datetime | None
    checked_at: datetime | None
    is_ledger_ok: bool | None


@dataclass(frozen=True, slots=True)
class Person:
    """A user of a reseller; an invited one has no password yet."""

    id: int
    name: str
    email: str
    role: str
    status: str
    last_sign_in_at: datetime | None
    is_invited: bool


@dataclass(frozen=True, slots=True)
class Payment:
    """A refill that is open or failed, with its client."""

    client: str
    amount: Decimal
    currency: str
    state: str
    reason: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Gateway:
    """A merchant account without anything secret."""

    name: str
    gateway: str
    currency: str
    live: bool
    enabled: bool


def read_resellers(session: Session, filters: Filters, place: Place) -> Page[ResellerRow]:
    """One page of the tree, each reseller beneath its parent."""
    page = read_ids(session, tree_key(), _conditions(filters), place)
    rows = session.execute(in_order(_select_rows(), page.rows))
    return Page([_row(row) for row in rows], page.previous, page.next, page.count)


def find_reseller(session: Session, reseller_id: int) -> ResellerRow | None:
    """The line of one reseller; None when there is none."""
    row = session.execute(_select_rows().where(Reseller.id == reseller_id)).one_or_none()
    return None if row is None else _row(row)


def list_parents(session: Session) -> list[tuple[int, str]]:
    """Active resellers to choose a parent from, indented by their depth."""
    rows = session.execute(
        select(Reseller.id, Reseller.name, func.cardinality(Reseller.path))
        .where(is_trading())
        .order_by(tree_key())
    )
    return [(one, "\u2003" * (depth - 1) + name) for one, name, depth in rows]


def list_people(session: Session, reseller_id: int) -> list[Person]:
    rows = session.execute(
        select(User, Role.name)
        .join(Role, Role.id == User.role_id)
        .where(User.reseller_id == reseller_id)
        .order_by(func.lower(User.name), User.id)
    )
    return [
        Person(
            user.id,
            user.name,
            user.email,
            role,
            user.status,
            user.last_sign_in_at,
            user.password_hash is None,
        )
        for user, role in rows
    ]


def list_gateways(session: Session, reseller_id: int) -> list[Gateway]:
    """The columns are named: credentials and the webhook's token are not even read."""
    rows = session.execute(
        select(
            GatewayAccount.name,
            GatewayAccount.gateway,
            GatewayAccount.currency,
            GatewayAccount.live,
            GatewayAccount.enabled,
        )
        .where(GatewayAccount.reseller_id == reseller_id)
        .order_by(GatewayAccount.enabled.desc(), GatewayAccount.position, GatewayAccount.id)
    )
    return [Gateway(*row) for row in rows]


def list_payments(session: Session, reseller_id: int, *states: str) -> list[Payment]:
    """The newest refills in these states."""
    rows = session.execute(
        select(
            Client.name,
            Refill.amount,
            Refill.currency,
            Refill.state,
            Refill.reason,
            Refill.created_at,
        )
        .join(Client, Client.id == Refill.client_id)
        .where(Refill.reseller_id == reseller_id, Refill.state.in_(states))
        .order_by(Refill.created_at.desc(), Refill.id.desc())
        .limit(LAST)
    )
    return [Payment(*row) for row in rows]


def list_mails(session: Session, reseller_id: int) -> Sequence[MailMessage]:
    """Mail that waits or has failed, newest first; never its text."""
    return session.scalars(
        select(MailMessage)
        .options(
            load_only(
                MailMessage.to_address,
                MailMessage.subject,
                MailMessage.state,
                MailMessage.last_error,
                MailMessage.created_at,
            )
        )
        .where(
            MailMessage.reseller_id == reseller_id,
            MailMessage.state.in_((*attention.WAITING_MAIL, "failed")),
        )
        .order_by(MailMessage.created_at.desc(), MailMessage.id.desc())
        .limit(LAST)
    ).all()


def list_events(session: Session, reseller_id: int) -> Sequence[Event]:
    return session.scalars(
        select(Event).where(Event.reseller_id == reseller_id).order_by(Event.id.desc()).limit(LAST)
    ).all()


def list_checks(session: Session, reseller_id: int) -> Sequence[LedgerCheck]:
    return session.scalars(
        select(LedgerCheck)
        .where(LedgerCheck.reseller_id == reseller_id)
        .order_by(LedgerCheck.id.desc())
        .limit(LAST)
    ).all()


def list_history(session: Session, reseller_id: int) -> Sequence[AuditRecord]:
    """What was done to the reseller itself: made, suspended, reactivated, edited."""
    return session.scalars(
        select(AuditRecord)
        .where(
            AuditRecord.reseller_id == reseller_id,
            AuditRecord.object_type == "reseller",
            AuditRecord.object_id == str(reseller_id),
        )
        .order_by(AuditRecord.id.desc())
        .limit(LAST)
    ).all()


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.search:
        found.append(
            or_(
                Reseller.name.icontains(filters.search, autoescape=True),
                Reseller.code.icontains(filters.search, autoescape=True),
                Reseller.company_name.icontains(filters.search, autoescape=True),
            )
        )
    if filters.show:
        found.append(attention.trouble(filters.show))
    return found


def _select_rows() -> Any:  # noqa: ANN401 (a query of many columns)
    parent = aliased(Reseller)
    return select(
        Reseller.id,
        Reseller.name,
        Reseller.code,
        func.cardinality(Reseller.path).label("depth"),
        parent.name.label("parent"),
        Reseller.status,
        is_trading().label("is_trading"),
        Reseller.currency,
        attention.clients(Client.status == "active").label("active_clients"),
        attention.clients().label("clients"),
        attention.staff().label("staff"),
        attention.invoices().label("invoices"),
        attention.live_by_currency().label("live"),
        attention.failed_payments().label("failed_payments"),
        attention.failed_mail().label("failed_mail"),
        attention.oldest_mail().label("mail_since"),
        attention.last_check(LedgerCheck.at).label("checked_at"),
        attention.last_check(LedgerCheck.ok).label("is_ledger_ok"),
    ).outerjoin(parent, parent.id == Reseller.parent_id)


def _row(row: Any) -> ResellerRow:  # noqa: ANN401 (a row of the query above)
    values = {name: getattr(row, name) for name in ResellerRow.__dataclass_fields__}
    return ResellerRow(**{**values, "live": attention.read_amounts(row.live)})
