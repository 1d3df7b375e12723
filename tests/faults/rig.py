"""A small site of real processes that can be killed, frozen and cut off, and its books' proof.

Workers are `dramatiq worker.main` processes over a PostgreSQL with fsync and a real Redis. Waiting
times are shortened by settings; nothing in the product knows of this rig.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg
from flask import Flask
from sqlalchemy import text

from core import jobs, platform_uow, uow
from core.config import Settings
from core.engines import dispose_engines
from core.jobs import Job
from core.platform_uow import platform_unit_of_work
from mail import queue
from mail.queue import MailKind
from payments.models import SavedCard
from payments.state import FINAL_REFILL_STATES
from sandbox.embedded import Postgres, Redis
from tests.faults import passing
from tests.payments.till import Till
from tests.sandbox.authorizenet_server import RunningSandbox
from tests.sandbox.mailbox_server import MailboxServer
from tests.sandbox.stripe_server import RunningStripe
from tests.warm_workers import WarmWorker
from worker.sweeps.mail import find_waiting_mail
from worker.sweeps.payments import find_due_clients, find_unhandled_events, find_waiting_refills

READY = "Worker process is ready for action"
PATIENCE_S = 90


def wait_for(what: str, happened: Callable[[], object], *, seconds: float = PATIENCE_S) -> None:
    """Wait until it has happened; a rig that waits too long says for what."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.05)


def configure(settings: Settings) -> None:
    """Let this process work on the database of these settings."""
    uow.configure(settings)
    platform_uow.configure(settings)
    queue.configure(settings)


class WorkerProcess:
    """A worker as an operator would start it, with its whole process group in hand."""

    def __init__(
        self,
        environment: dict[str, str],
        log: Path,
        *,
        when_gone: Callable[[], None],
        is_mail_sent: Callable[[], bool],
    ) -> None:
        self._when_gone = when_gone
        self._is_mail_sent = is_mail_sent
        log.touch()
        self._worker = WarmWorker({**os.environ, **environment}, log, threads=4)
        has_ended = self._worker.has_ended
        wait_for("the worker to start", lambda: READY in log.read_text() or has_ended())
        assert not has_ended(), log.read_text()

    def kill(self) -> None:
        """-9 for the master and its worker."""
        self._worker.kill()
        self._when_gone()

    def freeze(self, *, amid_letters: bool = False) -> None:
        # amid a letter it would hold that letter's row for as long as it stands still
        if not amid_letters:
            wait_for("the letters to be sent", self._is_mail_sent)
        self._worker.signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._worker.signal_all(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """To all of it; whoever sends it knows what comes of it."""
        self._worker.signal_all(number)

    def end(self) -> None:
        self._worker.kill()


@dataclass
class Rig:
    """The services of the site, and one tenant's till on it."""

    postgres: Postgres
    redis: Redis
    sandbox: RunningSandbox | RunningStripe
    mailbox: MailboxServer
    settings: Settings
    environment: dict[str, str]
    folder: Path
    web_url: str
    till: Till
    stripe: RunningStripe
    app: Flask
    _workers: list[WorkerProcess] = field(default_factory=list)

    def start_worker(self, **environment: str) -> WorkerProcess:
        log = self.folder / f"worker-{time.monotonic_ns()}.log"
        worker = WorkerProcess(
            {**self.environment, **environment},
            log,
            when_gone=self._let_leases_of_mail_end,
            is_mail_sent=self._is_mail_sent,
        )
        self._workers.append(worker)
        return worker

    def end_workers(self) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    # The clock's work: the same sweeps, called here so that nobody waits for half a minute

    def sweep(self, *, auto_payment: bool = False) -> None:
        with platform_unit_of_work() as session:
            find_waiting_refills(session)
            find_unhandled_events(session)
            find_waiting_mail(session)
            if auto_payment:
                find_due_clients(session)

    def let_a_minute_pass(self) -> None:
        """Make whatever waits for its first sweep look old enough for it."""
        self.execute("update refills set next_look_at = now() where state = 'requested'")
        self.execute(
            "update mail_messages set next_attempt_at = now() - interval '1 minute'"
            " where state = 'queued'"
        )

    def _is_mail_sent(self) -> bool:
        return all(mail.state == "sent" for mail in self.till.mails())

    def _let_leases_of_mail_end(self) -> None:
        """What a worker that is gone began to send is free for the next, without its minutes."""
        self.execute("update mail_messages set lease_until = now() where state = 'sending'")

    def let_leases_end(self) -> None:
        """Who holds one is gone or stands still, and the gateway has nothing more to do."""
        self.execute(*passing.LEASES_END)

    def let_waits_end(self) -> None:
        """What nobody is at is looked at, or tried again, now."""
        self.execute(*passing.WAITS_END)

    def crash_postgresql(self) -> None:
        """Stop it as a power cut would and start it again; this process forgets its connections."""
        self.postgres.restart(immediate=True)
        dispose_engines()
        configure(self.settings)
        # what the crash cut off is under the lease of somebody who cannot finish it
        self._let_leases_of_mail_end()

    def request_without_job(self, card: SavedCard) -> UUID:
        """A refill whose job was lost."""
        senders, jobs._senders[:] = list(jobs._senders), []
        try:
            return self.till.request(card)
        finally:
            jobs._senders[:] = senders

    def send(self, job: Job) -> None:
        """Put a job into the queue at once, as a second delivery of it would be."""
        jobs._senders[0](job)

    def send_charge_job(self, refill_id: UUID) -> None:
        self.send(Job("payments.charge_refill", {"refill_id": str(refill_id)}, self.till.tenant.id))

    def settle(self, *refill_ids: UUID) -> None:
        """Sweep until every refill has its outcome and every mail is sent.

        Nobody waits here for the time between two looks. Leases keep their full length.
        """

        def is_done() -> bool:
            self.let_waits_end()
            self.sweep()
            states = [self.till.refill(refill_id).state for refill_id in refill_ids]
            if not all(state in FINAL_REFILL_STATES for state in states):
                time.sleep(0.15)
                return False
            self.execute(
                "update mail_messages set next_attempt_at = now() - interval '1 minute'"
                " where state = 'queued'"
            )
            time.sleep(0.2)
            return self._is_mail_sent()

        try:
            wait_for("every refill to have its outcome", is_done)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._what_is_there()}") from error

    def _what_is_there(self) -> str:
        """For who reads the failure: the rows, and what each worker said last."""
        told = []
        with self.connect() as connection:
            for table in ("refills", "charge_attempts", "mail_messages"):
                rows = connection.execute(f"select to_jsonb(t)::text from {table} t")  # type: ignore[arg-type]
                told += [f"{table}: {row}" for (row,) in rows]
        for log in sorted(self.folder.glob("worker-*.log")):
            told.append(f"{log.name}:\n{log.read_text()[-3000:]}")
        return "\n".join(told)

    # The proof

    def prove_one_charge(self, refill_id: UUID, amount: str = "10.00") -> None:
        """One charge at the gateway, one posting, one mail that arrived, and books that balance."""
        till = self.till
        refill = till.refill(refill_id)
        assert refill.state == "succeeded"
        keys = {attempt.key for attempt in till.attempts(refill_id)}
        charges = [charge for charge in till.merchant.charges() if charge["key"] in keys]
        assert [charge["amount"] for charge in charges] == [amount]
        assert till.taken() == [amount]
        assert till.postings(refill_id) == 1
        assert till.books_are_right()
        mails = till.mails()
        about_money = {MailKind.PAYMENT, MailKind.AUTO_PAYMENT}
        assert len([mail for mail in mails if mail.kind in about_money]) == 1
        assert {mail.state for mail in mails} == {"sent"}
        received = self.mailbox.messages(to=mails[0].to_address)
        assert {message.message_id for message in received} == {mail.message_id for mail in mails}

    # Moments

    def wait_until_state(self, refill_id: UUID, state: str) -> None:
        wait_for(f"refill {state}", lambda: self.till.refill(refill_id).state == state)

    def wait_until_charged(self, count: int = 1) -> None:
        wait_for("the charge at the gateway", lambda: len(self.till.taken()) == count)

    def wait_for_the_door(self) -> None:
        """Until somebody of the application waits for a lock that we hold."""
        wait_for("somebody at the door", lambda: self.waiting_for_locks() > 0)

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.postgres.socket_dir), user="postgres", dbname="portal")

    def execute(self, *statements: str) -> None:
        """Each in a transaction of its own: together they would hold locks in another order."""
        with self.connect() as connection:
            connection.autocommit = True
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]

    def waiting_for_locks(self, relation: str = "") -> int:
        """How many connections of the application wait for a lock."""
        with platform_unit_of_work() as session:
            return session.scalars(
                text(
                    "select count(distinct l.pid) from pg_locks l"
                    " left join pg_class c on c.oid = l.relation"
                    " where not l.granted and (:relation = '' or c.relname = :relation)"
                ),
                {"relation": relation},
            ).one()

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Hold the locks of a statement."""
        with self.connect() as connection:
            connection.execute(statement)  # type: ignore[arg-type]
            try:
                yield
            finally:
                connection.rollback()

    @contextmanager
    def stopped_before_sending(self, refill_id: UUID) -> Iterator[None]:
        """Stop the worker after `sending` is committed and before its request leaves.

        The commit is held up behind one lock until the next, which the worker's last check of its
        lease needs, is queued: so the worker cannot slip through between the two.
        """
        taken = threading.Event()
        leave = threading.Event()

        def hold_attempts() -> None:
            with self.connect() as connection:
                connection.execute("lock table charge_attempts in access exclusive mode")
                taken.set()
                leave.wait(60)
                connection.rollback()

        thread = threading.Thread(target=hold_attempts)
        # one that reads may pass, as the worker does before it writes its attempt
        with self.holding("lock table charge_attempts in share mode"):
            self.send_charge_job(refill_id)
            wait_for("the worker in its transaction", lambda: self._waiting() == 1)
            thread.start()
            wait_for("our lock in the queue", lambda: self._waiting() == 2)
        assert taken.wait(10)
        try:
            wait_for("the worker's last check", lambda: self._waiting() == 1)
            yield
        finally:
            leave.set()
            thread.join()

    def _waiting(self) -> int:
        return self.waiting_for_locks("charge_attempts")
