"""Audit records without a seal, chains that nobody verified for a day, events to be told."""

from datetime import timedelta

from sqlalchemy import ColumnElement, exists, func, or_, select

from core import jobs
from core.clock import now
from core.db import Session
from mail.notice_models import EventNotice
from tenants.models import AuditRecord, Event, Reseller
from tenants.record_models import AuditCheck
from worker.sweeps import BATCH, sweep

VERIFY_EVERY = timedelta(days=1)


@sweep("audit.unsealed", every_s=10)
def find_unsealed(session: Session) -> int:
    """Resellers with audit records that no seal has chained yet."""
    waits = exists().where(AuditRecord.reseller_id == Reseller.id, AuditRecord.seal_no.is_(None))
    return _ask(session, "audit.seal", waits)


@sweep("audit.unverified", every_s=3600)
def find_unverified(session: Session) -> int:
    """Resellers whose audit log was not verified for a day."""
    verified = exists().where(
        AuditCheck.reseller_id == Reseller.id, AuditCheck.at > now() - VERIFY_EVERY
    )
    return _ask(session, "audit.verify", ~verified)


@sweep("events.untold", every_s=30)
def find_untold(session: Session) -> int:
    """Resellers with events of which nobody has decided whom to tell, or that wait to be told."""
    new = exists().where(Event.reseller_id == Reseller.id, Event.noticed_at.is_(None))
    waiting = exists().where(EventNotice.reseller_id == Reseller.id, EventNotice.told_at.is_(None))
    return _ask(session, "events.notify", or_(new, waiting))


def _ask(session: Session, job: str, condition: ColumnElement[bool]) -> int:
    ids = session.scalars(
        # in random order, so that no reseller keeps the others waiting
        select(Reseller.id).where(condition).order_by(func.random()).limit(BATCH)
    ).all()
    for reseller_id in ids:
        jobs.enqueue(session, job, reseller_id=reseller_id)
    return len(ids)
