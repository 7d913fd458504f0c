"""The process that `forked` starts: it has imported Kronos, and forks a process for each request that comes over its
socket. A process so begun runs as one that was executed does, up to its end."""

import array
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


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is to run: a program's text, or else the command line."""

    arguments: Sequence[str]
    program: str
    modules: Sequence[str]
    environment: Mapping[str, str]
    folder: str | None


def next_order(control: socket.socket) -> Order:
    """Returns in each process that is forked; ends all of them, and itself, once nobody is at the other end."""
    children: dict[int, int] = {}  # the descriptor that becomes readable at its end -> the process
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
    """Of a process that has ended: it stays in /proc until the one who ordered it has looked, as a child would."""
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    if ended is None:
        raise RuntimeError(f"process {pid} has not ended")
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _received(control: socket.socket) -> tuple[Order | int | None, list[int]]:
    """An order; the process that is to leave /proc; or None: nobody is there."""
    text, control_data, _, _ = control.recvmsg(_MOST_BYTES, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    if not text:
        return None, []
    descriptors = array.array("i")
    for _, _, data in control_data:
        descriptors.frombytes(data)
    told = json.loads(text)
    return told["reap"] if "reap" in told else Order(**told), list(descriptors)


def _become(order: Order, streams: list[int], of_parent: list[int]) -> None:
    for number, stream in zip((1, 2, 0), streams, strict=False):  # the last where it has one of its own
        os.dup2(stream, number)
    for each in [*streams, *of_parent]:
        os.close(each)
    if order.folder is not None:
        os.chdir(order.folder)
    # The parent's know of their files what is not true of these, such as whether one can seek in them.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process is there
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for as long as the process is there
    # As the interpreter makes it: what a full disk did not take is not tried again at the end, with exit code 120.
    unbuffered = open(2, "wb", buffering=0, closefd=False)  # noqa: SIM115 - as well
    sys.stderr = io.TextIOWrapper(unbuffered, errors="backslashreplace", write_through=True)
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    random.seed()
    sys.argv = ["kronos", *order.arguments]


def _main() -> None:
    order = next_order(socket.socket(fileno=int(sys.argv[1])))
    if order.program:
        exec(compile(order.program, "<program>", "exec"), {"__name__": "__main__"})
    else:
        main: Any = import_module("kronos.__main__").main
        main(prog_name="kronos")


if __name__ == "__main__":
    _main()
