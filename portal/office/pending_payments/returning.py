"""Refund and Void: the dialogs with what they will do to the balance."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form, StringField
from wtforms.validators import InputRequired, Length

from billing import allocation, ledger, transactions
from core.db import Session
from core.errors import InvalidInputError, NotFoundError
from core.ids import new_id
from core.uow import unit_of_work
from payments import auto_payment, refunds
from payments.refunds import MOST_REASON, Returnable
from portal.access import office_view
from portal.fields import AmountField, put_error
from portal.htmx import hx, render, wants_partial
from portal.office.form_ids import read_form_id
from portal.office.pending_payments.blueprint import bp
from portal.wording import refusal
from tenants.clients import get_client
from tenants.permissions import Permission

WAYS = ("refund", "void")


class _ReasonForm(Form):
    """Why it is given back; it stays with the transaction."""

    reason = StringField(
        _l("Reason"), [InputRequired(_l("Enter the reason.")), Length(max=MOST_REASON)]
    )


class RefundForm(_ReasonForm):
    """A part, or what is left of a payment."""

    amount = AmountField(_l("Amount"), [InputRequired(_l("Enter an amount."))])


@dataclass(frozen=True, slots=True)
class Preview:
    """What the balances will be; amounts in the payment's currency."""

    amount: Decimal
    live: Decimal
    live_after: Decimal
    available_after: Decimal | None
    reopened: Decimal
    charges_again: bool


@dataclass(frozen=True, slots=True)
class _Subject:
    found: Returnable
    client_name: str
    preview: Preview


@bp.get("/<way>/<uuid:refill_id>")
@office_view(Permission.PAYMENTS_EXECUTE)
def ask(way: str, refill_id: UUID) -> ResponseReturnValue:
    """The form, or why nothing can be given back now."""
    _check(way)
    with unit_of_work() as session:
        subject = _read(session, refill_id, None)
    form = RefundForm() if way == "refund" else _ReasonForm()
    if isinstance(form, RefundForm):
        form.amount.data = subject.found.left
    return _draw(way, subject, form, new_id())


@bp.get("/<way>/<uuid:refill_id>/balance")
@office_view(Permission.PAYMENTS_EXECUTE)
def preview(way: str, refill_id: UUID) -> ResponseReturnValue:
    """What the typed amount would leave; changes nothing."""
    _check(way)
    form = RefundForm(request.args)
    with unit_of_work() as session:
        subject = _read(session, refill_id, form.amount.data)
    return render(
        "office/pending_payments/balance.html",
        "office/pending_payments/_balance.html",
        found=subject.found,
        preview=subject.preview,
        error=next(iter(form.amount.process_errors), ""),
    )


@bp.post("/<way>/<uuid:refill_id>")
@office_view(Permission.PAYMENTS_EXECUTE)
def give_back(way: str, refill_id: UUID) -> ResponseReturnValue:
    """Ask for it; a worker does it. The same drawn form sent twice gives back once."""
    _check(way)
    refund_id = read_form_id("refund_id")
    form = RefundForm(request.form) if way == "refund" else _ReasonForm(request.form)
    amount = form.amount.data if isinstance(form, RefundForm) else None
    with unit_of_work() as session:
        subject = _read(session, refill_id, amount)
    if not form.validate() or (way == "refund" and amount is None):
        return _draw(way, subject, form, refund_id, status=422)
    reason = form.reason.data or ""
    try:
        with unit_of_work() as session:
            if amount is None:
                refunds.request_void(
                    session, refund_id=refund_id, refill_id=refill_id, reason=reason
                )
            else:
                refunds.request_refund(
                    session,
                    refund_id=refund_id,
                    refill_id=refill_id,
                    amount=amount,
                    reason=reason,
                )
    except InvalidInputError as error:
        messages = [] if put_error(form, error) else [refusal(error)]
        return _draw(way, subject, form, refund_id, status=422, messages=messages)
    text = _("The payment is being voided.") if way == "void" else _("The refund is asked for.")
    flash(text, "info")
    address = url_for("office_refills.show", refill_id=refill_id)
    return hx(redirect=address) if wants_partial() else redirect(address, 303)


def _read(session: Session, refill_id: UUID, amount: Decimal | None) -> _Subject:
    found = refunds.read_returnable(session, refill_id)
    refill = found.refill
    wanted = found.left if amount is None or not amount.is_finite() else amount
    wanted = max(Decimal(0), min(wanted, found.left))
    balance = ledger.get_balance(session, refill.client_id)
    payment = transactions.find_transaction(session, refill_id)
    free = Decimal(0) if payment is None else allocation.read_left(session, payment)
    auto = auto_payment.find_row(session, refill.client_id)
    available = None if balance.postpaid else balance.live + balance.credit - wanted
    is_auto = auto is not None and auto.enabled and auto.suspended_at is None
    return _Subject(
        found,
        get_client(session, refill.client_id).name,
        Preview(
            wanted,
            balance.live,
            balance.live - wanted,
            available,
            max(Decimal(0), wanted - max(free, Decimal(0))),
            is_auto and available is not None and available <= 0,
        ),
    )


def _draw(
    way: str,
    subject: _Subject,
    form: _ReasonForm,
    refund_id: UUID,
    *,
    status: int = 200,
    messages: list[str] | None = None,
) -> Response:
    page = render(
        "office/pending_payments/give_back.html",
        "office/pending_payments/_give_back.html",
        status=status,
        way=way,
        found=subject.found,
        client_name=subject.client_name,
        preview=subject.preview,
        form=form,
        refund_id=refund_id,
        messages=messages or [],
        error="",
    )
    return hx(page, trigger={"dialog:open": {}}) if status == 200 else page


def _check(way: str) -> None:
    if way not in WAYS:
        raise NotFoundError
