"""The client for asyncio: an API and a key, and what there is to be called."""

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
    """One workspace of the API. Made by `workspace()` of the client; it has connections of that client."""

    def __init__(self, transport: AsyncTransport, name: UUID | str) -> None:
        self._transport = transport
        self._path = ("v1", "workspaces", str(name))
        super().__init__(transport, self._path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path[-1]}>"

    def with_options(self, **changed: Unpack[OptionsGiven]) -> "AsyncWorkspaceClient":
        """The same workspace over the same connections, with other options: `acme.with_options(timeout=2)`."""
        return AsyncWorkspaceClient(self._transport.with_options(**changed), self._path[-1])

    async def wait_for(
        self, execution: Execution | UUID | str, *, seconds: float = 300.0, poll: bool = False
    ) -> Execution:
        """The execution (itself, or its id) once it has ended in SUCCESS.

        It is told by the workspace's events; where those cannot be had, or with `poll`, it looks every 0.2 to 5 s.
        Raises ExecutionNotSuccessful with the execution where it ended otherwise, WaitTimedOut after `seconds`. Once it
        was seen, an API that is away is waited for as long.
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
        """What changes, as it changes; over lost connections, each at least once.

        `types`: "job", "execution", "heartbeat", "resource", "operation", "audit"; none: the first two; `job`: a
        name or an id; `after`: the `id` of an event to go on after. Ends after `seconds`, or never; leaving the
        loop, or closing the iterator, closes the connection. Raises KronosError where the key is revoked, the
        workspace is gone, or the API is away: at first for all `tries`, later for `deadline` seconds.
        """
        told = events(self._transport, self._path, types=types, job=job, status=status, after=after, seconds=seconds)
        async with aclosing(told):
            async for event in told:
                if event is not None:
                    yield event


class AsyncKronos(AsyncInstanceResources):
    """The API at `url` (KRONOS_URL), called with `key` (KRONOS_API_KEY), the content of `key_file`, or what a function
    gives as key at each request.

    Options: timeout, connect_timeout, deadline (seconds), tries, max_answer_bytes, is_read_from_primary. With `http`
    it uses your httpx client, for a proxy or certificates of your own, and leaves it open. Use it as a context
    manager, or close it. It may be shared: by tasks of one event loop, or by threads.
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
        """The workspace with this slug or id; nothing is asked yet."""
        return AsyncWorkspaceClient(self._transport, name)

    def with_options(self, **changed: Unpack[OptionsGiven]) -> Self:
        """The same API over the same connections, with other options: `kronos.with_options(deadline=5)`. Only the
        first one closes the connections."""
        other = type(self).__new__(type(self))
        other._use(self._transport.with_options(**changed), is_owner=False)
        return other

    async def aclose(self) -> None:
        """Close the connections; calls after that raise ConfigurationError."""
        if self._is_owner:
            await self._transport.connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
