"""Starts a command that cannot outlive the process that asked for it.

Run as a script (`python -I -S leash.py …`), so it imports nothing but the standard library and
costs a few milliseconds. It replaces `preexec_fn`, which is unsafe in a process with threads.

`exec`   sets the wish to die with the parent, then becomes the command: same pid.
`guard`  stays between parent and command: asks the command to stop when the parent dies or when
         it gets SIGTERM, kills what is left after the grace time, and takes every descendant along
         when the command itself dies (a killed Dramatiq master would leave its workers behind).

The kernel delivers the death signal when the *thread* that started us ends, so start from a thread
that lives as long as the process. Without prctl (not Linux) only the guard's orderly stop remains.
"""

import argparse
import contextlib
import ctypes
import grp
import os
import pwd
import signal
import sys
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
ORPHANED = 125


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def die_with_parent(parent_pid: int, signal_number: int) -> None:
    """Asks the kernel for `signal_number` on the parent's death; leaves if it is dead already."""
    _prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent_pid:
        sys.exit(ORPHANED)


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([group.gr_gid for group in grp.getgrall() if user in group.gr_mem])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = entry.pw_dir


def _run(command: list[str]) -> None:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _kill_descendants(group: int) -> None:
    """Kills the command's group and whatever left it: as sub-reaper we inherit it as children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        for pid in children.read_text().split() if children.exists() else ():
            os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def guard(command: list[str], grace_s: int) -> int:
    """Runs the command to its end and answers its exit code (128 + signal when it was killed)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    own_pid = os.getpid()
    stops = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
        os.setpgid(0, 0)
        die_with_parent(own_pid, signal.SIGKILL)
        _run(command)
    stopping = False

    def stop(signal_number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if signal_number == signal.SIGALRM:
            os.killpg(child, signal.SIGKILL)
        elif not stopping:
            stopping = True
            signal.alarm(grace_s)
            os.kill(child, signal.SIGTERM)

    for number in stops:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
    code = 0
    pid = 0
    while pid != child:
        pid, status = os.waitpid(-1, 0)
        code = os.waitstatus_to_exitcode(status)
    signal.alarm(0)
    for number in stops:
        signal.signal(number, signal.SIG_IGN)
    _kill_descendants(child)
    return code if code >= 0 else 128 - code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("mode", choices=("exec", "guard"))
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--user")
    parser.add_argument("--signal", type=int, default=int(signal.SIGTERM))
    parser.add_argument("--grace", type=int, default=5)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    if arguments.user:
        _become(arguments.user)
    # after the change of user: the kernel forgets the wish when credentials change
    die_with_parent(arguments.parent, arguments.signal)
    if arguments.mode == "exec":
        _run(arguments.command)
    sys.exit(guard(arguments.command, arguments.grace))


if __name__ == "__main__":
    main()
