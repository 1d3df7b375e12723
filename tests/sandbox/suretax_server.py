"""A real SureTax sandbox for tests: its own process, a free port, its own state file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.sandbox.stripe_server import RunningStripe


class RunningSureTax(RunningStripe):
    """Handle of a sandbox process. `kill` and `start` again keep its port and its state."""

    _name = "sandbox.suretax"
    _says = "Sandbox of SureTax at "

    def filings(self) -> list[dict[str, Any]]:
        """What is filed there, oldest first."""
        found: list[dict[str, Any]] = self.control("filings")["filings"]
        return found

    def behave(self) -> None:
        """No faults."""
        self.control("chaos/clear")


@contextmanager
def running_suretax() -> Iterator[RunningSureTax]:
    """A sandbox of its own for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="suretax-") as folder:
        sandbox = RunningSureTax(Path(folder) / "state.sqlite")
        sandbox.start()
        try:
            yield sandbox
        finally:
            sandbox.stop()
