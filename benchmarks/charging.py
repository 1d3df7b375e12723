"""Charges a second through the whole way, and how long one takes from the click to the balance.

Run: `python -m benchmarks.charging [--charges 100] [--clicks 20] [--gateway authorizenet|stripe]`

Real PostgreSQL with fsync, Redis, worker processes (4 threads each) and the sandbox of the gateway
on loopback. Ours is a requested refill: job, attempt committed before the first byte, the call,
outcome with posting and letter. All refills are in the queue before the workers are let loose; each
is of another client, as charges of one card wait for each other. The reference is the gateway
alone: the same charges by the same adapter from as many threads, with nothing written anywhere. A
click is the panel's form sent until the client's balance has grown; one at a time.
"""

import argparse
import signal
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from core.ids import new_id
from payments.gateways.base import ChargeRequest, Initiator
from payments.models import SavedCard
from tests.factories import cast
from tests.faults.hour import be_quiet
from tests.faults.rig import Rig, WorkerProcess
from tests.faults.site import open_authorizenet, open_site
from tests.payments.till import Till, open_stripe_till
from tests.portal.browser import Browser, signed_in
from tests.portal.panel.pages import refill_fields

THREADS = 4
LONGEST_S = 300
# The site's waits are short for faults; here nobody may be overtaken.
PATIENT = {"GATEWAY_READ_TIMEOUT_S": "45", "CHARGE_LEASE_S": "120", "CHARGE_GRACE_S": "600"}


def _open_tills(rig: Rig, gateway: str, count: int) -> list[tuple[Till, SavedCard]]:
    """Clients of one tenant, each with a saved card."""
    if gateway == "stripe":
        till = open_stripe_till(rig.stripe, rig.settings, "Bench")
    else:
        till = open_authorizenet(rig, "Bench")
        till.sandbox.control("webhooks", is_on=False)
    made = []
    for number in range(count):
        login = f"bench{number}"
        client = cast.make_client(till.tenant, f"Client {number}", login=login)
        mine = replace(till, client=client)
        made.append((mine, mine.save_card()))
    return made


def _bare(people: list[tuple[Till, SavedCard]], threads: int) -> tuple[float, float]:
    """Charges a second at the gateway alone, and the median of one in milliseconds."""
    took: list[float] = []

    def charge(person: tuple[Till, SavedCard]) -> None:
        till, card = person
        request = ChargeRequest(
            key=new_id().hex[:20].upper(),
            amount=Decimal("1.00"),
            currency="USD",
            customer_profile_ref=card.customer_ref,
            payment_profile_ref=card.method_ref,
            description="Benchmark",
            initiator=Initiator.MERCHANT,
            first_use=True,
            original_network_transaction_id="",
        )
        with closing(till.merchant.gateway()) as gateway:
            began = time.monotonic()
            gateway.charge(request)
            took.append(time.monotonic() - began)

    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(charge, people))
    return len(people) / (time.monotonic() - began), statistics.median(took) * 1000


def _wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST_S
    while not happened():
        if time.monotonic() > end:
            raise RuntimeError("the charges did not come to their end")
        time.sleep(0.005)


def _ours(rig: Rig, people: list[tuple[Till, SavedCard]], workers: list[WorkerProcess]) -> float:
    """Charges a second by these workers, from the first to the last posting."""
    for worker in workers:
        worker.signal(signal.SIGSTOP)
    ids = [till.request(card, "1.00") for till, card in people]
    with rig.connect() as connection:
        connection.autocommit = True

        def is_done() -> bool:
            found = connection.execute(
                "select count(*) from refills where id = any(%s) and state = 'succeeded'", (ids,)
            ).fetchone()
            return found == (len(ids),)

        began = time.monotonic()
        for worker in workers:
            worker.signal(signal.SIGCONT)
        _wait_for(is_done)
    return len(ids) / (time.monotonic() - began)


def _click(rig: Rig, me: Browser, card: SavedCard, client_id: int) -> float:
    """Milliseconds from the sent form until the balance has grown."""
    form = refill_fields(me.get("/clients/refill").text, choice="10", method=str(card.id))
    with rig.connect() as connection:
        connection.autocommit = True

        def live() -> object:
            return connection.execute(
                "select live from client_balances where client_id = %s", (client_id,)
            ).fetchone()

        before, began = live(), time.monotonic()
        answer = me.post("/clients/refill", data=form)
        if not answer.location.endswith(str(UUID(form["refill_id"]))):
            raise RuntimeError(f"the panel answered {answer.status_code}")
        _wait_for(lambda: live() != before)
    return (time.monotonic() - began) * 1000


def main() -> None:
    arguments = argparse.ArgumentParser(description="Charges a second, and from click to balance")
    arguments.add_argument("--charges", type=int, default=100)
    arguments.add_argument("--clicks", type=int, default=20)
    arguments.add_argument("--gateway", choices=("authorizenet", "stripe"), default="authorizenet")
    chosen = arguments.parse_args()
    be_quiet()
    with open_site() as rig:
        people = _open_tills(rig, chosen.gateway, chosen.charges)
        figures = {}
        for count in (1, 4):
            reference = _bare(people, count * THREADS)
            workers = [rig.start_worker(**PATIENT) for _ in range(count)]
            _ours(rig, people[:20], workers)  # connections are open after this
            figures[count] = _ours(rig, people, workers), *reference
            if count == 1:
                till, card = people[0]
                me = signed_in(rig.app, "panel", till.client.id, till.client.reseller_id)
                clicks = [_click(rig, me, card, till.client.id) for _ in range(chosen.clicks)]
                alone = _bare(people[: chosen.clicks], 1)[1]
            for worker in workers:
                worker.end()
        is_right = people[0][0].books_are_right()
    print(f"{chosen.charges} charges at {chosen.gateway}'s sandbox, fsync on, a second:")
    for count, (ours, reference_rate, _) in figures.items():
        plural = "" if count == 1 else "s"
        print(f"  {count} worker{plural} of {THREADS} threads")
        print(f"    reference  {reference_rate:7.1f}  the gateway alone, {count * THREADS} threads")
        print(f"    ours       {ours:7.1f}  refills from the queue to the posting")
        print(f"    ratio      {ours / reference_rate:7.2f}  ours / reference")
    median, worst = statistics.median(clicks), max(clicks)
    print(f"from the click to the balance, {chosen.clicks} one after the other, milliseconds:")
    print(f"    reference  {alone:7.1f}  the gateway's own answer, median")
    print(f"    ours       {median:7.1f}  median; the slowest {worst:.1f}")
    print(f"    ratio      {median / alone:7.2f}  ours / reference")
    print(f"  the ledger balances: {'yes' if is_right else 'NO'}")


if __name__ == "__main__":
    main()
