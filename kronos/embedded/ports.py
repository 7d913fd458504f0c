"""TCP ports of this machine that nobody listens on."""

import random
import socket

from kronos.embedded.errors import EmbeddedError

# Below 32768, where Linux begins to give ports to outgoing connections that would be in the way of a later start.
_PORTS = range(20_000, 32_000)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL and uvicorn do
            probe.bind(address)
    except OSError:  # taken, not allowed, or no address of this machine
        return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    for port in random.sample(_PORTS, 1000):
        if is_free(port, host):
            return port
    raise EmbeddedError(f"cannot listen on {host}: no free port among 1000 between {_PORTS.start} and {_PORTS.stop}")
