"""A `kronos` command for shells, and for programs that start a command by name. It is a process of a few milliseconds
that passes its streams, folder and environment to a forked one (`forked`). Starting Python and importing a command's
modules takes 0.1 s of CPU per command, and 0.6 s for `kronos mcp`. It imports only modules that are part of the
interpreter: json and socket would be 14 of its 24 ms.
"""

import contextlib
import marshal
import os
import select
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import forked

_MOST_BYTES = 1 << 18
_COMMAND = """#!{python} -IS
import marshal, os, sys, _socket
told = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}}
there = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
there.connect({address!r})
streams = b"".join(stream.to_bytes(4, sys.byteorder) for stream in (0, 1, 2))
there.sendmsg([marshal.dumps(told)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
for stream in (0, 1, 2):  # the other has them: who reads what it writes hears of its end
    os.close(stream)
code = int(there.recv(16) or b"1")
os._exit(code if code >= 0 else 128 - code)
"""
_MODULES = {"mcp": "kronos.mcp.server"}


@cache
def folder() -> Path:
    """The folder that contains it, to put first in PATH. It exists until this process ends."""
    made = Path(tempfile.mkdtemp(prefix="kronos-quick-"))
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(made / "socket"))
    listening.listen(64)
    command = made / "kronos"
    command.write_text(_COMMAND.format(python=sys.executable, address=str(made / "socket")))
    command.chmod(0o755)
    threading.Thread(target=_serve, args=(listening,), name="quick", daemon=True).start()
    forked.at_end.callback(shutil.rmtree, made)
    return made


def _serve(listening: socket.socket) -> None:
    while True:
        asking, _ = listening.accept()
        threading.Thread(target=_run, args=(asking,), name="quick kronos", daemon=True).start()


def _run(asking: socket.socket) -> None:
    """Run one command until it ends, or kill it when the process that asked for it has gone."""
    with asking:
        text, streams, _, _ = socket.recv_fds(asking, _MOST_BYTES, 3)
        told = marshal.loads(text)
        # Python runs as it does here, even when the caller passes only the variables that it knows.
        ours = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
        try:
            process = forked.start(
                told["arguments"],
                ours | told["environment"],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                folder=told["folder"],
                modules=list(_modules(told["arguments"])),
            )
        finally:
            for stream in streams:
                os.close(stream)
        ends = os.pidfd_open(process.pid)
        try:
            if ends not in select.select([ends, asking.fileno()], [], [])[0]:
                process.kill()
        finally:
            os.close(ends)
        code = process.wait()
        with contextlib.suppress(BrokenPipeError):  # the process that asked for it has gone
            asking.send(str(code).encode())


def _modules(arguments: list[str]) -> Iterator[str]:
    """Most of the modules that a command needs."""
    yield "kronos.__main__"
    if arguments:
        name = _MODULES.get(arguments[0], f"kronos.cli.{arguments[0].replace('-', '_')}")
        if name.replace(".", "").replace("_", "").isalnum() and find_spec(name) is not None:
            yield name
