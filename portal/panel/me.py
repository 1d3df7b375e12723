"""Who looks: the client of the panel's scope, its provider and its balances."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from billing.models import ClientBalance
from core.db import Session
from core.errors import InvariantError, NotFoundError
from core.tenancy import current_scope
from tenants.models import Client, Reseller


@dataclass(frozen=True, slots=True)
class Me:
    """The client itself; all amounts in `currency`. `provider` is its reseller's name."""

    id: int
    reseller_id: int
    name: str
    status: str
    currency: str
    timezone: str
    provider: str
    provider_email: str
    live: Decimal
    fixed: Decimal
    credit: Decimal
    postpaid: bool

    @property
    def available(self) -> Decimal:
        """What can still be used; means nothing when postpaid, which has no limit."""
        return self.live + self.credit

    @property
    def not_invoiced(self) -> Decimal:
        """What was used and stands on no issued invoice yet; negative when more was invoiced."""
        return self.fixed - self.live


def my_id() -> int:
    """The client that the panel's scope names."""
    client_id = current_scope().client_id
    if client_id is None:
        raise InvariantError("the client panel runs in the scope of one client")
    return client_id


def read_me(session: Session) -> Me:
    """Raises NotFoundError when the client is gone."""
    zero = Decimal(0)
    row = session.execute(
        select(
            Client.id,
            Client.reseller_id,
            Client.name,
            Client.status,
            Client.currency,
            Client.timezone,
            Reseller.name,
            Reseller.email,
            func.coalesce(ClientBalance.live, zero),
            func.coalesce(ClientBalance.fixed, zero),
            func.coalesce(ClientBalance.credit, zero),
            func.coalesce(ClientBalance.postpaid, False),
        )
        .join(Reseller, Reseller.id == Client.reseller_id)
        .outerjoin(ClientBalance, ClientBalance.client_id == Client.id)
        .where(Client.id == my_id())
    ).one_or_none()
    if row is None:
        raise NotFoundError("Client not found.")
    values: Sequence[Any] = row
    return Me(*values)
