"""Draws one foreign Typst source, alone in a process of its own: `python source_child.py`.

Reads a request as JSON from standard input, writes one line of JSON and then the drawing. Before
anything is read it gives up time, memory, files and the network; where the system cannot take the
network away, nothing is drawn. Imports nothing of ours, so that little stands between the start
and the limits.
"""

import ctypes
import errno
import json
import platform
import resource
import struct
import sys
from typing import Any

CPU_SECONDS = 5
MEMORY_BYTES = 1_500_000_000  # of addresses: fonts are mapped, threads reserve their stacks
LARGEST_DRAWING = 8_000_000

# Numbers of system calls that reach out: socket, socketpair, connect, execve, execveat, ptrace
# (Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h).
_MACHINES = {
    "x86_64": (0xC000003E, (41, 53, 42, 59, 322, 101)),
    "aarch64": (0xC00000B7, (198, 199, 203, 221, 281, 117)),
}
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER_MODE = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM


class _Program(ctypes.Structure):
    """`struct sock_fprog` of <linux/filter.h>."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def give_up_rights() -> None:
    """Take time, memory, written files, the network and other programs from this process.

    OSError where the system cannot do so.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _refuse_system_calls()


def _refuse_system_calls() -> None:
    if platform.system() != "Linux" or platform.machine() not in _MACHINES:
        raise OSError("own layouts are drawn on Linux only")
    machine, calls = _MACHINES[platform.machine()]
    steps = [(_LOAD, 0, 0, 4), (_JUMP_IF_EQUAL, 1, 0, machine), (_RETURN, 0, 0, _KILL)]
    steps.append((_LOAD, 0, 0, 0))
    steps += [(_JUMP_IF_EQUAL, len(calls) - at, 0, call) for at, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    libc = ctypes.CDLL(None, use_errno=True)
    unused = ctypes.c_ulong(0)
    if libc.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), unused, unused, unused):
        raise OSError(ctypes.get_errno(), "the process keeps its rights")
    if libc.prctl(_SECCOMP, ctypes.c_ulong(_FILTER_MODE), ctypes.byref(program), unused, unused):
        raise OSError(ctypes.get_errno(), "the network cannot be taken away")


def draw(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The answer and the drawing; an answer without `ok` says what is wrong."""
    import typst  # noqa: PLC0415 - after the limits: its threads inherit them

    source = request["source"].encode()
    compiler = typst.Compiler(
        root=request["root"],
        font_paths=typst.Fonts(
            include_system_fonts=False,
            include_embedded_fonts=False,
            font_paths=[request["fonts"]],
        ),
        ignore_system_fonts=True,
        package_path=request["root"],
        package_cache_path=request["root"],
    )

    def compiled(standards: list[Any]) -> bytes:
        drawn = compiler.compile(
            input=source,  # at each call: the compiler forgets it
            format=request["format"],
            ppi=request["ppi"],
            sys_inputs=request["inputs"],
            pdf_standards=standards,
            timestamp=request["timestamp"],
        )
        first = drawn[0] if isinstance(drawn, list) else drawn
        return first if isinstance(first, bytes) else b""

    try:
        try:
            drawn = compiled(request["standards"])
        except typst.TypstError:
            if not request["standards"]:
                raise
            drawn = compiled([])
    except typst.TypstError as error:
        return {"message": error.message, "diagnostic": error.diagnostic}, b""
    if len(drawn) > LARGEST_DRAWING:
        return {"message": "the document is too large", "diagnostic": ""}, b""
    return {"ok": True}, drawn


def main() -> None:
    """One request in, one answer out."""
    try:
        give_up_rights()
    except OSError as error:
        answer, drawn = {"unsafe": str(error)}, b""
    else:
        answer, drawn = draw(json.load(sys.stdin))
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + drawn)


if __name__ == "__main__":
    main()
