"""What the Audit log reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from core.db import Session
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.period import ANY_TIME, PeriodFilter
from tenants.models import AuditRecord

OBJECT_TYPES = (
    "any", "client", "transaction", "invoice", "refill", "saved_card", "mail", "payment_terms",
    "tax_profile", "gateway_account", "user",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; `search` is in the actor or the object's name."""

    search: str = ""
    client_id: int | None = None
    object_type: str = "any"
    period: PeriodFilter = ANY_TIME

    @property
    def is_narrowed(self) -> bool:
        return bool(
            self.search or self.client_id or self.object_type != "any" or self.period.is_set
        )


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the list; `changes` maps each field to what it was and what it is."""

    id: int
    at: datetime
    actor_kind: str
    actor_label: str
    on_behalf_of: str | None
    ip: str | None
    action: str
    object_type: str
    object_id: str
    object_label: str
    client_id: int | None
    changes: Mapping[str, Any]


def read_records(session: Session, filters: Filters, place: Place) -> Page[AuditRow]:
    """One page, newest first."""
    walked = walk(
        select(AuditRecord.id.label("id")).where(*_conditions(filters)),
        owner=AuditRecord.reseller_id,
        order=Order([Key("id", int)], descending=True),
        place=place,
    )
    names = AuditRow.__dataclass_fields__
    query = walked.decorate(
        *(getattr(AuditRecord, name) for name in names),
        keep=[(AuditRecord, AuditRecord.id == walked.picked.c.id, False)],
    )
    return read_page(
        session, walked, query, lambda row: AuditRow(**{name: getattr(row, name) for name in names})
    )


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    text = filters.search.lower()
    wanted: list[tuple[object, ColumnElement[bool]]] = [
        (filters.client_id, AuditRecord.client_id == filters.client_id),
        (filters.object_type != "any", AuditRecord.object_type == filters.object_type),
        (
            text,
            or_(
                func.lower(AuditRecord.actor_label).contains(text, autoescape=True),
                func.lower(AuditRecord.object_label).contains(text, autoescape=True),
                AuditRecord.object_id == filters.search,
            ),
        ),
    ]
    asked = [condition for is_asked, condition in wanted if is_asked]
    return [*asked, *filters.period.instant_conditions(AuditRecord.at)]
