"""Actors of the records: sealing and verifying the audit log, telling people about events."""

from core.tenancy import current_scope
from core.uow import unit_of_work
from mail import event_notices
from tenants import audit_chain
from worker.broker import actor


@actor("audit.seal")
def seal_audit_log() -> None:
    """Chain all committed records of the reseller in scope, batch after batch."""
    while True:
        with unit_of_work() as session:
            if audit_chain.seal_records(session, current_scope().home_reseller_id) == 0:
                return


@actor("audit.verify", max_retries=0)
def verify_audit_log() -> None:
    """Walk over the chain of the reseller in scope and keep the result."""
    with unit_of_work() as session:
        audit_chain.check_chain(session, current_scope().home_reseller_id)


@actor("events.notify")
def notify_of_events() -> None:
    """Decide whom the new events concern, then mail those whose time has come."""
    reseller_id = current_scope().home_reseller_id
    with unit_of_work() as session:
        event_notices.note_events(session, reseller_id)
    with unit_of_work() as session:
        event_notices.tell_people(session, reseller_id)
