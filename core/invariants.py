"""Rules that must hold in the whole database: each one query, its last result kept as a row.

A rule is a statement that answers one row for each thing that breaks it, with the columns
`reseller_id` and `object` (words that a person can look it up by). Packages bring their own rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import now
from core.db import Base, Session

SHOWN_PER_TENANT = 5
SHOWN_TENANTS = 50
"""What of the findings is kept; the counts are of all of them."""
LONGEST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Rule:
    """`number` is that of the list in docs/runbook.md; `parameters` are bound to the statement."""

    name: str
    number: int
    statement: str
    parameters: tuple[tuple[str, object], ...] = ()


class InvariantResult(Base):
    """The last result of one rule; `held_at` is when it last held.

    `findings` maps a tenant's id to how many of its rows break the rule and the first of them.
    `error` is not empty when the rule could not be asked.
    """

    __tablename__ = "invariant_results"
    rule: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    checked_at: Mapped[datetime]
    held_at: Mapped[datetime | None]
    ok: Mapped[bool]
    found: Mapped[int] = mapped_column(BigInteger)
    findings: Mapped[dict[str, Any]]
    took_ms: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(server_default="")


@dataclass(frozen=True, slots=True)
class Finding:
    """What breaks a rule at one tenant: how many rows, and the first of them."""

    reseller_id: int
    count: int
    objects: Sequence[str]


def check_rule(session: Session, rule: Rule) -> list[Finding]:
    """Ask the rule over all tenants and write down its result; answers what breaks it.

    `session` is one of the role that sees every tenant.
    """
    began = now()
    findings: list[Finding] = []
    error = ""
    try:
        with session.begin_nested():
            findings = _ask(session, rule)
    except DBAPIError as broken:
        # a rule that cannot be asked is not one that holds
        error = type(broken.orig).__name__
    _store(session, rule, began, findings, error)
    return findings


def list_results(session: Session) -> list[InvariantResult]:
    """The last result of each rule, by number and name."""
    return list(
        session.scalars(
            select(InvariantResult).order_by(InvariantResult.number, InvariantResult.rule)
        )
    )


def delete_results_but(session: Session, names: Sequence[str]) -> None:
    """Forget the results of rules that no longer exist."""
    for result in list_results(session):
        if result.rule not in names:
            session.delete(result)
    session.flush()


def _ask(session: Session, rule: Rule) -> list[Finding]:
    limit_ms = int(LONGEST.total_seconds() * 1000)
    session.execute(select(func.set_config("statement_timeout", str(limit_ms), True)))
    rows = session.execute(
        text(
            "select reseller_id, count(*) as rows,"  # noqa: S608 (statements of our own packages)
            f" (array_agg(object order by object))[1:{SHOWN_PER_TENANT}] as objects"
            f" from ({rule.statement}) broken group by reseller_id order by reseller_id"
        ),
        dict(rule.parameters),
    )
    return [Finding(row.reseller_id, row.rows, row.objects) for row in rows]


def _store(
    session: Session, rule: Rule, began: datetime, findings: Sequence[Finding], error: str
) -> None:
    ok = not findings and not error
    ended = now()
    values = {
        "number": rule.number,
        "checked_at": ended,
        "ok": ok,
        "found": sum(one.count for one in findings),
        "findings": {
            str(one.reseller_id): {"count": one.count, "objects": list(one.objects)}
            for one in findings[:SHOWN_TENANTS]
        },
        "took_ms": int((ended - began).total_seconds() * 1000),
        "error": error,
        **({"held_at": ended} if ok else {}),
    }
    session.execute(
        insert(InvariantResult)
        .values(rule=rule.name, **values)
        .on_conflict_do_update(index_elements=["rule"], set_=values)
    )
