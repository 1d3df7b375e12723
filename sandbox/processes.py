"""Starting and ending child processes that must not outlive us, and folders held by one process."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS and 108 on Linux, with the final zero
LEASH = Path(__file__).with_name("leash.py")


class EmbeddedError(RuntimeError):
    """An embedded server did not start or stop; the message ends with the tail of its log."""


class AlreadyRunningError(EmbeddedError):
    """Another live process has this data folder in use."""


class HeldFolder:
    """A data folder held by one process at a time: `lock` is flocked while we live."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock: IO[str] | None = None

    @property
    def is_held(self) -> bool:
        """Whether we have the lock."""
        return self._lock is not None

    def take(self) -> None:
        """Takes the lock; raises AlreadyRunningError when a live process has it."""
        lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise AlreadyRunningError(f"{self.path} is in use by process {owner}") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        """Gives the lock back, if we have it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def log_tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log file, empty when there is none."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits for a server to be ready; raises EmbeddedError when it ends or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not true():
        if process.poll() is not None:
            raise EmbeddedError(f"the server ended with code {process.returncode}\n{log_tail(log)}")
        if time.monotonic() > deadline:
            process.kill()
            raise EmbeddedError(f"no answer after {START_TIMEOUT_S} s\n{log_tail(log)}")
        time.sleep(0.01)


def wheel_folder(package: str) -> Path:
    """Folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, package
    assert spec.origin is not None, package
    return Path(spec.origin).parent


def start_leashed(
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals = signal.SIGTERM,
    user: str | None = None,
    guarded_grace_s: int | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a command in a session of its own that gets `death_signal` when we die.

    With `guarded_grace_s` a guard stands between (see `sandbox/leash.py`): the command and all its
    descendants get SIGTERM and that many seconds when the guard is stopped or we die.
    """
    leash: list[str | Path] = [sys.executable, "-I", "-S", LEASH]
    if guarded_grace_s is None:
        leash += ["exec", "--signal", str(int(death_signal))]
    else:
        leash += ["guard", "--grace", str(guarded_grace_s)]
    if user is not None:
        leash += ["--user", user]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*leash, "--parent", str(os.getpid()), "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd or "/",
            env=environment,
            start_new_session=True,
        )


def kill_session(session_id: int) -> None:
    """Kills every process of a session, as a guard that was killed itself leaves them behind."""
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session_id:
                os.kill(pid, signal.SIGKILL)


def end(process: subprocess.Popen[bytes], signal_number: signal.Signals) -> None:
    """Asks a child to stop, waits, and kills it when it does not."""
    if process.poll() is None:
        process.send_signal(signal_number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _strays(name: str, folder: Path) -> Iterator[psutil.Process]:
    """Living processes of that name which work in that folder; both servers change into theirs."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            # asking a zombie or another user's process for its folder raises: neither is ours
            if process.name() == name and process.cwd() == str(folder):
                yield process


def end_strays(name: str, folder: Path, signal_number: signal.Signals) -> None:
    """Ends the processes of that name which an owner that died has left in that folder."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    found = {process.pid: process for process in _strays(name, folder)}
    for process in found.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.ppid() not in found:  # a server's own processes are for it to end
                process.send_signal(signal_number)
    while any(_strays(name, folder)):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"a {name} that works in {folder} does not stop")
        time.sleep(0.02)


def _private_folder(name: str, owner_uid: int) -> Path:
    """A short folder for a unix socket: the same for the same name, open to its owner only."""
    base = Path(tempfile.gettempdir())
    if len(str(base)) > LONGEST_SOCKET_PATH - 50:
        base = Path("/tmp")
    path = base / name
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not path.is_dir() or path.is_symlink() or found.st_uid not in {owner_uid, os.geteuid()}:
            path = Path(tempfile.mkdtemp(prefix="portal-", dir=base))
    path.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(path, owner_uid, -1)
    return path


def socket_folder(kind: str, data_dir: Path, owner_uid: int) -> Path:
    """A folder for the unix socket of the server on `data_dir`, the same at each start."""
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    return _private_folder(f"portal-{kind}-{digest}", owner_uid)
