"""What the mass edit reads: its choices, and what its wish makes of the selected clients."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from billing.models import PaymentTerms
from core.db import Session
from core.errors import AppError
from core.tenancy import current_scope
from payments.client_wholes import Whole, read_wholes
from payments.mass_edit import Context, decide
from portal.office.client_changes import Change, ChangeTeller
from portal.office.client_selection import Selection, select_ids
from portal.wording import refusal
from tenants.models import Client, ClientTemplate, Reseller, Tag

LOOKED_AT = 5_000
"""Clients that a preview decides; more are decided by the task alone."""
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A client of the preview, with what changes or why nothing does."""

    id: int
    name: str
    changes: Sequence[Change] = ()
    reason: str = ""


@dataclass(slots=True)
class Preview:
    """`count` clients are meant, `looked_at` of them were decided."""

    count: int
    looked_at: int = 0
    changed: int = 0
    unchanged: int = 0
    left_out: int = 0
    rows: list[Row] = field(default_factory=list)
    left_rows: list[Row] = field(default_factory=list)
    reasons: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Choices:
    """Pairs of value and text."""

    terms: Sequence[tuple[str, str]]
    templates: Sequence[tuple[str, str]]
    currencies: Sequence[str]
    tags: Sequence[str]


def read_choices(session: Session, selection: Selection) -> Choices:
    """Those of the scope; the currencies are those that the first selected clients have."""
    chosen = select_ids(selection).limit(LOOKED_AT).subquery("chosen")
    currencies = session.scalars(
        select(Client.currency)
        .where(Client.id.in_(select(chosen.c.id)))
        .distinct()
        .order_by(Client.currency)
    )
    tags = session.scalars(select(Tag.name).distinct().order_by(Tag.name).limit(500))
    return Choices(
        terms=_named(session, PaymentTerms),
        templates=_named(session, ClientTemplate),
        currencies=list(currencies),
        tags=list(tags),
    )


def read_preview(session: Session, selection: Selection, context: Context, count: int) -> Preview:
    """What the task would do now: to whom, and who would be left out, and why."""
    preview = Preview(count)
    words = ChangeTeller(session)
    reasons: Counter[str] = Counter()
    ids = list(session.scalars(select_ids(selection).limit(LOOKED_AT)))
    for start in range(0, len(ids), 1_000):
        wholes = read_wholes(session, ids[start : start + 1_000])
        for client_id in ids[start : start + 1_000]:
            before = wholes.get(client_id)
            if before is not None:
                _look(preview, reasons, words, before, context)
    preview.reasons = reasons.most_common()
    return preview


def _look(
    preview: Preview, reasons: "Counter[str]", words: ChangeTeller, before: Whole, context: Context
) -> None:
    preview.looked_at += 1
    decision = decide(before, context)
    name = before.general.name
    if decision.after is not None:
        preview.changed += 1
        if len(preview.rows) < SHOWN:
            changes = words.tell(decision.changes_from(before), before.general.currency)
            preview.rows.append(Row(before.id, name, changes))
    elif decision.state == "unchanged":
        preview.unchanged += 1
    else:
        preview.left_out += 1
        reason = refusal(AppError(decision.reason, **(decision.values or {})))
        reasons[reason] += 1
        if len(preview.left_rows) < SHOWN:
            preview.left_rows.append(Row(before.id, name, reason=reason))


def _named(session: Session, model: Any) -> list[tuple[str, str]]:  # noqa: ANN401 (a table with names)
    """With the reseller's name where there are several."""
    is_one = len(current_scope().reseller_ids) == 1
    rows = session.execute(
        select(model.id, model.name, Reseller.name)
        .join(Reseller, Reseller.id == model.reseller_id)
        .order_by(Reseller.name, model.name)
    )
    return [(str(row[0]), row[1] if is_one else f"{row[1]} – {row[2]}") for row in rows]
