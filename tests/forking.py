"""The process that `forked` starts. It has imported Kronos and forks a process for each request that arrives on its
socket. A forked process then runs exactly as an executed one, until its exit handlers have run: `_leave`.
"""

import array
import atexit
import contextlib
import io
import json
import os
import random
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from kronos.loading import loading

_MOST_BYTES = 1 << 20
_exit_codes: list[int] = []
"""The exit code of this process, once it is known to be an ordinary one."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is to run: a program's text, or otherwise a command line."""

    arguments: Sequence[str]
    program: str
    modules: Sequence[str]
    environment: Mapping[str, str]
    folder: str | None


def next_order(control: socket.socket) -> Order:
    """Return in each forked process. When the other end of the socket closes, kill all of them and exit."""
    children: dict[int, int] = {}  # a descriptor that becomes readable when the process ends -> its pid
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in children:
                    pid = children.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    control.send(json.dumps({"ended": pid, "code": _code_of(pid)}).encode())
                    continue
                order, streams = _received(control)
                if isinstance(order, int):
                    os.waitpid(order, 0)
                    continue
                if order is None:
                    for pid in children.values():
                        os.kill(pid, signal.SIGKILL)
                    os._exit(0)
                with loading():
                    for module in order.modules:
                        import_module(module)
                if threading.active_count() != 1:
                    raise RuntimeError(f"an import has started threads, which no fork has: {threading.enumerate()}")
                if (pid := os.fork()) == 0:
                    _become(order, streams, [control.fileno(), *children])
                    return order
                for stream in streams:
                    os.close(stream)
                ends = os.pidfd_open(pid)
                children[ends] = pid
                selector.register(ends, selectors.EVENT_READ)
                control.send(json.dumps({"began": pid}).encode())


def _code_of(pid: int) -> int:
    """The exit code of an ended process. The process stays in /proc, as a child would, until its starter has collected
    it.
    """
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    if ended is None:
        raise RuntimeError(f"process {pid} has not ended")
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _received(control: socket.socket) -> tuple[Order | int | None, list[int]]:
    """Receive an order, the pid of a process to reap, or None if the other end has closed."""
    text, control_data, _, _ = control.recvmsg(_MOST_BYTES, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    if not text:
        return None, []
    descriptors = array.array("i")
    for _, _, data in control_data:
        descriptors.frombytes(data)
    told = json.loads(text)
    return told["reap"] if "reap" in told else Order(**told), list(descriptors)


def _become(order: Order, streams: list[int], of_parent: list[int]) -> None:
    for number, stream in zip((1, 2, 0), streams, strict=False):  # stdin comes last, if the process has its own
        os.dup2(stream, number)
    for each in [*streams, *of_parent]:
        os.close(each)
    if order.folder is not None:
        os.chdir(order.folder)
    # The inherited objects cache facts about the parent's files that are wrong for these, such as whether they are
    # seekable.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process is there
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for as long as the process is there
    # As the interpreter makes it. Otherwise, output that a full disk did not take would be written again at exit, with
    # exit code 120.
    unbuffered = open(2, "wb", buffering=0, closefd=False)  # noqa: SIM115 - as well
    sys.stderr = io.TextIOWrapper(unbuffered, errors="backslashreplace", write_through=True)
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    random.seed()
    sys.argv = ["kronos", *order.arguments]


def _leave() -> None:
    """End this process as its last exit handler. To tear down modules would only copy their pages, which it shares with
    the process that it was forked from: 45 ms of CPU. Python does that, and what is left, if the output fails or an
    exception is on its way.
    """
    if _exit_codes:
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(_exit_codes[0])


def _main() -> None:
    atexit.register(_leave)  # the first one that is registered is called last
    order = next_order(socket.socket(fileno=int(sys.argv[1])))
    try:
        if order.program:
            exec(compile(order.program, "<program>", "exec"), {"__name__": "__main__"})
        else:
            main: Any = import_module("kronos.__main__").main
            main(prog_name="kronos")
        _exit_codes.append(0)
    except SystemExit as ended:
        if isinstance(ended.code or 0, int):  # Python prints other ones
            _exit_codes.append(int(ended.code or 0) & 0xFF)
        raise


if __name__ == "__main__":
    _main()
