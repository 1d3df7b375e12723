"""A year of invoicing in 12 zones, with real workers killed with -9 at random moments.

`python -m tests.simulation.year [--seed N] [--days 365] [--kills 60] [--workers 2]` makes one plan
of clients and charges, runs it once in this process where nobody dies, and once by workers of
which again and again one is killed. It proves that in the second run every instant of every client
stands on exactly one invoice, that numbers have no gap, that no charge is billed twice or left
behind, and that both runs come to the same invoices.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import psycopg
from sqlalchemy import exists, select

from billing import client_billing, ledger, payment_terms, tax_profiles, transactions
from billing.invoice_models import Invoice
from billing.models import ClientBilling
from core import jobs, platform_uow, schema, uow
from core.config import Settings
from core.db import Session
from core.engines import dispose_engines
from core.ids import new_id
from core.jobs import Job
from core.platform_uow import platform_unit_of_work
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from mail import queue
from sandbox.embedded import start_postgres, start_redis
from tenants.clients import get_client
from tests.conftest import settings_environment
from tests.factories import cast
from tests.simulation import clock
from tests.simulation.plan import Plan, make_plan
from tests.simulation.proof import Outcome, prove, read_outcome
from tests.warm_workers import WarmWorker
from worker.actors.billing import invoice_client
from worker.broker import make_producer
from worker.send import make_sender
from worker.sweeps.billing import find_due_clients, find_unfinished_invoices

PATIENCE_S = 600
# a job that was lost is asked for again after this long, in the machine's time
_ASK_AGAIN_S = 1.5
# in simulated time: what the sweep of unfinished invoices waits for, and how far we let it go
_ROUND, _MOST_ROUNDS = timedelta(seconds=31), 25


@dataclass
class Site:
    """Services that are there already, and a folder for the clock and the workers' logs."""

    environment: dict[str, str]
    folder: Path
    postgres_folder: Path

    @property
    def clock(self) -> Path:
        return self.folder / "clock"

    def busy_transactions(self) -> int:
        """How many connections of the application stand in a transaction at this moment."""
        with psycopg.connect(
            host=str(self.postgres_folder), user="postgres", dbname="portal"
        ) as connection:
            [found] = connection.execute(
                "select count(*) from pg_stat_activity where usename = 'portal_office'"
                " and xact_start is not null"
            ).fetchall()
        return int(found[0])


@dataclass
class Run:
    """One plan on one reseller of its own."""

    site: Site
    plan: Plan
    reseller_id: int
    client_ids: list[int]

    def advance(self, before: datetime, at: datetime) -> None:
        """Move the clock to `at` and book what was charged since `before`."""
        charged = [one for one in self.plan.charges if before < one.dated_at <= at]
        clients = {self.client_ids[charge.client] for charge in charged}
        with self.work() as session:
            # a worker that was asked twice must not see the new time before the charges: an invoice
            # of that moment would rightly leave them to the next
            for client_id in sorted(clients):
                ledger.lock_balance(session, client_id)
            clock.set_time(self.site.clock, at)
            for charge in charged:
                transactions.create_charge(
                    session,
                    transaction_id=new_id(),
                    client_id=self.client_ids[charge.client],
                    amount=charge.amount,
                    tax_mode="profile",
                    dated_at=charge.dated_at,
                )

    @contextmanager
    def work(self) -> Iterator[Session]:
        scope = Scope((self.reseller_id,), actor=Actor("job", label="simulation"))
        with tenant_scope(scope), unit_of_work() as session:
            yield session

    def steps(self) -> Iterator[datetime]:
        """Each look, with the charges of the time before it booked."""
        before = self.plan.begins_at
        for at in self.plan.looks:
            self.advance(before, at)
            yield at
            before = at

    def is_done(self) -> bool:
        """Whether no boundary that has passed is left, and no invoice without file and mail."""
        due = exists().where(
            ClientBilling.next_invoice_at <= clock.read_time(self.site.clock),
            ClientBilling.reseller_id == self.reseller_id,
        )
        unfinished = exists().where(
            Invoice.reseller_id == self.reseller_id, Invoice.state == "to_send"
        )
        with self.work() as session:
            return not session.scalar(select(due | unfinished))

    def run_calmly(self) -> Outcome:
        """The plan in this process: each boundary by the worker's own function, one by one."""
        asked: list[Job] = []
        with _jobs_to(asked.append):
            for _ in self.steps():
                with platform_unit_of_work() as session:
                    find_due_clients(session)
                for job in [one for one in asked if one.reseller_id == self.reseller_id]:
                    if job.name == "billing.invoice_client":
                        with self._scope():
                            invoice_client(int(job.args["client_id"]))
                asked.clear()
        with self.work() as session:
            return read_outcome(session, self.client_ids)

    @contextmanager
    def _scope(self) -> Iterator[None]:
        with tenant_scope(Scope((self.reseller_id,), actor=Actor("job", label="simulation"))):
            yield


def open_run(site: Site, plan: Plan, code: str) -> Run:
    """A reseller of its own with the plan's clients, invoiced since the plan's first day."""
    tenant = cast.make_tenant(code.title(), code, timezone="UTC")
    ids = [cast.make_client(tenant, one.name, timezone=one.zone).id for one in plan.clients]
    terms: dict[tuple[tuple[str, int], ...], int] = {}
    with tenant_scope(tenant.scope), unit_of_work() as session:
        tax_profiles.create_profile(
            session,
            reseller_id=tenant.id,
            name="VAT",
            taxes=[("VAT", Decimal(19), 1)],
            is_default=True,
        )
        for client_id, one in zip(ids, plan.clients, strict=True):
            if one.rule not in terms:
                terms[one.rule] = payment_terms.create_terms(
                    session, reseller_id=tenant.id, name=str(one.rule[0]), **dict(one.rule)
                ).id
            client_billing.save_billing(
                session,
                get_client(session, client_id),
                client_billing.Billing(
                    payment_terms_id=terms[one.rule],
                    autoinvoicing=True,
                    last_invoiced_on=plan.first_on - timedelta(days=1),
                ),
            )
    return Run(site, plan, tenant.id, ids)


@dataclass
class Killer:
    """Runs a plan by worker processes and kills them with -9, `kills` times, as the seed says."""

    run: Run
    kills: int
    workers: int
    killed: int = 0
    in_the_middle: int = 0
    _alive: list[WarmWorker] = field(default_factory=list)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"kills of {self.run.plan.seed}")

    def run_and_kill(self) -> Outcome:
        """The whole plan; every kill strikes while something is due or unfinished."""
        try:
            for _ in range(self.workers):
                self._start_worker()
            looks = len(self.run.plan.looks)
            for number, at in enumerate(self.run.steps()):
                self._finish(at, (self.kills - self.killed) / max(1, (looks - number) // 3))
        finally:
            for worker in self._alive:
                worker.kill()
        with self.run.work() as session:
            return read_outcome(session, self.run.client_ids)

    def _finish(self, at: datetime, chance: float) -> None:
        deadline = time.monotonic() + PATIENCE_S
        rounds, asked_at = 0, 0.0
        while not self.run.is_done():
            if time.monotonic() > deadline:
                raise SystemExit(f"{at}: waited {PATIENCE_S} s in vain\n{self._last_words()}")
            if time.monotonic() - asked_at > _ASK_AGAIN_S:
                clock.set_time(self.run.site.clock, at + _ROUND * min(rounds, _MOST_ROUNDS))
                self._sweep()
                rounds, asked_at = rounds + 1, time.monotonic()
            if self.killed < self.kills and self._random.random() < chance:
                time.sleep(self._random.uniform(0, 0.4))
                self._kill_one()
                asked_at = 0.0
            time.sleep(0.1)

    def _sweep(self) -> None:
        with platform_unit_of_work() as session:
            find_due_clients(session)
            find_unfinished_invoices(session)

    def _kill_one(self) -> None:
        # best in the middle of a transaction; after a moment without one, wherever it is
        patience = time.monotonic() + 0.5
        while not (busy := self.run.site.busy_transactions()) and time.monotonic() < patience:
            time.sleep(0.002)
        victim = self._alive.pop(self._random.randrange(len(self._alive)))
        victim.kill()
        self.killed += 1
        self.in_the_middle += bool(busy)
        self._start_worker()

    def _start_worker(self) -> None:
        site = self.run.site
        environment = {**os.environ, **site.environment, clock.VARIABLE: str(site.clock)}
        log = site.folder / f"year-{len(list(site.folder.glob('year-*.log')))}.log"
        log.touch()
        self._alive.append(
            WarmWorker(
                environment,
                log,
                threads=2,
                arguments=("tests.simulation.worker", "--queues", "billing"),
            )
        )

    def _last_words(self) -> str:
        logs = sorted(self.run.site.folder.glob("year-*.log"), key=lambda one: one.stat().st_mtime)
        return "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in logs[-2:])


@contextmanager
def _jobs_to(send: Callable[[Job], None]) -> Iterator[None]:
    senders, jobs._senders[:] = list(jobs._senders), [send]
    try:
        yield
    finally:
        jobs._senders[:] = senders


@contextmanager
def _own_site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="portal-year-") as name:
        folder = Path(name)
        postgres = start_postgres(folder / "postgres")
        redis = start_redis(folder / "redis")
        environment = settings_environment(postgres, redis.url, VAR_DIR=name, LOG_LEVEL="WARNING")
        settings = Settings(**{name.lower(): value for name, value in environment.items()})
        try:
            schema.bootstrap(settings.database_url_admin, "portal")
            schema.migrate(settings.database_url_owner)
            uow.configure(settings)
            platform_uow.configure(settings)
            queue.configure(settings)
            jobs.configure(make_sender(make_producer(redis.url)))
            yield Site(environment, folder, postgres.socket_dir)
        finally:
            dispose_engines()
            redis.stop()
            postgres.stop("immediate")


def simulate(
    site: Site, plan: Plan, *, kills: int, workers: int, say: Callable[[str], None], name: str = ""
) -> Killer:
    """Both runs and the proof; SystemExit says what is wrong."""
    clock.set_time(site.clock, plan.begins_at)
    with clock.followed(site.clock):
        calm = open_run(site, plan, f"calm{name}")
        begun = time.monotonic()
        expected = calm.run_calmly()
        say(f"without kills: {expected.words()} in {time.monotonic() - begun:.0f} s")
        clock.set_time(site.clock, plan.begins_at)
        killer = Killer(open_run(site, plan, f"killed{name}"), kills, workers)
        begun = time.monotonic()
        outcome = killer.run_and_kill()
        say(
            f"with {killer.killed} kills, {killer.in_the_middle} of them amid a transaction:"
            f" {outcome.words()} in {time.monotonic() - begun:.0f} s"
        )
        with killer.run.work() as session:
            prove(session, killer.run, outcome, expected)
    return killer


def main() -> None:
    wanted = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    wanted.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    wanted.add_argument("--days", type=int, default=365)
    wanted.add_argument("--kills", type=int, default=60)
    wanted.add_argument("--workers", type=int, default=2)
    chosen = wanted.parse_args()
    plan = make_plan(chosen.seed, first_on=date(2025, 2, 10), days=chosen.days)
    _say(
        f"seed {plan.seed}: {len(plan.clients)} clients in {len(plan.clients) // 2} zones,"
        f" {chosen.days} days from {plan.first_on}, {len(plan.charges)} charges,"
        f" {len(plan.looks)} looks at the clock"
    )
    with _own_site() as site:
        simulate(site, plan, kills=chosen.kills, workers=chosen.workers, say=_say)
    _say("proven: every instant billed once, numbers without gaps, the same invoices and total")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
