"""Open invoices of which a reminder's day has come."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, column, exists, func, or_, select

from billing import reminders
from billing.correction_models import InvoiceReminder
from billing.invoice_models import Invoice
from billing.models import ClientBilling, PaymentTerms
from core import jobs
from core.clock import now
from core.db import Session
from tenants.models import Client, Reseller
from tenants.signed_in import is_trading
from worker.sweeps import in_turn, sweep


@sweep("billing.reminders", every_s=300)
def find_due_reminders(session: Session) -> int:
    """Invoices with a reminder that is due, in the client's own calendar, and not handled yet.

    The same days that `billing.reminders` counts: not before the invoice was issued, not longer
    ago than LATE_DAYS, none before the due day once that has passed.
    """
    day = func.date(func.timezone(Client.timezone, now()))
    issued_on = func.date(func.timezone(Invoice.timezone, Invoice.issued_at))
    before = _has_step("before", PaymentTerms.remind_before, day, issued_on)
    after = _has_step("after", PaymentTerms.remind_after, day, issued_on)
    found = session.execute(
        in_turn(
            select(Invoice.id, Invoice.reseller_id)
            .join(
                Client,
                and_(Client.reseller_id == Invoice.reseller_id, Client.id == Invoice.client_id),
            )
            .join(
                ClientBilling,
                and_(
                    ClientBilling.reseller_id == Invoice.reseller_id,
                    ClientBilling.client_id == Invoice.client_id,
                ),
            )
            .join(
                PaymentTerms,
                and_(
                    PaymentTerms.reseller_id == ClientBilling.reseller_id,
                    PaymentTerms.id == ClientBilling.payment_terms_id,
                ),
            )
            .join(Reseller, Reseller.id == Invoice.reseller_id)
            .where(
                Invoice.direction == "outgoing",
                Invoice.state.in_(("to_send", "normal")),
                Invoice.paid < Invoice.total,
                Client.status != "deleted",
                is_trading(),
                or_(and_(before, day <= Invoice.due_on), after),
            ),
            owner=Invoice.reseller_id,
            order=func.random(),
        )
    ).all()
    for invoice_id, reseller_id in found:
        jobs.enqueue(session, reminders.JOB, reseller_id=reseller_id, invoice_id=str(invoice_id))
    return len(found)


def _has_step(
    kind: str,
    days: Any,  # noqa: ANN401 (a column of days)
    day: ColumnElement[date],
    issued_on: ColumnElement[date],
) -> ColumnElement[bool]:
    steps = func.unnest(days).table_valued(column("days", Integer), name="step").render_derived()
    step = steps.c.days
    handled = exists().where(
        InvoiceReminder.reseller_id == Invoice.reseller_id,
        InvoiceReminder.invoice_id == Invoice.id,
        InvoiceReminder.kind == kind,
        InvoiceReminder.days == step,
    )
    planned = Invoice.due_on - step if kind == "before" else Invoice.due_on + step
    return exists(
        select(1)
        .select_from(steps)
        .where(
            planned <= day,
            planned >= day - reminders.LATE_DAYS,
            planned >= issued_on,
            ~handled,
        )
        .correlate(Invoice, PaymentTerms, Client)
    )
