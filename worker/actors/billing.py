"""Actors of billing: automatic invoices, their files and mails, the proof of the ledger."""

from contextlib import suppress
from uuid import UUID

from billing import (
    autoinvoicing,
    credit_note_files,
    credit_notes,
    invoice_mailing,
    invoices,
    ledger_check,
    low_balance_notices,
    reminders,
    report_mailing,
    subscriptions,
    tax_filings,
    tax_waits,
    voucher_redemptions,
)
from core.errors import NotFoundError
from core.tenancy import current_scope
from core.uow import unit_of_work
from payments import voucher_redeeming
from tenants import resellers
from worker.broker import actor
from worker.context import settings
from worker.scope import asked_by


@actor("billing.invoice_client")
def invoice_client(client_id: int) -> None:
    """Invoice every boundary that has passed, each in a transaction of its own, in order.

    None while the reseller is suspended: what fell due is made when it is active again. A client
    that fails is put off, so that it does not stand before all others in each sweep.
    """
    try:
        while _invoice_next(client_id):
            pass
    except Exception as error:
        with unit_of_work() as session:
            autoinvoicing.record_failure(session, client_id, error)
        raise


def _invoice_next(client_id: int) -> bool:
    with unit_of_work() as session:
        return (
            resellers.is_active(session, current_scope().home_reseller_id)
            and autoinvoicing.invoice_next_period(session, client_id) is not None
            # mostly it was the only one: no transaction more to find that out
            and autoinvoicing.is_due(session, client_id)
        )


@actor(tax_waits.JOB, max_retries=0)
def ask_tax(wait_id: str) -> None:
    """Ask SureTax for the taxes of an invoice that waits, and make it; its row says when again."""
    if _is_trading():
        tax_waits.ask(unit_of_work, UUID(wait_id), settings=settings())


@actor(tax_filings.JOB, max_retries=0)
def file_tax(invoice_id: str) -> None:
    """Tell SureTax of an issued or voided invoice; its row says when to try again."""
    tax_filings.tell(unit_of_work, UUID(invoice_id), settings=settings())


def _is_trading() -> bool:
    with unit_of_work() as session:
        return resellers.is_active(session, current_scope().home_reseller_id)


@actor("billing.finish_invoice")
def finish_invoice(invoice_id: str) -> None:
    """Store the invoice's file, then queue its mail; a void one's file goes to nobody."""
    with unit_of_work() as session:
        invoice = invoices.get_invoice(session, UUID(invoice_id))
        if invoice.issued_at is None:
            # voided before it was ever issued
            return
        invoices.store_file(session, UUID(invoice_id))
    with unit_of_work() as session:
        invoice_mailing.mail_invoice(session, UUID(invoice_id))


@actor(credit_notes.JOB)
def finish_credit_note(credit_note_id: str) -> None:
    """Store the credit note's file and queue its mail."""
    with unit_of_work() as session:
        credit_note_files.finish_credit_note(session, UUID(credit_note_id))


@actor(reminders.JOB)
def remind_invoice(invoice_id: str) -> None:
    """Send the reminder whose day has come; none when the invoice was settled meanwhile."""
    with unit_of_work() as session:
        if resellers.is_active(session, current_scope().home_reseller_id):
            reminders.remind(session, UUID(invoice_id))


@actor("billing.low_balance")
def tell_of_low_balance(client_id: int) -> None:
    """Tell of a balance that fell below its value, or arm the notification again."""
    with unit_of_work() as session:
        low_balance_notices.notify_low_balance(session, client_id)


@actor("billing.check_ledger", max_retries=0)
def check_ledger(after_id: int | None = None) -> None:
    """Prove the books of the reseller in scope; with `after_id` only if no check is newer."""
    reseller_id = current_scope().home_reseller_id
    with unit_of_work() as session:
        last = ledger_check.find_last_check(session, reseller_id)
        if after_id is None or last is None or last.id <= after_id:
            ledger_check.check_ledger(session, reseller_id)


@actor("billing.take_subscription_turn")
def take_subscription_turn(subscription_id: str) -> None:
    """Begin, charge each period that has come, or end: each in a transaction of its own."""
    while _take_turn(UUID(subscription_id)):
        pass


def _take_turn(subscription_id: UUID) -> bool:
    with unit_of_work() as session:
        return resellers.is_active(
            session, current_scope().home_reseller_id
        ) and subscriptions.take_turn(session, subscription_id)


@actor(voucher_redemptions.JOB)
def redeem_voucher(redemption_id: str) -> None:
    """Look at the PIN that a client gave; nothing to do when its client was removed meanwhile."""
    with suppress(NotFoundError), unit_of_work() as session:
        if resellers.is_active(session, current_scope().home_reseller_id):
            voucher_redeeming.redeem(session, UUID(redemption_id))


@actor("billing.mail_report")
def mail_report(report_id: str) -> None:
    """Mail a saved report for every due time that has come, as its owner, in order."""
    while True:
        with unit_of_work() as session:
            if not resellers.is_active(session, current_scope().home_reseller_id):
                return
            found = report_mailing.find_due(session, UUID(report_id))
        if found is None:
            return
        with asked_by(*found), unit_of_work() as session:
            if not report_mailing.mail_due(session, UUID(report_id)):
                return
