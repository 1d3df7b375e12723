"""Clients who are to be told of their cards, and cards that expire soon."""

from sqlalchemy import Date, and_, case, cast, func, literal, select, union

from core import jobs
from core.clock import now
from core.db import Session
from payments import auto_payment, card_letters
from payments.dunning_models import DunningRules
from payments.dunning_rules import Rules
from payments.models import ClientAutoPayment, SavedCard
from tenants.models import Client, Reseller
from tenants.signed_in import is_trading
from worker.sweeps import in_turn, sweep


@sweep("payments.untold", every_s=30)
def find_untold(session: Session) -> int:
    """Ask for the letters to clients whose cards changed, or whose suspension ended."""
    untold = union(
        select(SavedCard.client_id, SavedCard.reseller_id).where(SavedCard.tell_at <= now()),
        select(ClientAutoPayment.client_id, ClientAutoPayment.reseller_id).where(
            ClientAutoPayment.tell_resumed_at <= now()
        ),
    ).subquery()
    waiting = session.execute(
        in_turn(
            select(untold.c.client_id, untold.c.reseller_id),
            owner=untold.c.reseller_id,
            order=func.random(),
        )
    ).all()
    for client_id, reseller_id in waiting:
        jobs.enqueue(session, auto_payment.TELL_JOB, reseller_id=reseller_id, client_id=client_id)
    return len(waiting)


@sweep("payments.expiring_cards", every_s=3600)
def find_expiring_cards(session: Session) -> int:
    """Ask for the notice of cards whose last day comes soon, by the client's own calendar.

    What was told of that day already is left out, so every card comes once for each.
    """
    # a month that is none must not stop the others, in whatever order the conditions are asked
    is_known = SavedCard.expiry_month.between(1, 12) & SavedCard.expiry_year.between(2000, 2200)
    first = func.make_date(SavedCard.expiry_year, SavedCard.expiry_month, 1)
    last_day = case(
        (is_known, cast(first + func.make_interval(0, 1) - func.make_interval(0, 0, 0, 1), Date))
    )
    day = func.date(func.timezone(Client.timezone, now()))
    ahead = func.coalesce(DunningRules.expiry_days, literal(Rules().expiry_days))
    expiring = session.execute(
        in_turn(
            select(SavedCard.id, SavedCard.reseller_id)
            .join(
                Client,
                and_(Client.reseller_id == SavedCard.reseller_id, Client.id == SavedCard.client_id),
            )
            .join(Reseller, Reseller.id == SavedCard.reseller_id)
            .outerjoin(DunningRules, DunningRules.reseller_id == SavedCard.reseller_id)
            .where(
                SavedCard.state == "active",
                last_day.between(day, day + ahead),
                SavedCard.expiry_told_on.is_distinct_from(last_day),
                Client.status == "active",
                is_trading(),
            ),
            owner=SavedCard.reseller_id,
            order=func.random(),
        )
    ).all()
    for card_id, reseller_id in expiring:
        jobs.enqueue(
            session, card_letters.EXPIRY_JOB, reseller_id=reseller_id, card_id=str(card_id)
        )
    return len(expiring)
