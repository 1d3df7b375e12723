"""Every message runs in its own tenant's scope, and leaves nothing of it behind."""

import pytest
import structlog
from dramatiq import Message
from sqlalchemy import select

from core import jobs
from core.errors import InvariantError, NotFoundError, TemporaryError
from core.platform_uow import platform_unit_of_work
from core.tenancy import current_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from worker.broker import actor, queue_of
from worker.retries import retry_at_most

seen = []


@actor("test.look", max_retries=0)
def look(note: str) -> None:
    """Write down what is in scope."""
    context = structlog.contextvars.get_contextvars()
    try:
        scope = current_scope()
        with unit_of_work() as session:
            mails = session.scalars(select(MailMessage.to_address)).all()
    except InvariantError:
        scope, mails = None, None
    seen.append((note, scope, mails, context))
    if note == "fail":
        raise RuntimeError("asked for")


@pytest.fixture(autouse=True)
def nothing_seen():
    seen.clear()


def _send(name: str, reseller_id: int | None, **args) -> None:
    with platform_unit_of_work() as session:
        jobs.enqueue(session, name, reseller_id=reseller_id, **args)


def test_a_message_runs_in_the_scope_of_its_tenant(worker, acme, globex):
    acme.queue()
    globex.queue()
    _send("test.look", acme.id, note="acme")
    worker.join()
    [(_, scope, mails, context)] = seen
    assert scope.reseller_ids == (acme.id,)
    assert (scope.actor.kind, scope.actor.label) == ("job", "test.look")
    assert mails == [acme.address]
    assert context["reseller_id"] == acme.id
    assert context["job"] == "test.look"
    assert context["job_id"]


def test_nothing_of_a_scope_is_left_for_the_next_message(worker, acme, globex):
    _send("test.look", acme.id, note="fail")
    _send("test.look", None, note="sweep")
    _send("test.look", globex.id, note="globex")
    _send("test.look", None, note="sweep")
    worker.join()
    by_note = {note: (scope, context) for note, scope, _, context in seen}
    assert by_note["sweep"][0] is None
    assert "reseller_id" not in by_note["sweep"][1]
    assert by_note["globex"][0].reseller_ids == (globex.id,)
    assert len(seen) == 4


def test_a_message_of_another_tenant_sees_no_row_of_it(worker, acme, globex, mailbox):
    worker.worker.pause()
    mail_id = globex.queue()
    worker.broker.flush_all()
    worker.worker.resume()
    _send("mail.deliver", acme.id, mail_id=str(mail_id))
    _send("mail.deliver", None, mail_id=str(mail_id))
    worker.join()
    assert globex.read(mail_id).state == "queued"
    assert mailbox.messages(globex.address) == []


@pytest.mark.parametrize("wrong", ["1", None, [1], "", True])
def test_a_message_with_a_strange_tenant_has_no_scope(worker, wrong):
    worker.broker.enqueue(
        Message(
            queue_name="default",
            actor_name="test.look",
            args=(),
            kwargs={"note": "strange"},
            options={"reseller_id": wrong},
        )
    )
    worker.join()
    assert [scope for _, scope, _, _ in seen] == [None]


def test_a_request_can_be_followed_into_its_jobs(worker, acme):
    with structlog.contextvars.bound_contextvars(request_id="request-7"):
        _send("test.look", acme.id, note="acme")
    worker.join()
    assert seen[0][3]["request_id"] == "request-7"


def test_the_same_job_asked_for_twice_in_a_transaction_is_sent_once(worker, acme):
    with platform_unit_of_work() as session:
        for _ in range(2):
            jobs.enqueue(session, "test.look", reseller_id=acme.id, note="once")
    worker.join()
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        ("payments.charge_refill", "payments"),
        ("mail.deliver", "mail"),
        ("billing.finish_invoice", "billing"),
        ("sweeps.run", "default"),
        ("default", "default"),
    ],
)
def test_the_name_of_a_job_says_its_queue(name, queue):
    assert queue_of(name) == queue


def test_a_name_is_taken_once_and_its_queue_is_not_chosen_twice():
    with pytest.raises(InvariantError):
        actor("mail.deliver")(look)
    with pytest.raises(InvariantError):
        actor("mail.other", queue="payments")


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (InvariantError("a bug"), False),
        (NotFoundError(), False),
        (TemporaryError("later"), True),
        (OSError("network"), True),
    ],
)
def test_a_refusal_is_final_and_a_breakdown_is_tried_again(error, again):
    rule = retry_at_most(2)
    assert [rule(retries, error) for retries in range(3)] == [again, again, False]


def test_a_failed_job_leaves_no_traceback_in_redis(worker, acme, redis_server):
    import redis

    @actor("test.retried", max_retries=1)
    def retried() -> None:
        raise RuntimeError("a name that must not reach Redis")

    from worker.broker import _declare, _specs

    _declare(worker.broker, _specs["test.retried"])
    _send("test.retried", acme.id)
    client = redis.Redis.from_url(redis_server.url)

    def waiting() -> list[bytes]:
        return client.hvals("dramatiq:default.DQ.msgs")

    from tests.worker.conftest import wait_for

    wait_for(waiting)
    assert b"retries" in waiting()[0]
    assert b"must not reach" not in waiting()[0]
    assert b"traceback" not in waiting()[0]
    client.flushall()
    client.close()
