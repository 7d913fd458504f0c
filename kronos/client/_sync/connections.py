"""The connections of a client. Each process has its own."""

import os

import httpx

from kronos.client._core.authorities import authorities
from kronos.client._sync.clock import bounded
from kronos.client.errors import ConfigurationError

# The API keeps an idle connection for 5 s or more (KRONOS_IDLE_SECONDS). A write that can be sent only once must not
# use a connection that is about to be closed.
_KEPT_SECONDS = 3.0


class Connections:
    """An httpx client, the caller's or our own.

    A forked process has the same sockets and would read the responses to its parent's calls, so it gets new
    connections.
    """

    def __init__(self, given: httpx.Client | None) -> None:
        self._http = new_http() if given is None else given
        self._is_ours = given is None
        self._process: int | None = None

    def here(self) -> httpx.Client:
        """Return this process's httpx client. Raises ConfigurationError if the caller's own was used before a fork."""
        process = os.getpid()
        if self._process != process:
            if self._process is not None and not self._http.is_closed:
                if not self._is_ours:
                    raise ConfigurationError(
                        "the httpx client was used before this process was forked: create both clients in each process"
                    )
                self._http = new_http()
            self._process = process
        return self._http

    def close(self) -> None:
        """Close the httpx client, unless it is the caller's."""
        if self._is_ours:
            self._http.close()


def new_http() -> httpx.Client:
    """Return an httpx client for a client that was given none."""
    return bounded(
        httpx.Client(
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_KEPT_SECONDS),
            follow_redirects=False,
            verify=authorities(),
        )
    )
