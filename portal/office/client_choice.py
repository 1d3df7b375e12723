"""Finding a client from another screen: for a filter, and for a form about one."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select

from billing.models import ClientBalance
from core.db import Session
from core.errors import NotFoundError
from core.names import sort_key
from core.tenancy import current_scope
from tenants import resellers
from tenants.models import Client

_LARGEST_ID = 2**63 - 1
FOUND_AT_MOST = 10
MATCHED_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class ChosenClient:
    """Whom a form or a filter is about."""

    id: int
    name: str
    reseller_id: int
    currency: str
    timezone: str
    status: str


def get_chosen(session: Session, client_id: int) -> ChosenClient:
    """Raises NotFoundError, also for a client of another tenant."""
    row = session.execute(_wanted().where(Client.id == client_id)).one_or_none()
    if row is None:
        raise NotFoundError("Client not found.")
    return ChosenClient(*row)


def find_chosen(session: Session, client_id: int | None) -> ChosenClient | None:
    """The client that the address names, if it names one; raises NotFoundError as above."""
    return None if client_id is None else get_chosen(session, client_id)


def list_family(session: Session) -> list[tuple[int, str]]:
    """Id and name of the resellers in scope, for a filter; none when there is only one."""
    if len(current_scope().reseller_ids) == 1:
        return []
    return [(one.id, one.name) for one in resellers.list_resellers(session)]


def search_clients(session: Session, search: str) -> list[ChosenClient]:
    """The first few by name that match, for choosing one."""
    rows = session.execute(
        _wanted()
        .where(Client.status != "deleted", matches(search))
        .order_by(Client.name_key, Client.id)
        .limit(FOUND_AT_MOST)
    )
    return [ChosenClient(*row) for row in rows]


def matching_ids(search: str) -> Select[int]:
    """Ids of the clients that a list's search means, at most MATCHED_AT_MOST by name."""
    return (
        select(Client.id)
        .where(matches(search))
        .order_by(Client.name_key, Client.id)
        .limit(MATCHED_AT_MOST)
    )


def _wanted() -> Select[int, str, int, str, str, str]:
    return select(
        Client.id,
        Client.name,
        Client.reseller_id,
        ClientBalance.currency,
        Client.timezone,
        Client.status,
    ).join(ClientBalance, ClientBalance.client_id == Client.id)


def matches(search: str) -> ColumnElement[bool]:
    """The name has the words anywhere; digits are an id too."""
    by_name = Client.name_key.contains(sort_key(search), autoescape=True)
    number = search.strip().removeprefix("#")
    if number.isdecimal() and int(number) <= _LARGEST_ID:
        return or_(Client.id == int(number), by_name)
    return by_name
