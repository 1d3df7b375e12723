"""What `make run` starts, as data."""

from pathlib import Path

from sandbox.dev_site import Ports, Site
from sandbox.plan import product_plan
from worker.broker import QUEUES, queue_of


def _queues_by_program() -> dict[str, set[str]]:
    programs = product_plan(Site(Path("var"), Ports(8080), {}, "")).programs
    commands = {one.name: [str(word) for word in one.command] for one in programs}
    return {
        name: set(words[words.index("--queues") + 1 :])
        for name, words in commands.items()
        if "--queues" in words
    }


def test_every_queue_has_its_workers():
    served = [queue for queues in _queues_by_program().values() for queue in queues]
    assert sorted(served) == sorted(QUEUES)


def test_a_mail_server_that_hangs_holds_up_no_payment():
    (payments,) = [queues for queues in _queues_by_program().values() if "payments" in queues]
    assert queue_of("mail.deliver") not in payments
    assert queue_of("sweeps.run") in payments
