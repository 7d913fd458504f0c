"""The connections of a client, which are those of its process."""

import os

import httpx

from kronos.client._async.clock import bounded
from kronos.client._core.authorities import authorities
from kronos.client.errors import ConfigurationError

# The API keeps a connection that nobody uses for 5 s or more (KRONOS_IDLE_SECONDS); one that is about to be closed
# must not be taken for a write that can be sent once only.
_KEPT_SECONDS = 3.0


class AsyncConnections:
    """An httpx client, the caller's or one of ours.

    A process that was forked off has the same sockets, and would read the answers to its parent's calls: it gets
    connections of its own.
    """

    def __init__(self, given: httpx.AsyncClient | None) -> None:
        self._http = new_http() if given is None else given
        self._is_ours = given is None
        self._process: int | None = None

    def here(self) -> httpx.AsyncClient:
        """What this process calls with. Raises ConfigurationError where the caller's own was used before a fork."""
        process = os.getpid()
        if self._process != process:
            if self._process is not None and not self._http.is_closed:
                if not self._is_ours:
                    raise ConfigurationError(
                        "the httpx client was used before this process was forked off: make one, and a client, in each"
                    )
                self._http = new_http()
            self._process = process
        return self._http

    async def aclose(self) -> None:
        """Close them, unless they are the caller's."""
        if self._is_ours:
            await self._http.aclose()


def new_http() -> httpx.AsyncClient:
    """The connections of a client that was given none."""
    return bounded(
        httpx.AsyncClient(
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=_KEPT_SECONDS),
            follow_redirects=False,
            verify=authorities(),
        )
    )
