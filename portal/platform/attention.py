"""What needs attention, counted per reseller; the overview, the list and the page share it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Text,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from billing.invoice_models import Invoice
from billing.models import ClientBalance, ClientBilling, LedgerCheck
from core.clock import now
from mail.models import MailMessage
from payments.models import Refill
from portal.keyset import COUNT_LIMIT
from tenants.models import Client, Reseller, User
from tenants.signed_in import is_trading

RECENT = timedelta(days=7)
"""How far failures are looked back for."""
OPEN_REFILLS = ("requested", "processing", "held", "unknown")
FAILED_REFILLS = ("declined", "failed")
WAITING_MAIL = ("queued", "sending")
CHECK_EVERY = timedelta(days=2)
"""The ledger is checked once a day; a check that is older than this has been missed."""
TROUBLES = (
    "suspended",
    "refills",
    "unknown",
    "held",
    "failed_payments",
    "failed_mail",
    "waiting_mail",
    "due_invoices",
    "ledger",
)


def failed_payments() -> ScalarSelect[int]:
    """Charges that a gateway or a bank refused in the last days."""
    return _count(
        select(func.count()).where(
            Refill.reseller_id == Reseller.id,
            Refill.created_at >= now() - RECENT,
            Refill.state.in_(FAILED_REFILLS),
        )
    )


def failed_mail() -> ScalarSelect[int]:
    """Mail of the last days that could not be sent."""
    return _count(
        select(func.count()).where(
            MailMessage.reseller_id == Reseller.id,
            MailMessage.created_at >= now() - RECENT,
            MailMessage.state == "failed",
        )
    )


def oldest_mail() -> ScalarSelect[datetime]:
    """Since when the oldest mail of the reseller waits."""
    return (
        select(func.min(MailMessage.created_at))
        .where(MailMessage.reseller_id == Reseller.id, MailMessage.state.in_(WAITING_MAIL))
        .correlate(Reseller)
        .scalar_subquery()
    )


def clients(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return _count(
        select(func.count(Client.id)).where(
            Client.reseller_id == Reseller.id, Client.status != "deleted", *conditions
        )
    )


def staff() -> ScalarSelect[int]:
    return _count(select(func.count(User.id)).where(User.reseller_id == Reseller.id))


def invoices() -> ScalarSelect[int]:
    """Invoices that were issued, counted as far as COUNT_LIMIT and one more."""
    some = (
        select(Invoice.id)
        .where(Invoice.reseller_id == Reseller.id, Invoice.issued_at.is_not(None))
        .limit(COUNT_LIMIT + 1)
        .correlate(Reseller)
        .lateral("some")
    )
    return _count(select(func.count()).select_from(some))


def live_by_currency() -> ScalarSelect[Any]:
    """The sum of the clients' Live balances, a JSON object of amounts by currency."""
    sums = (
        select(ClientBalance.currency, cast(func.sum(ClientBalance.live), Text).label("live"))
        .where(ClientBalance.reseller_id == Reseller.id)
        .group_by(ClientBalance.currency)
        .correlate(Reseller)
        .lateral("sums")
    )
    return (
        select(func.jsonb_object_agg(sums.c.currency, sums.c.live))
        .select_from(sums)
        .correlate(Reseller)
        .scalar_subquery()
    )


def read_amounts(found: Mapping[str, str] | None) -> dict[str, Decimal]:
    """What `live_by_currency` answered."""
    return {currency: Decimal(amount) for currency, amount in sorted((found or {}).items())}


def last_check(column: Any) -> ScalarSelect[Any]:  # noqa: ANN401 (a column of any type)
    """A column of the newest ledger check of the reseller."""
    return (
        select(column)
        .where(LedgerCheck.reseller_id == Reseller.id)
        .order_by(LedgerCheck.id.desc())
        .limit(1)
        .correlate(Reseller)
        .scalar_subquery()
    )


def ledger_trouble() -> ColumnElement[bool]:
    """True where the last check found something, or none was made for too long."""
    return or_(
        ~last_check(LedgerCheck.ok),
        func.coalesce(last_check(LedgerCheck.at), Reseller.created_at) < now() - CHECK_EVERY,
    )


def due_invoices() -> ColumnElement[bool]:
    """A condition on `ClientBilling`: a boundary has passed and the invoice is not made."""
    client = aliased(Client)
    return (
        ClientBilling.autoinvoicing
        & (ClientBilling.next_invoice_at <= now())
        & exists().where(client.id == ClientBilling.client_id, client.status != "deleted")
    )


def trouble(name: str) -> ColumnElement[bool]:
    """A condition on `Reseller` for one of TROUBLES."""
    if name == "suspended":
        return ~is_trading()
    if name == "ledger":
        return ledger_trouble()
    if name == "due_invoices":
        return is_trading() & _any(
            select(literal_column("1")).where(
                ClientBilling.reseller_id == Reseller.id, due_invoices()
            )
        )
    if name == "failed_payments":
        return failed_payments() > 0
    if name == "failed_mail":
        return failed_mail() > 0
    if name == "waiting_mail":
        return oldest_mail().is_not(None)
    states = {"refills": OPEN_REFILLS}.get(name, (name,))
    return _any(
        select(literal_column("1")).where(
            Refill.reseller_id == Reseller.id, Refill.state.in_(states)
        )
    )


def _count(query: Select[int]) -> ScalarSelect[int]:
    return query.correlate(Reseller).scalar_subquery()


def _any(query: Select[Any]) -> ColumnElement[bool]:
    return query.correlate(Reseller).exists()
