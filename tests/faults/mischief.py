"""What goes wrong during an hour of faults, chosen by a seed."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from tests.faults.crowd import BROKEN
from tests.faults.rig import Rig, WorkerProcess
from tests.warm_workers import CLOCK

WORKERS = 3
# Longer than the lease and the grace after it (tests/faults/site.py).
FROZEN_S = (3.5, 6.0)
# By an hour and by three days, each way: the log of a site that lost its time server.
OFFSETS_S = (-3600, 3600, -3 * 86400, 3 * 86400)
_BEFORE = ("delay_before", "drop_before", "http_429", "http_502")
_AFTER = ("delay_after", "http_500_after", "unreadable_after", "drop_after")


class Mischief:
    """The workers of the site and all that befalls them. Ends with everything as it should be."""

    def __init__(self, rig: Rig, rng: random.Random, *, workers: int = WORKERS) -> None:
        self._rig = rig
        self._rng = rng
        self._workers = [rig.start_worker() for _ in range(workers)]
        self._given_up: list[tuple[threading.Timer, WorkerProcess]] = []
        self.done: Counter[str] = Counter()

    def rage(self, seconds: float) -> None:
        """Something goes wrong every second or so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._pick()()
            time.sleep(self._rng.uniform(0.3, 1.5))

    def cease(self) -> None:
        """Everybody is awake, at the right time, and the gateways behave."""
        for timer, worker in self._given_up:
            timer.cancel()
            with suppress(ProcessLookupError):
                worker.thaw()
        for gateway in (self._rig.sandbox, self._rig.stripe):
            gateway.behave()
            gateway.control("webhooks/deliver")
        # those that came back overlap for a moment with those that follow them
        old = [*self._workers, *(worker for _, worker in self._given_up)]
        self._workers = [self._rig.start_worker() for _ in range(2)]
        time.sleep(1)
        for worker in old:
            worker.end()
        self._given_up.clear()

    def end(self) -> None:
        """No worker is left, whenever the round broke off."""
        for timer, worker in self._given_up:
            timer.cancel()
            worker.end()
        for worker in self._workers:
            worker.end()

    def _pick(self) -> Callable[[], None]:
        faults: list[tuple[int, Callable[[], None]]] = [
            (6, self._kill),
            (3, self._freeze),
            (7, self._upset_a_gateway),
            (4, self._upset_the_events),
            (2, self._close_the_batch),
            (2, self._empty_redis),
            (1, self._kill_redis),
            (1, self._crash_postgresql),
            (2, self._move_a_clock),
        ]
        return self._rng.choices([one for _, one in faults], [weight for weight, _ in faults])[0]

    def _kill(self) -> None:
        self._replace(self._rng.randrange(len(self._workers)))
        self.done["kills"] += 1

    def _freeze(self) -> None:
        place = self._rng.randrange(len(self._workers))
        sleeper = self._workers[place]
        sleeper.freeze(amid_letters=True)
        # by its own clock: what goes wrong next may have to wait for a lock that the sleeper holds
        timer = threading.Timer(self._rng.uniform(*FROZEN_S), self._wake, (sleeper,))
        timer.daemon = True
        timer.start()
        self._given_up.append((timer, sleeper))
        self._workers[place] = self._rig.start_worker()
        self.done["freezes"] += 1

    def _wake(self, sleeper: WorkerProcess) -> None:
        """Who was given up comes back, works for a while beside its successor, and is killed."""
        sleeper.thaw()
        time.sleep(2)
        sleeper.end()

    def _upset_a_gateway(self) -> None:
        gateway = self._rng.choice((self._rig.sandbox, self._rig.stripe))
        fault = self._rng.choice(_BEFORE + _AFTER)
        rule: dict[str, object] = {"times": self._rng.randint(1, 3)}
        if fault.startswith("delay"):
            # some answer just in time, some after the worker has given up
            rule["delay_s"] = self._rng.choice((0.5, 1.5, 3.5))
        if self._rng.random() < 0.4:
            rule["call"] = "*"
        gateway.misbehave(fault, **rule)
        self.done[f"gateway {fault}"] += 1

    def _upset_the_events(self) -> None:
        """Not at all, late, twice, backwards, wrongly signed; or as they should be."""
        gateway = self._rng.choice((self._rig.sandbox, self._rig.stripe))
        manners: dict[str, object] = {
            "is_on": True, "repeat": 1, "delay_s": 0, "newest_first": False,
            "wrong_signature": False,
        }  # fmt: skip
        manners |= self._rng.choice(
            (
                {"is_on": False},
                {"delay_s": 4},
                {"repeat": 3},
                {"newest_first": True, "delay_s": 1},
                {"wrong_signature": True},
                {},
            )
        )
        gateway.control("webhooks", **manners)
        self.done["events upset"] += 1

    def _close_the_batch(self) -> None:
        for gateway in (self._rig.sandbox, self._rig.stripe):
            gateway.control("settle")
        self.done["batches closed"] += 1

    def _empty_redis(self) -> None:
        with suppress(*BROKEN):
            self._rig.redis.flush()
        self.done["Redis emptied"] += 1

    def _kill_redis(self) -> None:
        self._rig.redis.restart()
        self.done["Redis killed"] += 1

    def _crash_postgresql(self) -> None:
        self._rig.postgres.restart(immediate=True)
        self.done["PostgreSQL crashed"] += 1

    def _move_a_clock(self) -> None:
        offset_s = self._rng.choice(OFFSETS_S)
        self._replace(self._rng.randrange(len(self._workers)), **{CLOCK: str(offset_s)})
        self.done["clocks moved"] += 1

    def _replace(self, place: int, **environment: str) -> None:
        with suppress(*BROKEN):
            # no lease of a mail is waited for minutes; with the database down it is done at the end
            self._workers[place].kill()
        self._workers[place] = self._rig.start_worker(**environment)
