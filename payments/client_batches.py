"""Many new clients in a few statements, all blocks, each with one record in the audit log."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import insert

from billing.client_batches import NewBilling, create_billings
from core.db import Session
from payments.client_wholes import Whole, changes_of
from payments.models import ClientAutoPayment
from tenants import audit
from tenants.client_batches import NewClient, create_clients
from tenants.clients import General


def create_wholes(session: Session, wishes: Sequence[tuple[UUID, Whole]]) -> dict[UUID, int]:
    """Make the clients; ids by request. Those that these requests made before are left out.

    The blocks were checked as the form checks them, by whoever read them.
    """
    if not wishes:
        return {}
    ids = create_clients(
        session,
        [
            NewClient(
                request_id, one.reseller_id, one.general, one.company, one.panel.login, one.tags
            )
            for request_id, one in wishes
        ],
    )
    new = [(ids[request_id], one) for request_id, one in wishes if request_id in ids]
    create_billings(
        session,
        [
            NewBilling(
                client_id,
                one.reseller_id,
                one.general.currency,
                one.general.timezone,
                one.billing,
                one.low,
            )
            for client_id, one in new
        ],
    )
    if not new:
        return ids
    session.execute(
        insert(ClientAutoPayment),
        [
            {"client_id": client_id, "reseller_id": one.reseller_id, **asdict(one.auto)}
            for client_id, one in new
        ],
    )
    nothing = Whole(0, 0, is_erased=False, general=General("", "", "", ""))
    audit.record_new_clients(
        session,
        [
            (one.reseller_id, client_id, one.general.name, changes_of(nothing, one))
            for client_id, one in new
        ],
    )
    return ids
