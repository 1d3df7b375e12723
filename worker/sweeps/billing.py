"""Clients whose invoice is due, invoices that wait for their file or mail, and the daily proof."""

from datetime import timedelta

from sqlalchemy import and_, exists, func, or_, select

from billing import credit_notes
from billing.client_models import ClientLowBalance
from billing.correction_models import CreditNote
from billing.invoice_models import Invoice
from billing.models import ClientBalance, ClientBilling, LedgerCheck
from billing.package_models import Subscription
from billing.report_models import SavedReport
from billing.suretax_models import TaxWait
from core import jobs
from core.clock import now
from core.db import Session
from tenants.models import Client, ClientCompany, Reseller
from tenants.signed_in import is_trading
from worker.sweeps import BATCH, in_turn, sweep

# the job that was sent with the row gets this long before it counts as lost
GRACE = timedelta(seconds=30)
CHECK_EVERY = timedelta(days=1)


@sweep("billing.due", every_s=20)
def find_due_clients(session: Session) -> int:
    """Clients of which a boundary has passed; none that is deleted or of a suspended reseller."""
    query = (
        select(ClientBilling.client_id, ClientBilling.reseller_id)
        .join(
            Client,
            and_(
                Client.reseller_id == ClientBilling.reseller_id,
                Client.id == ClientBilling.client_id,
            ),
        )
        .join(Reseller, Reseller.id == ClientBilling.reseller_id)
        .where(
            ClientBilling.autoinvoicing,
            ClientBilling.next_invoice_at <= now(),
            # one that failed waits for its time
            or_(ClientBilling.retry_at.is_(None), ClientBilling.retry_at <= now()),
            Client.status != "deleted",
            # its next one is made when the one that waits for its taxes is
            ~exists().where(
                TaxWait.reseller_id == ClientBilling.reseller_id,
                TaxWait.client_id == ClientBilling.client_id,
            ),
            is_trading(),
        )
    )
    due = session.execute(
        in_turn(query, owner=ClientBilling.reseller_id, order=ClientBilling.next_invoice_at)
    ).all()
    for client_id, reseller_id in due:
        jobs.enqueue(
            session, "billing.invoice_client", reseller_id=reseller_id, client_id=client_id
        )
    return len(due)


@sweep("billing.unfinished", every_s=60)
def find_unfinished_invoices(session: Session) -> int:
    """Issued invoices without a file, or not mailed although the client has an address.

    Void ones too, which lose their file to get one with their mark.

    In random order, so that those which fail each time keep no other of their reseller waiting.
    """
    has_address = exists().where(
        ClientCompany.reseller_id == Invoice.reseller_id,
        ClientCompany.client_id == Invoice.client_id,
        or_(ClientCompany.billing_email != "", ClientCompany.main_email != ""),
    )
    waiting = session.execute(
        in_turn(
            select(Invoice.id, Invoice.reseller_id).where(
                or_(
                    and_(
                        Invoice.state == "to_send",
                        Invoice.issued_at <= now() - GRACE,
                        or_(Invoice.file_id.is_(None), has_address),
                    ),
                    and_(
                        Invoice.state == "void",
                        Invoice.direction == "outgoing",
                        Invoice.issued_at.is_not(None),
                        Invoice.file_id.is_(None),
                        Invoice.voided_at <= now() - GRACE,
                    ),
                )
            ),
            owner=Invoice.reseller_id,
            order=func.random(),
        )
    ).all()
    for invoice_id, reseller_id in waiting:
        jobs.enqueue(
            session, "billing.finish_invoice", reseller_id=reseller_id, invoice_id=str(invoice_id)
        )
    return len(waiting)


@sweep("billing.credit_notes", every_s=60)
def find_undrawn_credit_notes(session: Session) -> int:
    """Credit notes without a file; in random order, as above."""
    waiting = session.execute(
        in_turn(
            select(CreditNote.id, CreditNote.reseller_id).where(
                CreditNote.file_id.is_(None), CreditNote.issued_at <= now() - GRACE
            ),
            owner=CreditNote.reseller_id,
            order=func.random(),
        )
    ).all()
    for note_id, reseller_id in waiting:
        jobs.enqueue(
            session, credit_notes.JOB, reseller_id=reseller_id, credit_note_id=str(note_id)
        )
    return len(waiting)


@sweep("billing.low_balance", every_s=60)
def find_crossed_balances(session: Session) -> int:
    """Clients whose Available crossed a value of their Low Balance block, in either direction.

    In random order, so that those that fail each time keep nobody else waiting.
    """
    low, balance = ClientLowBalance, ClientBalance
    available = balance.live + balance.credit
    crossed = session.execute(
        select(low.client_id, low.reseller_id)
        .join(
            balance,
            and_(balance.reseller_id == low.reseller_id, balance.client_id == low.client_id),
        )
        .join(Client, and_(Client.reseller_id == low.reseller_id, Client.id == low.client_id))
        .join(Reseller, Reseller.id == low.reseller_id)
        .where(
            or_(
                and_(
                    low.notify_client.is_not(None),
                    low.client_told != (available < low.notify_client),
                ),
                and_(
                    low.notify_admin.is_not(None), low.admin_told != (available < low.notify_admin)
                ),
            ),
            ~balance.postpaid,
            Client.status == "active",
            is_trading(),
        )
        .order_by(func.random())
        .limit(BATCH)
    ).all()
    for client_id, reseller_id in crossed:
        jobs.enqueue(session, "billing.low_balance", reseller_id=reseller_id, client_id=client_id)
    return len(crossed)


@sweep("billing.reports", every_s=60)
def find_due_reports(session: Session) -> int:
    """Saved reports whose time to be mailed has come."""
    due = session.execute(
        in_turn(
            select(SavedReport.id, SavedReport.reseller_id)
            .join(Reseller, Reseller.id == SavedReport.reseller_id)
            .where(SavedReport.next_run_at <= now(), is_trading()),
            owner=SavedReport.reseller_id,
            order=SavedReport.next_run_at,
        )
    ).all()
    for report_id, reseller_id in due:
        jobs.enqueue(
            session, "billing.mail_report", reseller_id=reseller_id, report_id=str(report_id)
        )
    return len(due)


@sweep("billing.ledger_check", every_s=3600)
def find_unproven_resellers(session: Session) -> int:
    """Resellers whose ledger was not checked for a day."""
    checked = exists().where(
        LedgerCheck.reseller_id == Reseller.id, LedgerCheck.at > now() - CHECK_EVERY
    )
    ids = session.scalars(
        select(Reseller.id).where(~checked).order_by(Reseller.id).limit(BATCH)
    ).all()
    for reseller_id in ids:
        jobs.enqueue(session, "billing.check_ledger", reseller_id=reseller_id)
    return len(ids)


@sweep("billing.subscriptions", every_s=60)
def find_due_subscriptions(session: Session) -> int:
    """Subscriptions of which a period begins or ends, or that may begin now."""
    due = session.execute(
        in_turn(
            select(Subscription.id, Subscription.reseller_id)
            .join(Reseller, Reseller.id == Subscription.reseller_id)
            .where(
                Subscription.status != "archived",
                Subscription.next_at <= now(),
                is_trading(),
            ),
            owner=Subscription.reseller_id,
            order=Subscription.next_at,
        )
    ).all()
    for subscription_id, reseller_id in due:
        jobs.enqueue(
            session,
            "billing.take_subscription_turn",
            reseller_id=reseller_id,
            subscription_id=str(subscription_id),
        )
    return len(due)
