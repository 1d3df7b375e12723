"""Keeps a table of programs running: starts them in order, restarts what dies, stops in reverse."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sandbox.processes import kill_session, start_leashed

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
HEALTHY_AFTER_S = 60.0
POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Program:
    """A row of the process table.

    Programs of a lower `stage` start earlier and stop later; those of one stage go together.
    `grace_s` is the time between SIGTERM and SIGKILL.
    """

    name: str
    command: Sequence[str | Path]
    stage: int
    grace_s: int = 3
    environment: Mapping[str, str] = field(default_factory=dict)


class Service(Protocol):
    """An embedded server, as far as the supervisor cares."""

    def is_running(self) -> bool: ...
    def restart(self) -> None: ...


@dataclass(slots=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at_s: float = 0
    pause_s: float = FIRST_PAUSE_S
    due_at_s: float = 0


class Supervisor:
    """Owns the processes of a table; use it from the main thread, whose death the leashes watch."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        log_dir: Path,
        cwd: Path,
        say: Callable[[str], None],
    ) -> None:
        self._table = [_Running(one) for one in sorted(programs, key=lambda one: one.stage)]
        self._log_dir = log_dir
        self._cwd = cwd
        self._say = say

    def start(self) -> None:
        """Starts every program that does not run."""
        for entry in self._table:
            if entry.process is None:
                self._launch(entry)

    def pids(self) -> dict[str, int]:
        """Process ids of the guards, by the program's name."""
        return {
            entry.program.name: entry.process.pid
            for entry in self._table
            if entry.process is not None
        }

    def check(self) -> bool:
        """Restarts what died and whose pause is over; answers whether something was started."""
        changed = False
        now = time.monotonic()
        for entry in self._table:
            if entry.process is None:
                if now >= entry.due_at_s:
                    self._launch(entry)
                    changed = True
            elif entry.process.poll() is not None:
                self._bury(entry, now)
        return changed

    def stop(self) -> None:
        """Stops all, the highest stage first; returns when nothing of them is left."""
        for stage in sorted({entry.program.stage for entry in self._table}, reverse=True):
            self._stop_stage([one for one in self._table if one.program.stage == stage])

    def _launch(self, entry: _Running) -> None:
        program = entry.program
        entry.process = start_leashed(
            program.command,
            log=self._log_dir / f"{program.name}.log",
            guarded_grace_s=program.grace_s,
            cwd=self._cwd,
            environment=program.environment,
        )
        entry.started_at_s = time.monotonic()

    def _bury(self, entry: _Running, now: float) -> None:
        assert entry.process is not None
        kill_session(entry.process.pid)
        if now - entry.started_at_s >= HEALTHY_AFTER_S:
            entry.pause_s = FIRST_PAUSE_S
        self._say(
            f"{entry.program.name} ended with code {entry.process.returncode}; starting it again "
            f"in {entry.pause_s:g} s (see {self._log_dir / entry.program.name}.log)"
        )
        entry.process = None
        entry.due_at_s = now + entry.pause_s
        entry.pause_s = min(entry.pause_s * 2, LONGEST_PAUSE_S)

    def _stop_stage(self, entries: list[_Running]) -> None:
        living = [(one.program, one.process) for one in entries if one.process is not None]
        for _, process in living:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for program, process in living:
            try:
                process.wait(program.grace_s + 2)  # the guard kills at the end of the grace time
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            kill_session(process.pid)
        for entry in entries:
            entry.process = None


def revive(services: Mapping[str, Service], say: Callable[[str], None]) -> bool:
    """Starts embedded servers that died; answers whether there was one."""
    revived = False
    for name, service in services.items():
        if not service.is_running():
            say(f"{name} ended; starting it again")
            service.restart()
            revived = True
    return revived
