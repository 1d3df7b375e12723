"""The last result of each rule, with the names of the resellers where it does not hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from flask_babel import LazyString
from sqlalchemy import func, select

from core import invariants
from core.db import Session
from core.invariants import InvariantResult
from portal.platform.health.rules import GROUPS, RULES, Words
from tenants.models import Reseller

STALE_AFTER = timedelta(hours=3)
"""Rules are asked every hour: a result that is older means that nobody asks."""
State = Literal["holds", "broken", "failed", "stale", "never"]


@dataclass(frozen=True, slots=True)
class Place:
    """A reseller where a rule does not hold; `name` empty: there is no such reseller."""

    reseller_id: int
    name: str
    count: int
    objects: Sequence[str]


@dataclass(frozen=True, slots=True)
class Line:
    """One rule as it stands."""

    name: str
    words: Words
    state: State
    checked_at: datetime | None
    held_at: datetime | None
    found: int
    took_ms: int
    error: str
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Group:
    """One promise with the rules that prove it."""

    number: int
    title: LazyString
    lines: Sequence[Line]

    @property
    def is_trouble(self) -> bool:
        return any(line.state in {"broken", "failed"} for line in self.lines)


def read_health(session: Session, at: datetime) -> list[Group]:
    """Every promise, those without a result too."""
    results = {one.rule: one for one in invariants.list_results(session)}
    ids = {int(one) for result in results.values() for one in result.findings}
    names = {
        row.id: row.name
        for row in session.execute(select(Reseller.id, Reseller.name).where(Reseller.id.in_(ids)))
    }
    return [
        Group(
            number,
            title,
            [
                _line(name, RULES[name], results.get(name), names, at)
                for name, rule_number in NUMBERS.items()
                if rule_number == number
            ],
        )
        for number, title in GROUPS.items()
    ]


def count_checked(session: Session, since: datetime) -> tuple[int, int]:
    """How many rules have a result since then, and how many of these do not hold."""
    done, broken = session.execute(
        select(func.count(), func.count().filter(~InvariantResult.ok)).where(
            InvariantResult.checked_at >= since, InvariantResult.rule.in_(list(RULES))
        )
    ).one()
    return done, broken


NUMBERS: dict[str, int] = {
    name: number
    for number, names in {
        1: ("entry_unbalanced", "currency_unbalanced"),
        2: ("balance_differs",),
        3: (
            "charged_twice",
            "charge_not_booked",
            "booked_without_charge",
            "succeeded_without_attempt",
            "refund_not_booked",
            "returned_differs",
        ),
        4: ("refill_too_old",),
        5: ("periods_overlap", "last_invoiced_behind"),
        6: ("charge_misplaced",),
        7: ("numbers_have_gaps",),
        8: ("invoice_sums_differ", "paid_differs"),
        9: ("invoice_without_mail", "mail_sent_without_try", "mail_left_after_its_body"),
        10: ("event_twice",),
        11: (
            "audit_chain_incomplete",
            "audit_chain_broken",
            "audit_unsealed",
            "act_without_record",
        ),
        12: ("row_of_another_tenant",),
        13: ("mail_waits", "payment_waits", "invoice_due", "invoice_without_file"),
        14: ("orphan_file", "file_changed"),
        15: ("task_counts_differ", "task_unfinished"),
    }.items()
    for name in names
}
"""Which promise each rule proves; a test holds it against the rules that the worker asks."""


def _line(
    name: str,
    words: Words,
    result: InvariantResult | None,
    names: dict[int, str],
    at: datetime,
) -> Line:
    if result is None:
        return Line(name, words, "never", None, None, 0, 0, "", [])
    return Line(
        name,
        words,
        _state(result, at),
        result.checked_at,
        result.held_at,
        result.found,
        result.took_ms,
        result.error,
        [
            Place(int(one), names.get(int(one), ""), found["count"], found["objects"])
            for one, found in result.findings.items()
        ],
    )


def _state(result: InvariantResult, at: datetime) -> State:
    if result.error:
        return "failed"
    if not result.ok:
        return "broken"
    return "stale" if at - result.checked_at > STALE_AFTER else "holds"
