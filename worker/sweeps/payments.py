"""Money that waits: refills nobody is at, events not handled, automatic charges that are due."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Numeric, and_, case, cast, exists, func, or_, select

from billing.invoice_models import Invoice
from billing.models import ClientBalance
from core import jobs
from core.clock import now
from core.db import Session
from payments import refills, refunds, wallets
from payments.limits import LEAST_ABOVE_ONE
from payments.models import (
    ChargeAttempt,
    ClientAutoPayment,
    GatewayAccount,
    GatewayCustomer,
    GatewayEvent,
    Refill,
    SavedCard,
)
from payments.refund_models import Refund
from payments.refund_state import RefundState
from payments.state import RefillState
from tenants.models import Client, Reseller
from tenants.signed_in import is_trading
from worker.sweeps import in_turn, sweep

# the job that was sent with the row gets this long before it counts as lost
GRACE = timedelta(seconds=20)
_MICROS = 1_000_000


@sweep("payments.refills", every_s=30)
def find_waiting_refills(session: Session) -> int:
    """Ask for the charge or the look-up of every refill whose time has come."""
    query = (
        select(Refill.id, Refill.reseller_id, Refill.state, ChargeAttempt.key)
        .join(
            ChargeAttempt,
            and_(
                ChargeAttempt.refill_id == Refill.id,
                ChargeAttempt.reseller_id == Refill.reseller_id,
                ChargeAttempt.state.in_(["sending", "unknown", "held"]),
            ),
            isouter=True,
        )
        .where(Refill.state.in_(refills.OPEN_STATES), Refill.next_look_at <= now())
    )
    waiting = session.execute(
        in_turn(query, owner=Refill.reseller_id, order=Refill.next_look_at)
    ).all()
    for refill_id, reseller_id, state, key in waiting:
        # a job too many does no harm: the row's lock and state decide
        if state == RefillState.REQUESTED:
            jobs.enqueue(
                session,
                "payments.charge_refill",
                reseller_id=reseller_id,
                refill_id=str(refill_id),
            )
        elif key:
            jobs.enqueue(session, "payments.look_up", reseller_id=reseller_id, attempt_key=key)
    return len(waiting)


@sweep("payments.refunds", every_s=30)
def find_waiting_refunds(session: Session) -> int:
    """Ask for the sending or the look-up of every refund whose time has come."""
    waiting = session.execute(
        in_turn(
            select(Refund.id, Refund.reseller_id, Refund.state).where(
                Refund.state.in_(refunds.OPEN_STATES), Refund.next_look_at <= now()
            ),
            owner=Refund.reseller_id,
            order=Refund.next_look_at,
        )
    ).all()
    for refund_id, reseller_id, state in waiting:
        jobs.enqueue(
            session,
            refunds.SEND if state == RefundState.REQUESTED else refunds.LOOK_UP,
            reseller_id=reseller_id,
            refund_id=str(refund_id),
        )
    return len(waiting)


@sweep("payments.rechecks", every_s=60)
def find_waiting_rechecks(session: Session) -> int:
    """Ask for the last look at payments made on a page, and for looks at debits that were paid."""
    waiting = session.execute(
        in_turn(
            select(ChargeAttempt.key, ChargeAttempt.reseller_id).where(
                ChargeAttempt.recheck_at <= now()
            ),
            owner=ChargeAttempt.reseller_id,
            order=ChargeAttempt.recheck_at,
        )
    ).all()
    for key, reseller_id in waiting:
        jobs.enqueue(session, "payments.recheck", reseller_id=reseller_id, attempt_key=key)
    return len(waiting)


@sweep("payments.events", every_s=30)
def find_unhandled_events(session: Session) -> int:
    """Ask again for the handling of webhooks whose job was lost or whose gateway was silent.

    The handling gives up what is too old: nothing leaves the list without a word.
    """
    waiting = session.execute(
        in_turn(
            select(GatewayEvent.id, GatewayEvent.reseller_id).where(
                GatewayEvent.handled_at.is_(None), GatewayEvent.next_look_at <= now()
            ),
            owner=GatewayEvent.reseller_id,
            order=GatewayEvent.next_look_at,
        )
    ).all()
    for event_id, reseller_id in waiting:
        jobs.enqueue(session, "payments.handle_event", reseller_id=reseller_id, event_id=event_id)
    return len(waiting)


@sweep("payments.wallets", every_s=600)
def find_wallets_to_forget(session: Session) -> int:
    """Ask again that the gateways forget clients who were removed for good."""
    query = (
        select(GatewayCustomer.client_id, GatewayCustomer.reseller_id)
        .join(
            Client,
            and_(
                Client.reseller_id == GatewayCustomer.reseller_id,
                Client.id == GatewayCustomer.client_id,
            ),
        )
        .where(Client.erased_at <= now() - GRACE)
        .group_by(GatewayCustomer.client_id, GatewayCustomer.reseller_id)
    )
    waiting = session.execute(
        in_turn(query, owner=GatewayCustomer.reseller_id, order=func.random())
    ).all()
    for client_id, reseller_id in waiting:
        jobs.enqueue(session, wallets.JOB, reseller_id=reseller_id, client_id=client_id)
    return len(waiting)


@sweep("payments.auto_charges", every_s=60)
def find_due_clients(session: Session) -> int:
    """Ask for the automatic charge of clients that may be due; the domain decides for each.

    In random order, so that clients who are found in vain each time keep nobody else waiting.
    """
    auto, balance = ClientAutoPayment, ClientBalance
    least = case(LEAST_ABOVE_ONE, value=balance.currency, else_=Decimal(1))
    lacking = cast(auto.extra_amount * _MICROS, Numeric) - balance.available_micros
    invoice_due = exists().where(
        Invoice.client_id == auto.client_id,
        Invoice.reseller_id == auto.reseller_id,
        Invoice.direction == "outgoing",
        Invoice.issued_at.is_not(None),
        Invoice.paid < Invoice.total,
        # a day more than UTC's: somewhere it is tomorrow already
        Invoice.due_on <= (now() + timedelta(days=1)).date(),
    )
    has_card = exists().where(
        SavedCard.client_id == auto.client_id,
        SavedCard.reseller_id == auto.reseller_id,
        SavedCard.state == "active",
        SavedCard.is_default,
        GatewayAccount.id == SavedCard.gateway_account_id,
        GatewayAccount.enabled,
        or_(SavedCard.kind == "card", GatewayAccount.bank_accounts),
    )
    under_way = exists().where(
        Refill.client_id == auto.client_id,
        Refill.reseller_id == auto.reseller_id,
        Refill.source == "auto",
        Refill.state.in_(refills.OPEN_STATES),
    )
    query = (
        select(auto.client_id, auto.reseller_id)
        .join(Client, and_(Client.id == auto.client_id, Client.reseller_id == auto.reseller_id))
        .join(Reseller, Reseller.id == auto.reseller_id)
        .join(
            balance,
            and_(balance.client_id == auto.client_id, balance.reseller_id == auto.reseller_id),
        )
        .where(
            auto.enabled,
            auto.suspended_at.is_(None),
            or_(auto.next_try_at.is_(None), auto.next_try_at <= now()),
            Client.status == "active",
            is_trading(),
            or_(
                and_(
                    ~balance.postpaid,
                    balance.available_micros <= 0,
                    lacking >= least * _MICROS,
                ),
                and_(balance.postpaid, invoice_due),
            ),
            has_card,
            ~under_way,
        )
    )
    due = session.execute(in_turn(query, owner=auto.reseller_id, order=func.random())).all()
    for client_id, reseller_id in due:
        jobs.enqueue(session, "payments.auto_charge", reseller_id=reseller_id, client_id=client_id)
    return len(due)
