"""TCP ports of this machine that nobody listens on."""

import errno
import random
import socket

from kronos.embedded.errors import EmbeddedError

# Below 32768, where Linux begins to give ports to outgoing connections that would be in the way of a later start.
_PORTS = range(20_000, 32_000)
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC, errno.EIO)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now."""
    return refusal(port, host) is None


def refusal(port: int, host: str = "127.0.0.1") -> str | None:
    """Why a server could not listen on `port` now, in the system's words: taken, not allowed, no address of this
    machine.

    Raises OSError where it cannot be found out: what this process lacks says nothing about the port.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL and uvicorn do
            probe.bind(address)
    except UnicodeError:  # a label of no or of too many characters
        return "no name of a host"
    except OSError as error:
        if error.errno in _OURS:
            raise
        return error.strerror or str(error)
    return None


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    for port in random.sample(_PORTS, 1000):
        if is_free(port, host):
            return port
    raise EmbeddedError(f"cannot listen on {host}: no free port among 1000 between {_PORTS.start} and {_PORTS.stop}")
