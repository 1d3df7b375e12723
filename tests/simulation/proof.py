"""What a simulated year came to, and the proof that it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from billing import ledger_check
from billing.invoice_models import Invoice, InvoiceLine
from billing.models import ClientBilling, Transaction
from core.db import Session
from mail.models import MailMessage
from tests.simulation.plan import Plan, PlannedClient, local_midnight


@dataclass(frozen=True)
class Billed:
    """One invoice, without what may differ between two runs: ids, numbers, when it was made."""

    first_on: date
    last_on: date
    starts_at: datetime
    ends_at: datetime
    net: Decimal
    tax: Decimal
    total: Decimal
    lines: int


@dataclass(frozen=True)
class Outcome:
    """Each client's invoices in the plan's order, oldest first, and until when it is billed."""

    invoices: tuple[tuple[Billed, ...], ...]
    billed_until: tuple[datetime | None, ...]

    @property
    def count(self) -> int:
        return sum(len(own) for own in self.invoices)

    @property
    def total(self) -> Decimal:
        return sum((one.total for own in self.invoices for one in own), Decimal())

    def words(self) -> str:
        return f"{self.count} invoices, {self.total} USD"


class _Run(Protocol):
    plan: Plan
    reseller_id: int
    client_ids: list[int]


def read_outcome(session: Session, client_ids: Sequence[int]) -> Outcome:
    """As it stands in the database."""
    lines = (
        select(func.count())
        .select_from(InvoiceLine)
        .where(InvoiceLine.invoice_id == Invoice.id)
        .scalar_subquery()
    )
    columns = ("first_on", "last_on", "starts_at", "ends_at", "net", "tax", "total")
    wanted = [getattr(Invoice, name) for name in columns]
    invoices, until = [], []
    for client_id in client_ids:
        rows = session.execute(
            select(*wanted, lines).where(Invoice.client_id == client_id).order_by(Invoice.starts_at)
        )
        invoices.append(tuple(Billed(*row) for row in rows))
        until.append(
            session.scalar(
                select(ClientBilling.billed_until).where(ClientBilling.client_id == client_id)
            )
        )
    return Outcome(tuple(invoices), tuple(until))


def prove(session: Session, run: _Run, outcome: Outcome, expected: Outcome) -> None:
    """Raises AssertionError for the first thing that is not as it must be."""
    for client, own, calm in zip(
        run.plan.clients, outcome.invoices, expected.invoices, strict=True
    ):
        differ = set(own) ^ set(calm)
        assert not differ, (
            f"{client.name} {client.rule}: not the same invoices as in the run without kills:"
            f" {sorted((one.first_on, one.last_on, one.total, one in calm) for one in differ)}"
        )
    assert outcome == expected, "not billed until the same instants as in the run without kills"
    assert outcome.count > 0
    for client, client_id, own in zip(
        run.plan.clients, run.client_ids, outcome.invoices, strict=True
    ):
        _prove_time(client, own)
        _prove_charges(session, client_id, own)
    _prove_numbers(session, run, outcome)
    _prove_money(session, run, outcome)


def _prove_time(client: PlannedClient, own: Sequence[Billed]) -> None:
    """Periods begin and end at local midnights, as the terms say, and do not overlap."""
    zone = ZoneInfo(client.zone)
    rule = dict(client.rule)
    for one in own:
        boundary = one.last_on + timedelta(days=1)
        assert one.starts_at == local_midnight(one.first_on, zone), (client, one)
        assert one.ends_at == local_midnight(boundary, zone), (client, one)
        if "every_days" in rule:
            assert boundary - one.first_on == timedelta(days=rule["every_days"]), (client, one)
        else:
            assert boundary.day == min(rule["day_of_month"], 28), (client, one)
    for before, after in pairwise(own):
        assert before.ends_at <= after.starts_at, (client, before, after)


def _prove_charges(session: Session, client_id: int, own: Sequence[Billed]) -> None:
    """Each charge is a line of the one invoice of its instant; none of a billed time is left."""
    rows = session.execute(
        select(
            Transaction.dated_at,
            Invoice.starts_at,
            Invoice.ends_at,
            func.count(InvoiceLine.line_no),
        )
        .outerjoin(Invoice, Invoice.id == Transaction.invoice_id)
        .outerjoin(InvoiceLine, InvoiceLine.transaction_id == Transaction.id)
        .where(Transaction.client_id == client_id)
        .group_by(Transaction.id, Invoice.id)
    ).all()
    until = session.scalar(
        select(ClientBilling.billed_until).where(ClientBilling.client_id == client_id)
    )
    for dated_at, starts_at, ends_at, lines in rows:
        if starts_at is None:
            assert lines == 0
            assert until is None or dated_at >= until, (client_id, dated_at)
        else:
            assert lines == 1, (client_id, dated_at)
            assert starts_at <= dated_at < ends_at, (client_id, dated_at)
    assert sum(one.lines for one in own) == sum(lines for *_, lines in rows)


def _prove_numbers(session: Session, run: _Run, outcome: Outcome) -> None:
    numbers = session.scalars(
        select(Invoice.running_number)
        .where(Invoice.reseller_id == run.reseller_id)
        .order_by(Invoice.running_number)
    ).all()
    assert list(numbers) == list(range(1, outcome.count + 1)), "the numbers have a gap"


def _prove_money(session: Session, run: _Run, outcome: Outcome) -> None:
    """The plan's own sum, one file and one mail an invoice, and a ledger that balances."""
    billed = sum((one.net for own in outcome.invoices for one in own), Decimal())
    planned = Decimal()
    for charge in run.plan.charges:
        until = outcome.billed_until[charge.client]
        if until is not None and charge.dated_at < until:
            planned += charge.amount
    assert billed == planned, f"{billed} billed of {planned} charged"
    files, mails = session.execute(
        select(
            func.count(Invoice.file_id.distinct()),
            select(func.count(MailMessage.dedupe_key.distinct()))
            .where(MailMessage.reseller_id == run.reseller_id, MailMessage.kind == "invoice")
            .scalar_subquery(),
        ).where(Invoice.reseller_id == run.reseller_id, Invoice.state == "normal")
    ).one()
    assert (files, mails) == (outcome.count, outcome.count), "not each has its file and mail"
    assert ledger_check.check_ledger(session, run.reseller_id).findings == {}
