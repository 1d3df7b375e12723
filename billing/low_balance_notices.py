"""Telling the client and the staff that the Available balance is low, once per crossing."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from billing.client_models import ClientLowBalance
from billing.low_balance import Turn, lock_row, next_turn
from billing.models import ClientBalance
from core.db import Session
from core.errors import InvalidInputError
from core.money import minor_amount
from mail import templates
from mail.queue import MailKind, queue_mail
from tenants import client_blocks, clients, events
from tenants.models import Client, Reseller


@dataclass(frozen=True, slots=True)
class _Case:
    client: Client
    balance: ClientBalance
    row: ClientLowBalance


def notify_low_balance(session: Session, client_id: int) -> bool:
    """Tell whom it concerns, or arm again; False when there is nothing to do.

    Postpaid and inactive clients are left out. Under the client's balance lock, so that two workers
    tell once. Raises NotFoundError.
    """
    client = clients.get_client(session, client_id)
    locked = lock_row(session, client_id)
    if locked is None or client.status != "active" or locked[0].postpaid:
        return False
    case = _Case(client, *locked)
    available = case.balance.live + case.balance.credit
    row = case.row
    turns = (
        next_turn(row.notify_client, available=available, told=row.client_told),
        next_turn(row.notify_admin, available=available, told=row.admin_told),
    )
    if Turn.TELL in turns:
        row.crossings += 1
    if turns[0] is not Turn.STAY:
        row.client_told = turns[0] is Turn.TELL
    if turns[1] is not Turn.STAY:
        row.admin_told = turns[1] is Turn.TELL
    session.flush()
    if turns[0] is Turn.TELL:
        _mail_client(session, case)
    if turns[1] is Turn.TELL:
        _event(
            session,
            case,
            "low_balance",
            events.EventText(
                "The available balance of %(name)s is %(available)s, below %(value)s.",
                name=client.name,
                available=_money(available, case),
                value=_money(row.notify_admin or Decimal(), case),
            ),
        )
    return any(turn is not Turn.STAY for turn in turns)


def _mail_client(session: Session, case: _Case) -> None:
    company = client_blocks.get_company(session, case.client.id)
    address = company.billing_email or company.main_email
    if not address:
        _not_mailed(session, case, "The client has no billing e-mail address.")
        return
    reseller = session.scalars(select(Reseller).where(Reseller.id == case.client.reseller_id)).one()
    host = reseller.portal_host
    written = templates.write(
        session,
        reseller_id=case.client.reseller_id,
        name="low_balance",
        locale=company.locale or reseller.locale,
        variables={
            "client_name": company.company_name or case.client.name,
            "sender_name": reseller.company_name or reseller.name,
            "available": case.balance.live + case.balance.credit,
            "threshold": case.row.notify_client,
            "currency": case.balance.currency,
            "panel_url": f"https://{host}/clients/" if host else "",
        },
    )
    try:
        queue_mail(
            session,
            reseller_id=case.client.reseller_id,
            client_id=case.client.id,
            kind=MailKind.LOW_BALANCE,
            dedupe_key=f"low_balance:{case.client.id}:{case.row.crossings}",
            to_address=address,
            subject=written.subject,
            body_text=written.text,
            body_html=written.html,
        )
    except InvalidInputError as error:
        _not_mailed(session, case, error.message)


def _not_mailed(session: Session, case: _Case, why: str) -> None:
    available = _money(case.balance.live + case.balance.credit, case)
    _event(
        session,
        case,
        "low_balance_not_mailed",
        events.EventText(
            "%(name)s was not told that its available balance is %(available)s: %(why)s",
            name=case.client.name,
            available=available,
            why=why,
        ),
    )


def _event(session: Session, case: _Case, code: str, text: events.EventText) -> None:
    events.record(
        session,
        reseller_id=case.client.reseller_id,
        client_id=case.client.id,
        level="warning",
        service="billing",
        code=code,
        text=text,
        object_type="client",
        object_id=case.client.id,
        dedupe_key=f"{code}:{case.client.id}:{case.row.crossings}",
    )


def _money(amount: Decimal, case: _Case) -> str:
    """With the currency's own decimals, and more only where the amount has them."""
    currency = case.balance.currency
    rounded = minor_amount(amount, currency)
    return f"{rounded if rounded == amount else amount.normalize():f} {currency}"
