"""The client for threads: an API and a key, and what there is to be called."""

from collections.abc import Collection, Generator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack
from uuid import UUID

import httpx

from kronos.client._core.events import Event
from kronos.client._core.options import KeySource, Options, OptionsGiven, base_url, key_source
from kronos.client._sync.connections import Connections
from kronos.client._sync.resources import InstanceResources, WorkspaceResources
from kronos.client._sync.streams import events
from kronos.client._sync.transport import Transport
from kronos.client._sync.waiting import wait_for
from kronos.client.models.executions import Execution


class WorkspaceClient(WorkspaceResources):
    """One workspace of the API. Made by `workspace()` of the client; it has connections of that client."""

    def __init__(self, transport: Transport, name: UUID | str) -> None:
        self._transport = transport
        self._path = ("v1", "workspaces", str(name))
        super().__init__(transport, self._path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path[-1]}>"

    def with_options(self, **changed: Unpack[OptionsGiven]) -> "WorkspaceClient":
        """The same workspace over the same connections, with other options: `acme.with_options(timeout=2)`."""
        return WorkspaceClient(self._transport.with_options(**changed), self._path[-1])

    def wait_for(self, execution: Execution | UUID | str, *, seconds: float = 300.0, poll: bool = False) -> Execution:
        """The execution (itself, or its id) once it has ended in SUCCESS.

        It is told by the workspace's events; where those cannot be had, or with `poll`, it looks every 0.2 to 5 s.
        Raises ExecutionNotSuccessful with the execution where it ended otherwise, WaitTimedOut after `seconds`. Once it
        was seen, an API that is away is waited for as long.
        """
        return wait_for(self._transport, self._path, execution, seconds=seconds, is_polled=poll)

    def events(
        self,
        *,
        types: Collection[str] = (),
        job: UUID | str | None = None,
        status: str | None = None,
        after: str | None = None,
        seconds: float | None = None,
    ) -> Generator[Event, None]:
        """What changes, as it changes; over lost connections, each at least once.

        `types`: "job", "execution", "heartbeat", "resource", "operation", "audit"; none: the first two; `job`: a
        name or an id; `after`: the `id` of an event to go on after. Ends after `seconds`, or never; leaving the
        loop, or closing the iterator, closes the connection. Raises KronosError where the key is revoked, the
        workspace is gone, or the API is away: at first for all `tries`, later for `deadline` seconds.
        """
        told = events(self._transport, self._path, types=types, job=job, status=status, after=after, seconds=seconds)
        with closing(told):
            for event in told:
                if event is not None:
                    yield event


class Kronos(InstanceResources):
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
        http: httpx.Client | None = None,
        **options: Unpack[OptionsGiven],
    ) -> None:
        address, source = base_url(url), key_source(key, key_file)
        transport = Transport(address, source, Options(), Connections(http)).with_options(**options)
        self._use(transport, is_owner=True)

    def _use(self, transport: Transport, *, is_owner: bool) -> None:
        self._transport = transport
        self._is_owner = is_owner
        super().__init__(transport, ())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport.url}>"

    def workspace(self, name: UUID | str) -> WorkspaceClient:
        """The workspace with this slug or id; nothing is asked yet."""
        return WorkspaceClient(self._transport, name)

    def with_options(self, **changed: Unpack[OptionsGiven]) -> Self:
        """The same API over the same connections, with other options: `kronos.with_options(deadline=5)`. Only the
        first one closes the connections."""
        other = type(self).__new__(type(self))
        other._use(self._transport.with_options(**changed), is_owner=False)
        return other

    def close(self) -> None:
        """Close the connections; calls after that raise ConfigurationError."""
        if self._is_owner:
            self._transport.connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
