"""TCP ports of this machine that are free."""

import errno
import random
import socket

from kronos import listening
from kronos.embedded.errors import EmbeddedError

# Below 32768, where Linux starts to use ports for outgoing connections, which could block a later start.
_PORTS = range(20_000, 32_000)
_TRIES = 1000
OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC, errno.EIO)
"""Errors of this process or machine; they say nothing about a port."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a server could listen on `port` now."""
    return refusal(port, host) is None


def refusal(port: int, host: str = "127.0.0.1") -> str | None:
    """Return why a server could not listen on `port` now, in the system's words: taken, not allowed, not an address of
    this machine.

    Raises OSError if that cannot be determined, because this process lacks resources.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL and uvicorn do
            probe.bind(address)
    except UnicodeError:  # a label without characters, or with too many
        return "not a host name"
    except OSError as error:
        if error.errno in OURS:
            raise
        return error.strerror or str(error)
    return None


def free_port() -> int:
    """Return a loopback port that is free now. Another process may take it before it is used. If Kronos itself listens,
    `listener` is better; PostgreSQL, which needs a number, is moved to another port."""
    for port in random.sample(_PORTS, _TRIES):
        if is_free(port):
            return port
    raise EmbeddedError(_none_free("127.0.0.1"))


def listener(host: str = "127.0.0.1") -> socket.socket:
    """Listen on a port that was free, and keep it from now on."""
    for port in random.sample(_PORTS, _TRIES):
        try:
            return listening.listen(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise EmbeddedError(_none_free(host))


def _none_free(host: str) -> str:
    return f"cannot listen on {host}: no free port among {_TRIES} between {_PORTS.start} and {_PORTS.stop}"
