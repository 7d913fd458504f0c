"""The socket that the API listens on: its own, or one that `kronos up` made and keeps while it starts the API again."""

import os
import socket

VARIABLE = "KRONOS_LISTEN_FD"
_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; 0: on a port that the system chooses. Raises OSError, and UnicodeError for what is
    no name of a host.

    It listens, and is not only bound: two sockets that may reuse an address can be bound to one port, and the later one
    to listen is refused. And who calls at once waits for the start's end, instead of being refused.
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
    """The socket that this process was started with, if it was. Raises ValueError where the descriptor is none."""
    given = os.environ.get(VARIABLE, "")
    if not given:
        return None
    try:
        listening = socket.socket(fileno=int(given))
        if listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return listening
    except (ValueError, OSError):
        pass
    raise ValueError(f"{VARIABLE}={given} is no socket that listens: `kronos up` sets it for its own API, unset it")
