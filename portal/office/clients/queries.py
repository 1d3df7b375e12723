"""What the Clients list shows, in one query a page."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, select

from billing.invoice_models import Invoice
from billing.models import ClientBalance, Transaction
from billing.package_models import Subscription
from core.db import Session
from core.names import sort_key
from core.tenancy import current_scope
from mail.models import MailMessage
from payments.models import Refill
from portal.keyset import Key, Order, Page, Place, Walk, kind_of_place, prepare_walk, read_page
from portal.office.client_columns import Column, choose_columns, select_columns
from portal.office.client_search import Filters, narrow
from portal.viewer import current_viewer
from tenants.models import Client, ClientLogin

# what is walked (a select of any columns), and its reseller's column
Picked = tuple[Any, Any]
_KEYS = {
    "name": (Key("name_key", str), Key("id", int)),
    "id": (Key("id", int),),
    "available": (Key("postpaid", bool), Key("available_micros", int), Key("id", int)),
}


def read_clients(
    session: Session,
    filters: Filters,
    place: Place,
    columns: Sequence[Column],
    flags: Sequence[str],
) -> Page[Any]:
    """One page of the clients of the scope: rows that `columns` can read, with `flags`."""
    sort = filters.sort.removeprefix("-")
    walked, query, known = _prepare(
        current_scope().reseller_ids,
        current_viewer().timezone,
        filters,
        kind_of_place(place, _KEYS[sort]),
        tuple(column.key for column in columns),
        tuple(flags),
    )
    return read_page(session, walked.at(place), query, lambda row: row, known=known)


@lru_cache(maxsize=512)
def _prepare(
    _scope: tuple[int, ...],
    _timezone: str,
    filters: Filters,
    way: str,
    columns: tuple[str, ...],
    flags: tuple[str, ...],
) -> tuple[Walk, Select[Any], str]:
    """The statement of a page, put together once: that costs several times what running it does.

    It holds the scope and, for days, the viewer's time zone: both are part of what it is kept by.
    """
    sort = filters.sort.removeprefix("-")
    pick, owner = _PICKS[sort]()
    walked = prepare_walk(
        narrow(pick, filters),
        owner=owner,
        order=Order(_KEYS[sort], descending=filters.sort.startswith("-")),
        way=way,
        reseller_ids=_resellers_of(filters),
    )
    needs = [*_ALWAYS, *(need for one in choose_columns(columns) for need in one.needs)]
    picked, joins = select_columns(needs)
    query = walked.decorate(
        *picked,
        *(_FLAGS[flag]().label(flag) for flag in flags),
        keep=[(Client, Client.id == walked.picked.c.id, False), *joins],
    )
    return walked, query, f"clients?{replace(filters, sort='name').to_query()}"


def count_similar(session: Session, name: str, *, but: int | None = None) -> list[int]:
    """Ids of clients with this very name, for a warning; at most three."""
    wanted = select(Client.id).where(Client.name_key == sort_key(name), Client.status != "deleted")
    if but is not None:
        wanted = wanted.where(Client.id != but)
    return list(session.scalars(wanted.order_by(Client.id).limit(3)))


def _by_name() -> Picked:
    pick = select(Client.id.label("id"), Client.name_key.label("name_key"))
    return pick, Client.reseller_id


def _by_id() -> Picked:
    return select(Client.id.label("id")), Client.reseller_id


def _by_available() -> Picked:
    pick = select(
        ClientBalance.postpaid.label("postpaid"),
        ClientBalance.available_micros.label("available_micros"),
        ClientBalance.client_id.label("id"),
    ).join(Client, and_(Client.id == ClientBalance.client_id))
    return pick, ClientBalance.reseller_id


_PICKS = {"name": _by_name, "id": _by_id, "available": _by_available}


def _resellers_of(filters: Filters) -> list[int] | None:
    """The resellers to walk; those that are not in the scope have nobody to find."""
    if not filters.resellers:
        return None
    return [one for one in current_scope().reseller_ids if one in filters.resellers]


def _has(model: Any) -> ColumnElement[bool]:  # noqa: ANN401 (any table with a client)
    return exists().where(model.reseller_id == Client.reseller_id, model.client_id == Client.id)


def _has_subscriptions() -> ColumnElement[bool]:
    """Only what goes on: a subscription that has ended is history."""
    return exists().where(
        Subscription.reseller_id == Client.reseller_id,
        Subscription.client_id == Client.id,
        Subscription.status != "archived",
    )


def _has_panel() -> ColumnElement[bool]:
    return exists().where(
        ClientLogin.reseller_id == Client.reseller_id,
        ClientLogin.client_id == Client.id,
        ClientLogin.enabled,
    )


# the name's cell is in every list, with its badge
_ALWAYS = ("id", "name", "is_originator", "is_terminator")
_FLAGS: dict[str, Callable[[], ColumnElement[bool]]] = {
    "has_transactions": lambda: _has(Transaction),
    "has_invoices": lambda: _has(Invoice),
    "has_refills": lambda: _has(Refill),
    "has_mails": lambda: _has(MailMessage),
    "has_panel": _has_panel,
    "has_subscriptions": _has_subscriptions,
}
