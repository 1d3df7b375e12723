"""What outgoing webhooks say of clients and what moves their money: amounts as exact text."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from billing.invoice_models import Invoice
from billing.models import ClientBalance, Transaction
from billing.voucher_models import Voucher, VoucherSeries
from core.db import Session
from tenants.models import Client


def describe(session: Session, object_type: str, object_id: str) -> Mapping[str, Any]:
    """The object as it is now; {} for another kind and for what is gone."""
    if object_type == "client" and object_id.isdigit():
        return _client(session, int(object_id))
    try:
        key = UUID(object_id)
    except ValueError:
        return {}
    if object_type == "transaction":
        return _transaction(session, key)
    if object_type == "voucher":
        return _voucher(session, key)
    return _invoice(session, key) if object_type == "invoice" else {}


def _client(session: Session, client_id: int) -> Mapping[str, Any]:
    row = session.execute(
        select(Client, ClientBalance)
        .join(
            ClientBalance,
            (ClientBalance.reseller_id == Client.reseller_id)
            & (ClientBalance.client_id == Client.id),
        )
        .where(Client.id == client_id)
    ).one_or_none()
    if row is None:
        return {}
    client, balance = row
    return {
        "name": client.name,
        "status": client.status,
        "currency": client.currency,
        "live": _amount(balance.live),
        "fixed": _amount(balance.fixed),
        # postpaid clients may owe without end
        "available": None if balance.postpaid else _amount(balance.live + balance.credit),
    }


def _transaction(session: Session, key: UUID) -> Mapping[str, Any]:
    one = session.scalar(select(Transaction).where(Transaction.id == key))
    if one is None:
        return {}
    return {
        "type": one.type,
        "kind": one.kind,
        "status": one.status,
        "net": _amount(one.net),
        "tax": _amount(one.tax),
        "total": _amount(one.total),
        "currency": one.currency,
        "dated_at": _instant(one.dated_at),
        "description": one.description,
        "payment": None if one.payment_id is None else str(one.payment_id),
        "reverses": None if one.reverses_id is None else str(one.reverses_id),
    }


def _invoice(session: Session, key: UUID) -> Mapping[str, Any]:
    one = session.scalar(select(Invoice).where(Invoice.id == key))
    if one is None:
        return {}
    return {
        "number": one.number,
        "state": one.state,
        "total": _amount(one.total),
        "currency": one.currency,
        "issued_at": None if one.issued_at is None else _instant(one.issued_at),
        "due_on": None if one.due_on is None else one.due_on.isoformat(),
    }


def _voucher(session: Session, key: UUID) -> Mapping[str, Any]:
    row = session.execute(
        select(Voucher, VoucherSeries)
        .join(
            VoucherSeries,
            (VoucherSeries.reseller_id == Voucher.reseller_id)
            & (VoucherSeries.id == Voucher.series_id),
        )
        .where(Voucher.id == key)
    ).one_or_none()
    if row is None:
        return {}
    voucher, series = row
    return {
        "serial": f"{series.name}-{voucher.number:06d}",
        "state": voucher.state,
        "amount": _amount(series.amount),
        "currency": series.currency,
        "redeemed_at": None if voucher.redeemed_at is None else _instant(voucher.redeemed_at),
        # the payment of a voucher has the voucher's own id
        "transaction": None if voucher.redeemed_at is None else str(voucher.id),
    }


def _amount(value: Decimal) -> str:
    return format(value.normalize() if value else Decimal(), "f")


def _instant(value: datetime) -> str:
    return value.isoformat()
