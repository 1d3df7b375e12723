"""Workers without the seconds that importing takes: forked from a process that has imported all.

What is forked becomes the very program that an operator starts, `dramatiq worker.main`: its own
session and environment, settings read anew, connections of its own. The parent opens none.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path

import time_machine

from core.clock import now

# Seconds by which a worker's clock goes wrong; nothing in the product knows of it.
CLOCK = "TESTS_CLOCK_OFFSET_S"
ROOT = Path(__file__).resolve().parents[1]


@cache
def _parent() -> "subprocess.Popen[str]":
    # it ends by itself when this process ends and with it the pipe
    return subprocess.Popen(
        [sys.executable, "-m", "tests.warm_workers"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


class WarmWorker:
    """One `dramatiq worker.main` in a process group of its own."""

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        *,
        threads: int,
        arguments: Sequence[str] = ("worker.main",),
    ) -> None:
        parent = _parent()
        assert parent.stdin is not None
        assert parent.stdout is not None
        order = {
            "environment": dict(environment),
            "log": str(log),
            "arguments": [*arguments, "--processes", "1", "--threads", str(threads)],
        }
        parent.stdin.write(json.dumps(order) + "\n")
        parent.stdin.flush()
        self.pid = int(parent.stdout.readline())
        # the number of one that is gone may be somebody else's by now
        self._is_gone = False

    def signal_all(self, number: signal.Signals) -> None:
        """To the master and its workers, unless they were killed already."""
        if self._is_gone:
            return
        os.killpg(self.pid, number)

    def has_ended(self) -> bool:
        if self._is_gone:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def close(self) -> None:
        """It is killed where a block ends."""
        self.kill()

    def kill(self) -> None:
        """-9 for the master and its workers, and wait until they are gone."""
        with suppress(ProcessLookupError):
            self.signal_all(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while not self.has_ended():
            assert time.monotonic() < deadline, "killed and still there"
            time.sleep(0.01)
        self._is_gone = True


def _become_worker(environment: dict[str, str], log: str, arguments: list[str]) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(environment)
    offset_s = float(environment.get(CLOCK, "0"))
    if offset_s:
        # its forks keep the moved clock
        time_machine.travel(now() + timedelta(seconds=offset_s), tick=True).start()
    sys.argv = ["dramatiq", *arguments]
    runpy.run_module("dramatiq", run_name="__main__")


def main() -> None:
    """Fork a worker for each line that asks for one, and answer its process id."""
    from worker import actors, process, sweeps

    process.import_all(actors)
    process.import_all(sweeps)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a killed worker ended
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become_worker(**json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
