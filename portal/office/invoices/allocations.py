"""Payments put on invoices by hand: seen from an invoice, and from a payment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from billing import allocation_by_hand, invoices, transactions
from billing.invoice_models import Invoice, PaymentAllocation
from billing.models import Transaction
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.money import parse_amount
from core.uow import unit_of_work
from core.zones import get_zone
from portal.access import office_view
from portal.card_numbers import refuse_card_number, without_card_numbers
from portal.htmx import render
from portal.office import client_choice
from portal.office.client_choice import ChosenClient
from portal.office.invoices.blueprint import bp
from portal.wording import refusal
from tenants.permissions import Permission

MOST = 100
"""Rows of the other side that the screen offers, the oldest first."""


@dataclass(frozen=True, slots=True)
class Row:
    """The other side of an allocation: what it has left, and what is allocated between the two."""

    id: UUID
    label: str
    on: date
    due_on: date | None
    total: Decimal
    left: Decimal
    allocated: Decimal
    stamp: str
    invoice_id: UUID
    payment_id: UUID


@dataclass(frozen=True, slots=True)
class Side:
    """What the screen is about: an invoice or a payment, with what it has open or left."""

    kind: str
    id: UUID
    label: str
    total: Decimal
    left: Decimal
    client: ChosenClient
    by_hand: bool = False


@bp.get("/<uuid:invoice_id>/payments")
@office_view(Permission.INVOICES_WRITE)
def allocate_invoice(invoice_id: UUID) -> ResponseReturnValue:
    """The payments on an invoice, and those of its client that have something left."""
    return _draw_invoice(invoice_id)


@bp.get("/payments/<uuid:transaction_id>")
@office_view(Permission.INVOICES_WRITE)
def allocate_payment(transaction_id: UUID) -> ResponseReturnValue:
    """The invoices that a payment paid, and those of its client that are open."""
    return _draw_payment(transaction_id)


@bp.post("/<uuid:invoice_id>/payments/<uuid:transaction_id>")
@office_view(Permission.INVOICES_WRITE)
def allocate(invoice_id: UUID, transaction_id: UUID) -> ResponseReturnValue:
    """Put some of the payment on the invoice; a second click is refused."""
    try:
        amount = parse_amount(
            refuse_card_number(request.form.get("amount", ""), "amount").strip(),
            get_locale() or "en",
        )
        with unit_of_work() as session:
            invoice = allocation_by_hand.allocate(
                session,
                invoice_id=invoice_id,
                payment_id=transaction_id,
                amount=amount,
                stamp=request.form.get("stamp", ""),
            )
            number = invoice.number
    except InvalidInputError as error:
        return _again(invoice_id, transaction_id, refusal(error))
    return _back(invoice_id, transaction_id, _("The payment is put on %(number)s.", number=number))


@bp.post("/<uuid:invoice_id>/payments/<uuid:transaction_id>/take-off")
@office_view(Permission.INVOICES_WRITE)
def deallocate(invoice_id: UUID, transaction_id: UUID) -> ResponseReturnValue:
    """Take the payment off the invoice; from now on people allocate it."""
    with unit_of_work() as session:
        number = allocation_by_hand.deallocate(
            session,
            invoice_id=invoice_id,
            payment_id=transaction_id,
            stamp=request.form.get("stamp", ""),
        ).number
    text = _("The payment is taken off %(number)s.", number=number)
    return _back(invoice_id, transaction_id, text)


@bp.post("/payments/<uuid:transaction_id>/automatic")
@office_view(Permission.INVOICES_WRITE)
def let_allocate(transaction_id: UUID) -> ResponseReturnValue:
    """What the payment has left pays the oldest due invoice again, now and later."""
    with unit_of_work() as session:
        allocation_by_hand.set_by_hand(session, transaction_id, by_hand=False)
    flash(_("The payment is allocated automatically again."), "success")
    return redirect(url_for("office_invoices.allocate_payment", transaction_id=transaction_id), 303)


def _draw_invoice(invoice_id: UUID, *, wrong: UUID | None = None, message: str = "") -> Response:
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, invoice_id)
        if invoice.issued_at is None or invoice.direction != invoices.OUTGOING:
            raise NotFoundError("Invoice not found.")
        client = client_choice.get_chosen(session, invoice.client_id)
        side = Side(
            "invoice",
            invoice.id,
            invoice.number,
            invoice.total,
            invoice.total - invoice.paid,
            client,
        )
        rows = _payment_rows(session, invoice, client)
    return _draw(side, rows, wrong, message)


def _draw_payment(payment_id: UUID, *, wrong: UUID | None = None, message: str = "") -> Response:
    with unit_of_work() as session:
        payment = transactions.get_transaction(session, payment_id)
        if payment.type != "payment":
            raise NotFoundError("Payment not found.")
        client = client_choice.get_chosen(session, payment.client_id)
        side = Side(
            "payment",
            payment.id,
            payment.description or _("Payment"),
            payment.total,
            allocation_by_hand.free_amount(session, payment),
            client,
            payment.allocated_by_hand,
        )
        rows = _invoice_rows(session, payment)
    return _draw(side, rows, wrong, message)


def _draw(side: Side, rows: Sequence[Row], wrong: UUID | None, message: str) -> Response:
    return render(
        "office/invoices/allocate.html",
        "office/invoices/_allocate.html",
        status=422 if message else 200,
        side=side,
        rows=rows,
        wrong=wrong,
        message=message,
        typed=without_card_numbers(request.form).get("amount", "") if message else "",
        most=MOST,
    )


def _payment_rows(session: Session, invoice: Invoice, client: ChosenClient) -> list[Row]:
    held = _allocated(session, PaymentAllocation.invoice_id == invoice.id)
    payments = session.scalars(
        select(Transaction)
        .where(
            Transaction.client_id == invoice.client_id,
            Transaction.type == "payment",
            Transaction.status == "approved",
            Transaction.reverses_id.is_(None),
            Transaction.payment_id.is_(None),
        )
        .order_by(Transaction.dated_at.desc(), Transaction.id.desc())
        .limit(200)
    )
    rows = []
    zone = get_zone(client.timezone)
    for payment in payments:
        left = allocation_by_hand.free_amount(session, payment)
        allocated = held.get((invoice.id, payment.id), Decimal())
        if left > 0 or allocated > 0:
            rows.append(
                Row(
                    payment.id,
                    payment.description or _("Payment"),
                    payment.dated_at.astimezone(zone).date(),
                    None,
                    payment.total,
                    left,
                    allocated,
                    allocation_by_hand.read_stamp(session, invoice.id, payment.id),
                    invoice.id,
                    payment.id,
                )
            )
    return sorted(rows, key=lambda row: (row.allocated <= 0, row.on))[:MOST]


def _invoice_rows(session: Session, payment: Transaction) -> list[Row]:
    held = _allocated(session, PaymentAllocation.transaction_id == payment.id)
    known = [invoice_id for invoice_id, _payment in held]
    found = session.scalars(
        select(Invoice)
        .where(
            Invoice.client_id == payment.client_id,
            Invoice.direction == invoices.OUTGOING,
            Invoice.issued_at.is_not(None),
            (Invoice.paid < Invoice.total) | Invoice.id.in_(known),
        )
        .order_by(Invoice.due_on, Invoice.invoiced_at, Invoice.id)
        .limit(MOST)
    )
    return [
        Row(
            invoice.id,
            invoice.number,
            invoice.invoice_on,
            invoice.due_on,
            invoice.total,
            invoice.total - invoice.paid,
            held.get((invoice.id, payment.id), Decimal()),
            allocation_by_hand.read_stamp(session, invoice.id, payment.id),
            invoice.id,
            payment.id,
        )
        for invoice in found
    ]


def _allocated(session: Session, condition: object) -> dict[tuple[UUID, UUID], Decimal]:
    total = func.sum(PaymentAllocation.amount)
    rows = session.execute(
        select(PaymentAllocation.invoice_id, PaymentAllocation.transaction_id, total)
        .where(condition)  # type: ignore[arg-type]
        .group_by(PaymentAllocation.invoice_id, PaymentAllocation.transaction_id)
        .having(total > 0)
    )
    return {(invoice_id, payment_id): amount for invoice_id, payment_id, amount in rows}


def _is_from_payment() -> bool:
    return request.form.get("side") == "payment"


def _again(invoice_id: UUID, payment_id: UUID, message: str) -> Response:
    if _is_from_payment():
        return _draw_payment(payment_id, wrong=invoice_id, message=message)
    return _draw_invoice(invoice_id, wrong=payment_id, message=message)


def _back(invoice_id: UUID, payment_id: UUID, text: str) -> ResponseReturnValue:
    flash(text, "success")
    address = (
        url_for("office_invoices.allocate_payment", transaction_id=payment_id)
        if _is_from_payment()
        else url_for("office_invoices.allocate_invoice", invoice_id=invoice_id)
    )
    return redirect(address, 303)
