"""The supervisor of `make run`, with stand-ins for the product's programs and real servers."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from sandbox.dev_site import HOST, SiteError, load_secrets, parse_ports, write_environment
from tests.sandbox.stand_in import stand_in

ROOT = Path(__file__).parents[2]
PATIENCE_S = 40


@dataclass
class RunningSite:
    """A site that said it is ready."""

    process: subprocess.Popen[str]
    var: Path
    port: int

    @property
    def state(self) -> dict:
        return json.loads((self.var / "run.json").read_text())

    def environment(self) -> dict[str, str]:
        """What the web server was told, as it answers it."""
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/", timeout=10) as answer:
            return json.load(answer)

    def family(self) -> list[psutil.Process]:
        """Every process beneath the supervisor."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def notes(self) -> list[str]:
        path = self.var / "notes"
        return path.read_text().split("\n")[:-1] if path.exists() else []


def _free_ports() -> int:
    """A port whose four next ones are free too."""
    for first in range(20000 + os.getpid() % 5000 * 5, 60000, 5):
        sockets = [socket.socket() for _ in range(5)]
        try:
            for number, one in enumerate(sockets):
                one.bind((HOST, first + number))
        except OSError:
            continue
        else:
            return first
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no five free ports in a row")


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def _is_gone(process: psutil.Process) -> bool:
    """A zombie counts as gone: nobody may reap it where process 1 is not an init."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _start(word: str, var: Path, port: int | str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        stand_in(word, str(var), str(port)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SMTP_HOST": "real.example", "DATABASE_URL_OFFICE": "real"},
        start_new_session=True,
    )


@contextmanager
def _running_site(var: Path) -> Iterator[RunningSite]:
    port = _free_ports()
    process = _start("site", var, port)
    site = RunningSite(process, var, port)
    family: list[psutil.Process] = []
    try:
        _wait(lambda: (var / "run.json").exists() or process.poll() is not None)
        _wait(lambda: process.poll() is not None or site.state["ready"])
        assert process.poll() is None, process.communicate()
        family = site.family()
        yield site
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_S)
        for stream in (process.stdout, process.stderr):
            stream.close()
        left = [one for one in family if not _is_gone(one)]
        for one in left:
            one.kill()
        assert left == []


def _full_guard(site: RunningSite) -> psutil.Process:
    """The guard of the stand-in for Dramatiq, once its master and two workers are there."""
    guard = psutil.Process(site.state["programs"]["workers"])
    _wait(lambda: len(guard.children(recursive=True)) == 3)
    return guard


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningSite]:
    """One site for the tests that leave it running."""
    with _running_site(tmp_path_factory.mktemp("shared") / "var") as running:
        yield running


def test_a_site_starts_tells_its_sign_ins_and_stops_in_order(var: Path) -> None:
    with _running_site(var) as site:
        family = site.family()
        site.process.send_signal(signal.SIGINT)
        code, out, err = _finish(site.process)
        assert (code, err) == (0, "")
        assert re.search(rf"Back office +http://{HOST}:{site.port}/login", out)
        assert re.search(r"office +Acme +ann +pw +owner", out)
        assert site.notes() == ["demo", "web stopped", "workers stopped"]
        assert [one for one in family if not _is_gone(one)] == []
        assert not (var / "run.json").exists()


def test_programs_get_the_sites_settings_and_none_of_the_callers(site: RunningSite) -> None:
    told = site.environment()
    assert told["ENVIRONMENT"] == "development"
    assert told["BASE_URL"] == f"http://{HOST}:{site.port}"
    assert told["SMTP_HOST"] == HOST
    assert told["SMTP_PORT"] == str(site.port + 3)
    assert told["AUTHORIZENET_LIVE_API_URL"].startswith(f"http://{HOST}:{site.port + 1}/")
    assert "portal_office@/portal" in told["DATABASE_URL_OFFICE"]
    assert "DATABASE_URL_ADMIN" not in told


def test_secrets_are_private_and_kept_from_run_to_run(var: Path) -> None:
    with _running_site(var) as site:
        first = site.environment()
        mode = (var / "development.env").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    with _running_site(var) as site:
        second = site.environment()
    for name in ("SECRET_KEY", "CREDENTIAL_KEYS", "METRICS_TOKEN", "DATABASE_URL_OFFICE"):
        assert first[name] == second[name]


def test_a_second_run_on_the_folder_says_so_and_harms_nothing(site: RunningSite) -> None:
    code, _, err = _finish(_start("site", site.var, _free_ports()))
    assert code == 1
    assert "already running" in err
    assert f"http://{HOST}:{site.port}" in err
    assert site.state["ready"]
    assert site.environment()


@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_a_taken_port_is_named_in_one_line(var: Path, offset: int) -> None:
    port = _free_ports()
    with socket.create_server((HOST, port + offset)):
        code, _, err = _finish(_start("site", var, port))
    assert code == 1
    assert f"Port {port + offset} " in err
    assert "PORT=" in err
    assert err.count("\n") == 1
    assert not (var / "postgres" / "data").exists()


def test_a_port_that_is_none_is_refused(var: Path) -> None:
    code, _, err = _finish(_start("site", var, "http"))
    assert code == 1
    assert "PORT=http" in err


def test_a_failed_step_shows_its_words_and_stops_the_rest(var: Path) -> None:
    process = _start("broken-site", var, _free_ports())
    code, _, err = _finish(process)
    assert code == 1
    assert "relation already exists" in err
    assert "migrate" in err
    assert not (var / "postgres" / "data" / "postmaster.pid").exists()


def test_a_killed_worker_master_takes_its_workers_along_and_comes_back(site: RunningSite) -> None:
    guard = _full_guard(site)
    [master] = guard.children()
    workers = master.children()
    master.kill()
    _wait(lambda: site.state["programs"]["workers"] != guard.pid)
    _wait(lambda: all(_is_gone(one) for one in (guard, master, *workers)))
    _wait(lambda: "workers ended with code 137" in (site.var / "log" / "run.log").read_text())


def test_a_killed_guard_leaves_none_of_its_programs(site: RunningSite) -> None:
    guard = _full_guard(site)
    family = guard.children(recursive=True)
    guard.kill()
    _wait(lambda: site.state["programs"]["workers"] != guard.pid)
    _wait(lambda: all(_is_gone(one) for one in family))


@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_a_killed_server_comes_back(site: RunningSite, server: str) -> None:
    pid = site.state["programs"][server]
    psutil.Process(pid).kill()
    _wait(lambda: site.state["programs"][server] != pid)
    url = site.environment()["DATABASE_URL_OWNER"].replace("+psycopg", "")
    admin = url.replace("portal_owner@/portal", "postgres@/postgres")
    with psycopg.connect(admin) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_nothing_is_left_when_the_supervisor_is_killed_with_9(var: Path) -> None:
    with _running_site(var) as site:
        family = site.family()
        assert len(family) > 8
        site.process.kill()
        site.process.wait()
        _wait(lambda: all(_is_gone(one) for one in family))
    with _running_site(var):
        pass  # and the folder can be used again


def test_a_port_above_the_last_one_is_refused() -> None:
    assert parse_ports("65530").suretax == 65535
    with pytest.raises(SiteError):
        parse_ports("65531")


def test_an_environment_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "development.env"
    written = {
        "SECRET_KEY": "it's $HOME & more",
        "CREDENTIAL_KEYS": "k1:a+/=",
        "METRICS_TOKEN": "x",
    }
    write_environment(path, written)
    assert load_secrets(path) == written


def test_a_log_that_grew_too_large_is_put_aside(var: Path) -> None:
    log = var / "log" / "web.log"
    log.parent.mkdir(parents=True)
    with log.open("wb") as file:
        file.truncate(21 * 1024 * 1024)
    with _running_site(var):
        assert log.with_suffix(".log.1").exists()
        assert log.stat().st_size < 1024 * 1024
