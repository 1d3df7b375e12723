"""Which invoices a mass edit or a ZIP is about: rows picked by hand, or all that match.

`pick` names a picked invoice, `all` says that every one matching `filters` is meant: the text that
stands behind the question mark of the list's address.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request
from sqlalchemy import ARRAY, Select, Uuid, any_, func, literal, select

from billing.invoice_models import Invoice
from core.db import Session
from core.tenancy import current_scope
from portal.office.invoices.filters import Filters, conditions, parse_query

MOST_PICKED = 500
"""Rows that can be picked by hand; a page of the list shows fewer."""


@dataclass(frozen=True, slots=True)
class Selection:
    """`picked` is for single rows, `is_all` for everything that matches."""

    filters: Filters
    picked: tuple[UUID, ...] = ()
    is_all: bool = False

    def to_asked(self) -> dict[str, Any]:
        """For the audit log: what was asked for, in the words of the address."""
        if self.is_all:
            return {"filters": self.filters.query}
        return {"picked": [str(one) for one in self.picked]}


def read_selection() -> Selection:
    """What the address or the form says; ids that are none are left out."""
    values = request.values
    filters = parse_query(values.get("filters", ""))
    if values.get("all"):
        return Selection(filters, is_all=True)
    picked = (_id(one) for one in values.getlist("pick")[:MOST_PICKED])
    return Selection(filters, tuple(dict.fromkeys(one for one in picked if one is not None)))


def select_ids(selection: Selection) -> Select[Any]:
    """Id, number and place of the invoices of the scope that are meant, in the list's order."""
    descending = selection.filters.sort == "-date"
    keys = [Invoice.invoiced_at, Invoice.id]
    order = [key.desc() if descending else key.asc() for key in keys]
    pick = select(
        Invoice.id.label("id"),
        Invoice.number.label("number"),
        func.row_number().over(order_by=order).label("n"),
    ).where(Invoice.reseller_id.in_(current_scope().reseller_ids))
    if selection.is_all:
        return pick.where(*conditions(selection.filters)).order_by(*order)
    wanted = literal(list(selection.picked), ARRAY(Uuid))
    return pick.where(Invoice.id == any_(wanted)).order_by(*order)


def count_selected(session: Session, selection: Selection, *, limit: int) -> int:
    """How many that are, up to `limit`."""
    limited = select_ids(selection).order_by(None).limit(limit).subquery()
    return session.scalar(select(func.count()).select_from(limited)) or 0


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
