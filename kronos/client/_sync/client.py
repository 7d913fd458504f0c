"""The client for threads."""

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
    """One workspace, returned by the client's `workspace()`. It uses the client's connections."""

    def __init__(self, transport: Transport, name: UUID | str) -> None:
        self._transport = transport
        self._path = ("v1", "workspaces", str(name))
        super().__init__(transport, self._path)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path[-1]}>"

    def with_options(self, **changed: Unpack[OptionsGiven]) -> "WorkspaceClient":
        """Return the workspace with other options over the same connections: `acme.with_options(timeout=2)`."""
        return WorkspaceClient(self._transport.with_options(**changed), self._path[-1])

    def wait_for(self, execution: Execution | UUID | str, *, seconds: float = 300.0, poll: bool = False) -> Execution:
        """Return an execution, given as such or by id, once it has ended in SUCCESS.

        Listens to the workspace's events. If they are unavailable, or with `poll`, polls every 0.2 to 5 s instead.
        Raises ExecutionNotSuccessful with the execution if it ended otherwise, and WaitTimedOut after `seconds`. After
        the first read of the execution, an unavailable API does not end the wait earlier.
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
        """Iterate over changes as they happen, each at least once, even if connections are lost.

        `types`: "job", "execution", "heartbeat", "resource", "operation", "audit"; none: the first two. `job`: a name
        or an id. `after`: the `id` of the event to continue after. Ends after `seconds`, or never; leaving the loop or
        closing the iterator closes the connection. Raises KronosError if the key is revoked, the workspace no longer
        exists, or the API is unavailable: at first for all `tries`, later for `deadline` seconds.
        """
        told = events(self._transport, self._path, types=types, job=job, status=status, after=after, seconds=seconds)
        with closing(told):
            for event in told:
                if event is not None:
                    yield event


class Kronos(InstanceResources):
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
        """Return the workspace with this slug or id. Sends no request."""
        return WorkspaceClient(self._transport, name)

    def with_options(self, **changed: Unpack[OptionsGiven]) -> Self:
        """Return the client with other options over the same connections: `kronos.with_options(deadline=5)`. Only the
        original closes the connections."""
        other = type(self).__new__(type(self))
        other._use(self._transport.with_options(**changed), is_owner=False)
        return other

    def close(self) -> None:
        """Close the connections. Later calls raise ConfigurationError."""
        if self._is_owner:
            self._transport.connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
