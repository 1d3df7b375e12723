"""The mail queue through real workers that are killed, and a Redis that forgets."""

import json
import os
import signal
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from core import jobs
from core.clock import now
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from tests.worker.conftest import (
    RunningWorker,
    kill,
    running_program,
    running_workers,
    wait_for,
)
from worker.broker import make_producer
from worker.send import make_sender


def _sweep_later(**amount: float):
    """Run the mail sweep at a later time, in which its jobs are worked too."""
    return time_machine.travel(now() + timedelta(**amount))


def _state(tenant, mail_id):
    return tenant.read(mail_id).state


def test_a_queued_mail_arrives_by_itself(worker, acme, mailbox):
    mail_id = acme.queue()
    worker.join()
    assert _state(acme, mail_id) == "sent"
    assert len(mailbox.messages(acme.address)) == 1


@pytest.mark.fault
def test_an_emptied_redis_loses_no_mail(broker, redis_server, acme, mailbox):
    mail_ids = [acme.queue(f"invoice:{number}") for number in range(5)]
    redis_server.flush()
    with _sweep_later(seconds=25):
        with platform_unit_of_work() as session:
            from worker.sweeps.mail import find_waiting_mail

            assert find_waiting_mail(session) >= 5
        running = RunningWorker(broker)
        running.worker.start()
        running.join()
        running.worker.stop(timeout=5000)
    assert {_state(acme, one) for one in mail_ids} == {"sent"}
    assert len(mailbox.messages(acme.address)) == 5


@pytest.mark.fault
def test_a_redis_that_is_down_refuses_nobody(settings, acme):
    producer = make_producer("redis://127.0.0.1:1/0")
    jobs.configure(make_sender(producer))
    try:
        mail_id = acme.queue()
    finally:
        jobs._senders.clear()
    assert _state(acme, mail_id) == "queued"


def test_the_sweep_leaves_alone_what_is_not_due(settings, acme, mailbox):
    from worker.sweeps.mail import find_waiting_mail

    mail_id = acme.queue()
    sent = []
    jobs.configure(sent.append)
    try:
        with platform_unit_of_work() as session:
            find_waiting_mail(session)
        assert str(mail_id) not in {job.args["mail_id"] for job in sent}
        with _sweep_later(seconds=25), platform_unit_of_work() as session:
            find_waiting_mail(session)
    finally:
        jobs._senders.clear()
    assert {"mail_id": str(mail_id)} in [job.args for job in sent if job.reseller_id == acme.id]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("stage", "copies"), [("rcpt", 1), ("data", 2)], ids=["before the body", "after the body"]
)
def test_the_mail_of_a_killed_worker_is_sent_and_marked_only_when_in_doubt(
    program_environment, redis_settings, acme, mailbox, tmp_path, stage, copies
):
    # the server takes the command (and the body) and never answers: there the worker is killed
    mailbox.control(fault="silence", stage=stage, count=1, keep=True)
    jobs.configure(make_sender(make_producer(redis_settings.redis_url)))
    try:
        mail_id = acme.queue()
    finally:
        jobs._senders.clear()
    environment = {**program_environment, "SMTP_TIMEOUT_S": "60"}
    with running_workers(environment, tmp_path / "worker.log") as process:
        if stage == "data":
            wait_for(lambda: mailbox.messages(acme.address))
        else:
            wait_for(lambda: _state(acme, mail_id) == "sending")
        kill(process)
    assert _state(acme, mail_id) == "sending"

    from worker import process

    broker = process.prepare(redis_settings)
    try:
        with _sweep_later(minutes=10):
            with platform_unit_of_work() as session:
                from worker.sweeps.mail import find_waiting_mail

                find_waiting_mail(session)
            running = RunningWorker(broker)
            running.worker.start()
            running.join()
            running.worker.stop(timeout=5000)
    finally:
        jobs._senders.clear()
        broker.client.close()
    mail = acme.read(mail_id)
    assert (mail.state, mail.possibly_sent_twice) == ("sent", copies == 2)
    received = mailbox.messages(acme.address)
    assert len(received) == copies
    assert {one.message_id for one in received} == {mail.message_id}


def test_logs_of_a_worker_name_the_job_and_no_secret(
    program_environment, redis_settings, acme, mailbox, tmp_path
):
    log = tmp_path / "worker.log"
    secret = "a-password-that-must-not-be-logged"
    environment = {**program_environment, "SMTP_PASSWORD": secret}
    jobs.configure(make_sender(make_producer(redis_settings.redis_url)))
    try:
        mail_id = acme.queue(body_text=f"{secret} 4111 1111 1111 1111")
        with platform_unit_of_work() as session:
            # an actor that breaks on its arguments, and a statement that breaks on its values
            jobs.enqueue(session, "mail.deliver", reseller_id=acme.id, mail_id=secret[:5])
    finally:
        jobs._senders.clear()
    with running_workers(environment, log) as process:
        wait_for(lambda: _state(acme, mail_id) == "sent")
        wait_for(lambda: "job.failed" in log.read_text())
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    text = log.read_text()
    assert secret not in text
    assert "4111" not in text
    assert environment["SECRET_KEY"] not in text
    assert environment["CREDENTIAL_KEYS"].partition(":")[2] not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    done = next(one for one in lines if one["event"] == "job.done" and one["job"] == "mail.deliver")
    assert done["reseller_id"] == acme.id
    assert done["job_id"]
    assert done["timestamp"].endswith("Z")
    assert done["duration_s"] >= 0


@pytest.mark.fault
def test_the_tick_asks_for_the_sweeps_and_ends_cleanly(
    program_environment, redis_settings, acme, mailbox, tmp_path, no_runs
):
    mail_id = acme.queue()  # no job is sent: there is no queue in this process
    with platform_unit_of_work() as session:
        session.execute(
            MailMessage.__table__.update()
            .where(MailMessage.id == mail_id)
            .values(next_attempt_at=now() - timedelta(minutes=1))
        )
    with (
        running_program(program_environment, tmp_path / "tick.log", "-m", "worker.tick") as tick,
        running_workers(program_environment, tmp_path / "worker.log"),
    ):
        wait_for(lambda: _state(acme, mail_id) == "sent")
        tick.send_signal(signal.SIGTERM)
        assert tick.wait(timeout=10) == 0
    assert "tick.stopped" in (tmp_path / "tick.log").read_text()
    with acme.work() as session:
        assert session.scalars(select(MailMessage.attempts)).all() == [1]


@pytest.mark.parametrize("program", ["worker.main", "worker.tick"])
def test_no_program_starts_on_a_role_that_is_too_mighty(
    program_environment, postgres, tmp_path, program
):
    log = tmp_path / "program.log"
    environment = {**program_environment, "DATABASE_URL_OFFICE": postgres.url("postgres", "portal")}
    command = ("-c", f"import {program}") if program == "worker.main" else ("-m", program)
    with running_program(environment, log, *command) as process:
        assert process.wait(timeout=30) == 1
    assert "too mighty" in log.read_text()
