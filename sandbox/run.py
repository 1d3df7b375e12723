"""`make run`: the whole portal on this machine, started, watched and stopped by one process."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from sandbox.dev_site import (
    DATABASE,
    ENVIRONMENT_FILE,
    Ports,
    Site,
    SiteError,
    check_ports_free,
    load_secrets,
    parse_ports,
    write_environment,
)
from sandbox.embedded import AlreadyRunningError, EmbeddedError, Postgres, Redis
from sandbox.plan import Plan, Step, make_settings, product_plan
from sandbox.processes import HeldFolder, end, log_tail, start_leashed
from sandbox.supervisor import POLL_S, Service, Supervisor, revive

ROOT = Path(__file__).parents[1]
READY_TIMEOUT_S = 60
STEP_TIMEOUT_S = 600
LARGEST_LOG_BYTES = 20 * 1024 * 1024  # a larger one is put aside at the next start
LOGIN_COLUMNS = ("area", "reseller", "user", "password", "role")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Ctrl-C or a signal: not an error, and not to be caught as one."""


def _request_stop(signal_number: int, frame: FrameType | None) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # make passes the terminal's Ctrl-C on once more
    raise StopRequested


class Run:
    """One run of a site, from the lock on its folder to the last process stopped."""

    def __init__(self, var_dir: Path, ports: Ports, make_plan: Callable[[Site], Plan]) -> None:
        self._var = var_dir.absolute()
        self._ports = ports
        self._make_plan = make_plan
        self._folder = HeldFolder(self._var)
        self._postgres = Postgres(self._var / "postgres", {})
        self._redis = Redis(self._var / "redis")
        self._supervisor: Supervisor | None = None
        self._started_at_s = time.monotonic()

    def start(self) -> None:
        """Starts everything and prints what a person needs; raises SiteError or EmbeddedError."""
        self._take_folder()
        check_ports_free(self._ports)
        self._make_folders()
        self._postgres.start()
        self._redis.start()
        site = self._make_site()
        plan = self._make_plan(site)
        for step in plan.prepare:
            self._do(step)
        self._supervisor = Supervisor(plan.programs, log_dir=site.log_dir, cwd=ROOT, say=self._say)
        self._supervisor.start()
        self._write_state(ready=False)
        for step in plan.fill:
            self._do(step)
        if plan.ready_url is not None:
            self._wait_ready(plan.ready_url)
        logins = self._list_logins(plan.sign_ins) if plan.sign_ins else []
        self._write_state(ready=True)
        self._print_summary(plan.addresses, logins)

    def watch(self) -> None:
        """Restarts what dies until it is told to stop."""
        while True:
            time.sleep(POLL_S)
            if self._keep_up():
                self._write_state(ready=True)

    def stop(self) -> None:
        """Stops everything that was started, the last one first."""
        if not self._folder.is_held:  # another run has it, and its files
            return
        if self._supervisor is not None:
            self._supervisor.stop()
        self._redis.stop()
        self._postgres.stop()
        (self._var / "run.json").unlink(missing_ok=True)
        self._folder.release()

    def _take_folder(self) -> None:
        try:
            self._folder.take()
        except AlreadyRunningError as error:
            state = self._var / "run.json"
            address = "an unknown address"
            with contextlib.suppress(OSError, ValueError, KeyError):
                address = json.loads(state.read_text())["url"]
            raise SiteError(
                f"The portal is already running on {self._var}, at {address}. "
                "Stop that one first (Ctrl-C in its terminal)."
            ) from error

    def _make_folders(self) -> None:
        for name in ("log", "mailbox"):
            (self._var / name).mkdir(exist_ok=True)
        for log in (self._var / "log").glob("*.log"):
            if log.stat().st_size > LARGEST_LOG_BYTES:
                log.rename(log.with_suffix(".log.1"))
        metrics = self._var / "metrics"  # files of processes that are gone would count for ever
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir()

    def _make_site(self) -> Site:
        path = self._var / ENVIRONMENT_FILE
        ports = self._ports
        settings = make_settings(
            {
                "base": ports.url(ports.web),
                "authorizenet": ports.url(ports.authorizenet),
                "stripe": ports.url(ports.stripe),
                "suretax": ports.url(ports.suretax),
                "mailbox": ports.url(ports.mailbox),
                "smtp": ports.url(ports.smtp),
            },
            {
                role: self._postgres.url(f"portal_{role}", DATABASE)
                for role in ("owner", "office", "panel", "platform")
            }
            | {"redis": self._redis.url},
            load_secrets(path),
        )
        settings["VAR_DIR"] = str(self._var)
        settings["PROMETHEUS_MULTIPROC_DIR"] = str(self._var / "metrics")
        write_environment(path, settings)
        return Site(self._var, ports, settings, self._postgres.url())

    def _do(self, step: Step) -> None:
        log = self._var / "log" / f"{step.name}.log"
        process = start_leashed(
            step.command, log=log, guarded_grace_s=2, cwd=ROOT, environment=step.environment
        )
        deadline = time.monotonic() + STEP_TIMEOUT_S
        try:
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                self._keep_up()
        finally:
            end(process, signal.SIGTERM)
        if process.returncode != 0:
            raise SiteError(f"The step “{step.name}” failed.\n{log_tail(log)}\n(all of it: {log})")

    def _list_logins(self, step: Step) -> list[dict[str, object]]:
        answer = subprocess.run(
            step.command,
            cwd=ROOT,
            env=step.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise SiteError(f"The step “{step.name}” failed.\n{answer.stderr.strip()}")
        logins: list[dict[str, object]] = json.loads(answer.stdout)["logins"]
        return logins

    def _keep_up(self) -> bool:
        servers: dict[str, Service] = {"postgres": self._postgres, "redis": self._redis}
        revived = revive(servers, self._say)
        changed = self._supervisor.check() if self._supervisor is not None else False
        return revived or changed

    def _wait_ready(self, url: str) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not _answers(url):
            self._keep_up()
            if time.monotonic() > deadline:
                log = self._var / "log" / "web.log"
                raise SiteError(f"{url} does not answer 200.\n{log_tail(log)}\n(all of it: {log})")
            time.sleep(0.1)

    def _write_state(self, *, ready: bool) -> None:
        pids = self._supervisor.pids() if self._supervisor is not None else {}
        state = {
            "pid": os.getpid(),
            "url": self._ports.url(self._ports.web),
            "ports": self._ports.as_dict(),
            "ready": ready,
            "programs": {"postgres": self._postgres.pid, "redis": self._redis.pid, **pids},
        }
        unfinished = self._var / "run.json.part"
        unfinished.write_text(json.dumps(state, indent=2) + "\n")
        unfinished.rename(self._var / "run.json")

    def _say(self, line: str) -> None:
        stamp = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
        with (self._var / "log" / "run.log").open("a") as log:
            log.write(f"{stamp} {line}\n")
        print(line, flush=True)

    def _print_summary(
        self, addresses: Mapping[str, str], logins: Sequence[Mapping[str, object]]
    ) -> None:
        seconds = time.monotonic() - self._started_at_s
        print(f"\nThe portal runs (started in {seconds:.0f} s).\n")
        if addresses:
            print(_table(list(addresses.items())), end="\n\n")
        if logins:
            rows = [[str(one.get(column) or "") for column in LOGIN_COLUMNS] for one in logins]
            print(_table([[name.capitalize() for name in LOGIN_COLUMNS], *rows]), end="\n\n")
        print(f"Logs are in {self._var / 'log'}. Ctrl-C stops all of it.", flush=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join(f"  {'  '.join(cells)}".rstrip() for cells in padded)


def run_site(var_dir: Path, port: str, make_plan: Callable[[Site], Plan]) -> int:
    """Runs a site until Ctrl-C, SIGTERM or SIGHUP; answers the exit code."""
    for number in STOP_SIGNALS:
        signal.signal(number, _request_stop)
    run: Run | None = None
    code = 0
    try:
        run = Run(var_dir, parse_ports(port), make_plan)
        run.start()
        run.watch()
    except StopRequested:
        print("\nStopping …", flush=True)
    except (SiteError, EmbeddedError) as error:
        print(error, file=sys.stderr)
        code = 1
    except PermissionError as error:  # most likely the folder was made by root
        print(f"{error.filename}: {error.strerror}; use the user that owns it", file=sys.stderr)
        code = 1
    finally:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if run is not None:
            run.stop()
    if code == 0:
        print("Stopped.")
    return code


def main() -> None:
    """Reads PORT and the command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.run", description=__doc__)
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="folder of all the data")
    parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")
    arguments = parser.parse_args()

    def make_plan(site: Site) -> Plan:
        return product_plan(site, demo=not arguments.no_demo)

    sys.exit(run_site(arguments.var, os.environ.get("PORT", "8080"), make_plan))


if __name__ == "__main__":
    main()
