"""Which clients an export or a mass edit is about: rows picked by hand, or all that match.

`pick` names a picked client, `all` says that everybody matching `filters` is meant: the text that
stands behind the question mark of the list's address.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from flask import request
from sqlalchemy import ARRAY, BigInteger, Select, and_, any_, func, literal, select

from billing.models import ClientBalance
from core.db import Session
from core.errors import NotAllowedError
from portal.access import NOT_IN_ROLE
from portal.office.client_search import Filters, narrow, parse_filters
from portal.viewer import current_viewer
from tenants.models import Client
from tenants.tasks import NEEDS

MOST_PICKED = 1_000
"""Rows that can be picked by hand; a page of the list shows fewer."""


@dataclass(frozen=True, slots=True)
class Selection:
    """`picked` empty: everybody that matches."""

    filters: Filters
    picked: tuple[int, ...] = ()
    is_all: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.picked and not self.is_all

    def to_asked(self) -> dict[str, Any]:
        """For the audit log and the task: what was asked for, in the words of the address."""
        if self.is_all:
            return dict(self.filters.to_args())
        return {"picked": list(self.picked)}


def read_selection() -> Selection:
    """What the address or the form says; numbers that are none are left out."""
    values = request.values
    filters = parse_filters(parse_qs(values.get("filters", "")[:4000]))
    if values.get("all"):
        return Selection(filters, is_all=True)
    picked = [int(one) for one in values.getlist("pick") if one.isdecimal() and len(one) < 19]
    return Selection(filters, tuple(dict.fromkeys(picked))[:MOST_PICKED])


def select_ids(selection: Selection) -> Select[Any]:
    """The ids of the clients of the scope that are meant, in the order of the list."""
    pick = select(Client.id.label("id"))
    if selection.is_all:
        pick = narrow(pick, selection.filters)
    else:
        wanted = literal(list(selection.picked), ARRAY(BigInteger))
        pick = pick.where(Client.id == any_(wanted))
    return _ordered(pick, selection.filters.sort)


def count_selected(session: Session, selection: Selection, *, limit: int) -> int:
    """How many that are, up to `limit`."""
    limited = select_ids(selection).order_by(None).limit(limit).subquery()
    return session.scalar(select(func.count()).select_from(limited)) or 0


def may_ask(kind: str) -> bool:
    """Whether the viewer's role allows to ask for such a task."""
    return all(current_viewer().may(one) for one in NEEDS[kind])


def check_may(kind: str) -> None:
    """Raises NotAllowedError when it does not."""
    if not may_ask(kind):
        raise NotAllowedError(NOT_IN_ROLE)


def _ordered(pick: Select[Any], sort: str) -> Select[Any]:
    keys: list[Any] = [Client.name_key, Client.id]
    kind = sort.removeprefix("-")
    if kind == "id":
        keys = [Client.id]
    elif kind == "available":
        pick = pick.join(
            ClientBalance,
            and_(
                ClientBalance.reseller_id == Client.reseller_id,
                ClientBalance.client_id == Client.id,
            ),
        )
        keys = [ClientBalance.postpaid, ClientBalance.available_micros, Client.id]
    return pick.order_by(*(key.desc() if sort.startswith("-") else key.asc() for key in keys))
