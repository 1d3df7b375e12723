"""Rows that wait for a worker, over all tenants: how many are late and who waits longest."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, func, select

from billing.invoice_models import Invoice
from billing.models import ClientBilling
from core.clock import now
from core.db import Session
from mail.models import MailMessage
from payments.models import GatewayEvent, Refill
from portal.platform.attention import OPEN_REFILLS, WAITING_MAIL, due_invoices
from tenants.models import ClientCompany, Reseller
from tenants.signed_in import is_trading

LATE = timedelta(minutes=5)
"""Every sweep looks at least once a minute: what has been due for longer is not being done."""

Pick = Select[int, datetime]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows of one kind that are due; `since` is when the oldest of them fell due."""

    kind: str
    count: int
    since: datetime | None
    reseller_id: int | None
    reseller: str

    def is_late(self, at: datetime) -> bool:
        return self.since is not None and at - self.since > LATE


def read_waiting(session: Session) -> list[Waiting]:
    """One line for each kind, also where nothing waits."""
    return [_read(session, kind, pick()) for kind, pick in _KINDS.items()]


def oldest(lines: list[Waiting]) -> Waiting | None:
    """The line whose oldest row waits longest; None when nothing waits."""
    waiting = [line for line in lines if line.since is not None]
    return min(waiting, key=lambda line: line.since or now(), default=None)


def _read(session: Session, kind: str, pick: Pick) -> Waiting:
    due = pick.subquery()
    row = session.execute(
        select(func.count().over().label("count"), due.c.since, due.c.reseller_id, Reseller.name)
        .join_from(due, Reseller, Reseller.id == due.c.reseller_id)
        .order_by(due.c.since)
        .limit(1)
    ).one_or_none()
    if row is None:
        return Waiting(kind, 0, None, None, "")
    count: int = row[0]
    return Waiting(kind, count, row.since, row.reseller_id, row.name)


def _mail() -> Pick:
    since = case(
        (MailMessage.state == "sending", MailMessage.lease_until),
        else_=MailMessage.next_attempt_at,
    )
    return select(MailMessage.reseller_id, since.label("since")).where(
        MailMessage.state.in_(WAITING_MAIL), since <= now()
    )


def _refills() -> Pick:
    return select(Refill.reseller_id, _stamp(Refill.next_look_at)).where(
        Refill.state.in_(OPEN_REFILLS), Refill.next_look_at <= now()
    )


def _events() -> Pick:
    return select(GatewayEvent.reseller_id, _stamp(GatewayEvent.next_look_at)).where(
        GatewayEvent.handled_at.is_(None), GatewayEvent.next_look_at <= now()
    )


def _due() -> Pick:
    return (
        select(ClientBilling.reseller_id, _stamp(ClientBilling.next_invoice_at))
        .join(Reseller, Reseller.id == ClientBilling.reseller_id)
        .where(due_invoices(), is_trading())
    )


def _unfinished() -> Pick:
    company = ClientCompany
    has_address = (
        select(company.client_id)
        .where(
            company.reseller_id == Invoice.reseller_id,
            company.client_id == Invoice.client_id,
            (company.billing_email != "") | (company.main_email != ""),
        )
        .exists()
    )
    return select(Invoice.reseller_id, _stamp(Invoice.issued_at)).where(
        Invoice.state == "to_send", Invoice.file_id.is_(None) | has_address
    )


def _stamp(column: Any) -> Any:  # noqa: ANN401 (a nullable column whose nulls the condition removes)
    return column.label("since")


_KINDS: dict[str, Callable[[], Pick]] = {
    "mail": _mail,
    "refills": _refills,
    "gateway_events": _events,
    "due_invoices": _due,
    "unfinished_invoices": _unfinished,
}
