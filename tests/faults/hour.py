"""An hour of everything at once, from one seed: people pay, all fails, and the money is counted.

Run: `python -m tests.faults.hour [--minutes 60] [--seed N] [--round K] [--workers 3]`

Real PostgreSQL with fsync, Redis, web server, sandboxes of both gateways, mailbox and worker
processes. A round lasts about half a minute: people refill from the panel, with saved cards, on the
gateways' pages and automatically, and money goes back, while workers are killed, frozen past their
leases and woken, clocks are wrong, gateways and their events misbehave, Redis is emptied and
PostgreSQL crashes. Then all is made well again, what is open is followed to its end, and every rule
is proven. The seed chooses what happens; when exactly it happens is up to the machine, so a seed
repeats the mixture of a round and not its every interleaving. Ends with 1 on the first breach.
Whatever it ends with, also when it is interrupted, it prints what all rounds came to.
"""

import argparse
import logging
import random
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog

from tests.faults import proof
from tests.faults.crowd import BROKEN, gather
from tests.faults.mischief import WORKERS, Mischief
from tests.faults.rig import Rig
from tests.faults.site import open_site

RAGE_S = 20.0


def main() -> int:
    """The command; 0 when every rule held."""
    arguments = argparse.ArgumentParser(description="Faults at random, and the proof of the books")
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    arguments.add_argument("--round", type=int, help="only this round of the seed")
    arguments.add_argument("--workers", type=int, default=WORKERS)
    chosen = arguments.parse_args()
    be_quiet()
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes, {chosen.workers} workers", flush=True)
    totals: Counter[str] = Counter()
    began = time.monotonic()
    end = began + chosen.minutes * 60
    number = chosen.round or 1
    outcome = "the run itself failed"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with open_site() as rig:
            while time.monotonic() < end:
                breaches = _play(rig, f"{chosen.seed}:{number}", number, chosen.workers, totals)
                if breaches:
                    outcome = f"broken in round {number}"
                    _tell_breach(rig, chosen.seed, number, breaches)
                    return 1
                if chosen.round:
                    break
                number += 1
        outcome = "every rule held"
        return 0
    except KeyboardInterrupt:
        outcome = "interrupted; every rule held in the rounds that ended"
        return 130
    finally:
        _tell_totals(chosen.seed, outcome, time.monotonic() - began, totals)


def _play(rig: Rig, seed: str, number: int, workers: int, totals: Counter[str]) -> list[str]:
    """One round; what does not hold after it."""
    began = time.monotonic()
    rig.redis.flush()
    for gateway in (rig.sandbox, rig.stripe):
        gateway.control("reset")
        gateway.behave()
    rig.mailbox.clear()
    crowd = gather(rig)
    mischief = Mischief(rig, random.Random(seed), workers=workers)
    try:
        with _ticking(rig):
            crowd.start(seed)
            mischief.rage(RAGE_S)
            crowd.end()
        mischief.cease()
        breaches = proof.settle(rig)
    finally:
        mischief.end()
        rig.end_workers()
    account = proof.prove(rig, crowd)
    counts = (
        account.counts + mischief.done + Counter({f"asked: {k}": v for k, v in crowd.done.items()})
    )
    totals.update(counts)
    totals["rounds"] += 1
    print(f"round {number}, {time.monotonic() - began:.0f} s: {_words(counts)}", flush=True)
    return breaches + account.breaches


@contextmanager
def _ticking(rig: Rig) -> Iterator[None]:
    """Two clocks that ask for what is due, as two schedulers would by mistake."""
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(1.5):
            with suppress(*BROKEN):
                proof.sweep()

    threads = [threading.Thread(target=tick, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def _tell_totals(seed: int, outcome: str, seconds: float, totals: Counter[str]) -> None:
    print(
        f"\nseed {seed}: {outcome}\n"
        f"In total {totals['charges']} charges, {totals['kills']} kills of workers,"
        f" {totals['postings']} postings; {totals['rounds']} rounds in {seconds / 60:.1f} minutes\n"
        f"{_words(totals)}",
        flush=True,
    )


def _words(counts: Counter[str]) -> str:
    first = ("refills", "charges", "postings", "refunds", "mails", "kills", "freezes")
    named = [f"{counts[name]} {name}" for name in first]
    rest = [
        f"{count} {name}"
        for name, count in sorted(counts.items())
        if name not in (*first, "rounds")
    ]
    return ", ".join(named + rest)


def _tell_breach(rig: Rig, seed: int, number: int, breaches: list[str]) -> None:
    print(f"\nBROKEN in round {number} of seed {seed}; again with --seed {seed} --round {number}")
    for one in breaches[:40]:
        print(f"  {one[:2000]}")
    print("\nThe last words of the workers that said something was wrong:")
    for log in sorted(rig.folder.glob("worker-*.log"))[-40:]:
        lines = [
            line
            for line in log.read_text(errors="replace").splitlines()
            if '"level": "error"' in line or "Traceback" in line
        ]
        for line in lines[-5:]:
            print(f"  {log.name}: {line[:1500]}")


def be_quiet() -> None:
    """The web server's and the domain's own words would bury the figures."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    logging.disable(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    sys.exit(main())
