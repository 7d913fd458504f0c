"""The API's listening socket: its own, or one that `kronos up` created and keeps open while it restarts the API."""

import os
import socket

VARIABLE = "KRONOS_LISTEN_FD"
_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at this address; port 0: on a port that the system chooses. Raises OSError, and
    UnicodeError for an invalid host name.

    It listens instead of only being bound: two sockets that may reuse an address can be bound to the same port, and
    the second one to listen fails. Also, early callers then wait until the process has started, instead of being
    refused.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def handed_over() -> socket.socket | None:
    """Return the socket that this process was started with, if any. Raises ValueError if the descriptor is not one."""
    given = os.environ.get(VARIABLE, "")
    if not given:
        return None
    try:
        listening = socket.socket(fileno=int(given))
        if listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return listening
    except (ValueError, OSError):
        pass
    raise ValueError(f"{VARIABLE}={given} is not a listening socket: `kronos up` sets it for its own API; unset it")
