"""The client for asyncio."""

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack
from uuid import UUID

import httpx

from kronos.client._async.connections import AsyncConnections
from kronos.client._async.resources import AsyncInstanceResources, AsyncWorkspaceResources
from kronos.client._async.streams import events
from kronos.client._async.transport import AsyncTransport
from kronos.client._async.waiting import wait_for
from kronos.client._core.events import Event
from kronos.client._core.options import KeySource, Options, OptionsGiven, base_url, key_source
from kronos.client.models.executions import Execution


class AsyncWorkspaceClient(AsyncWorkspaceResources):
    """One workspace, returned by the client's `workspace()`. It uses the client's connections."""

    def __init__(self, transport: AsyncTransport, name: UUID | str) -> None:
        self._transport = transport
        self._path = ("v1", "workspaces", str(name))
        super().__init__(transport, self._path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path[-1]}>"

    def with_options(self, **changed: Unpack[OptionsGiven]) -> "AsyncWorkspaceClient":
        """Return the workspace with other options over the same connections: `acme.with_options(timeout=2)`."""
        return AsyncWorkspaceClient(self._transport.with_options(**changed), self._path[-1])

    async def wait_for(
        self, execution: Execution | UUID | str, *, seconds: float = 300.0, poll: bool = False
    ) -> Execution:
        """Return an execution, given as such or by id, once it has ended in SUCCESS.

        Listens to the workspace's events. If they are unavailable, or with `poll`, polls every 0.2 to 5 s instead.
        Raises ExecutionNotSuccessful with the execution if it ended otherwise, and WaitTimedOut after `seconds`. After
        the first read of the execution, an unavailable API does not end the wait earlier.
        """
        return await wait_for(self._transport, self._path, execution, seconds=seconds, is_polled=poll)

    async def events(
        self,
        *,
        types: Collection[str] = (),
        job: UUID | str | None = None,
        status: str | None = None,
        after: str | None = None,
        seconds: float | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Iterate over changes as they happen, each at least once, even if connections are lost.

        `types`: "job", "execution", "heartbeat", "resource", "operation", "audit"; none: the first two. `job`: a name
        or an id. `after`: the `id` of the event to continue after. Ends after `seconds`, or never; leaving the loop or
        closing the iterator closes the connection. Raises KronosError if the key is revoked, the workspace no longer
        exists, or the API is unavailable: at first for all `tries`, later for `deadline` seconds.
        """
        told = events(self._transport, self._path, types=types, job=job, status=status, after=after, seconds=seconds)
        async with aclosing(told):
            async for event in told:
                if event is not None:
                    yield event


class AsyncKronos(AsyncInstanceResources):
    """The API at `url` (KRONOS_URL). The key is `key` (KRONOS_API_KEY), the content of `key_file`, or the result of a
    function, called for each request.

    Options: timeout, connect_timeout, deadline (seconds), tries, max_answer_bytes, is_read_from_primary. `http`: your
    own httpx client, for a proxy or your own certificates; it is not closed. Use the client as a context manager, or
    close it. It can be shared, by tasks of one event loop or by threads.
    """

    def __init__(
        self,
        url: str | None = None,
        key: KeySource | None = None,
        *,
        key_file: str | Path | None = None,
        http: httpx.AsyncClient | None = None,
        **options: Unpack[OptionsGiven],
    ) -> None:
        address, source = base_url(url), key_source(key, key_file)
        transport = AsyncTransport(address, source, Options(), AsyncConnections(http)).with_options(**options)
        self._use(transport, is_owner=True)

    def _use(self, transport: AsyncTransport, *, is_owner: bool) -> None:
        self._transport = transport
        self._is_owner = is_owner
        super().__init__(transport, ())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.url}>"

    def workspace(self, name: UUID | str) -> AsyncWorkspaceClient:
        """Return the workspace with this slug or id. Sends no request."""
        return AsyncWorkspaceClient(self._transport, name)

    def with_options(self, **changed: Unpack[OptionsGiven]) -> Self:
        """Return the client with other options over the same connections: `kronos.with_options(deadline=5)`. Only the
        original closes the connections."""
        other = type(self).__new__(type(self))
        other._use(self._transport.with_options(**changed), is_owner=False)
        return other

    async def aclose(self) -> None:
        """Close the connections. Later calls raise ConfigurationError."""
        if self._is_owner:
            await self._transport.connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
