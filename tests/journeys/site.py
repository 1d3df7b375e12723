"""The real site of `make run`, on free ports and in a folder of its own."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.sandbox.mailbox_server import MailboxServer

ROOT = Path(__file__).resolve().parents[2]
START_S = 90


def wait_for(what: str, happened: Callable[[], Any], *, seconds: float = 90) -> Any:
    """Wait until it has happened and answer what it gave; after too long say for what."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.2)
    return found


@dataclass(frozen=True)
class Site:
    """Addresses of the running site, its mailbox, and what its people are called."""

    url: str
    authorizenet_url: str
    mailbox: MailboxServer
    environment: dict[str, str]
    log_dir: Path
    suretax_url: str = ""

    def run(self, module: str, *arguments: str) -> str:
        """A program of the tests on this site's database; what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def charges(self) -> list[dict[str, Any]]:
        """What the gateway has on record, oldest first."""
        answer = requests.post(
            f"{self.authorizenet_url}/control/charges", json={}, timeout=20
        ).json()
        charges: list[dict[str, Any]] = answer["charges"]
        return charges

    def failures(self) -> list[str]:
        """Lines of the logs that tell of something unexpected."""
        signs = ("request_failed", '"level": "error"', "Traceback")
        return [
            f"{log.name}: {line[:400]}"
            for log in self.log_dir.glob("*.log")
            for line in log.read_text(errors="replace").splitlines()
            if any(sign in line for sign in signs)
        ]


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """`python -m sandbox.run` without demo data, until the block ends."""
    with ExitStack() as stack:
        port = _free_port()
        log = stack.enter_context((folder / "run.out").open("w"))
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.run", "--var", str(folder / "var"), "--no-demo"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(_end, process)
        state = _wait_ready(process, folder)
        ports = state["ports"]
        yield Site(
            url=state["url"],
            authorizenet_url=f"http://127.0.0.1:{ports['authorizenet']}",
            mailbox=MailboxServer(process, ports["smtp"], ports["mailbox"]),  # type: ignore[arg-type]
            environment=_read_environment(folder / "var" / "development.env"),
            log_dir=folder / "var" / "log",
            suretax_url=f"http://127.0.0.1:{ports['suretax']}",
        )


def _wait_ready(process: "subprocess.Popen[bytes]", folder: Path) -> dict[str, Any]:
    state = folder / "var" / "run.json"

    def ready() -> dict[str, Any] | None:
        assert process.poll() is None, (folder / "run.out").read_text()
        if not state.exists():
            return None
        found: dict[str, Any] = json.loads(state.read_text())
        return found if found["ready"] else None

    answer: dict[str, Any] = wait_for("the site to start", ready, seconds=START_S)
    return answer


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def _free_port() -> int:
    """A port whose five neighbours are free too."""
    for _ in range(50):
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                for neighbour in range(port + 1, port + 6):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", neighbour))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("there are no six free ports in a row")


def _read_environment(path: Path) -> dict[str, str]:
    words = shlex.split(path.read_text(), comments=True)
    return dict(word.split("=", 1) for word in words)
