"""Both clients under the same calls: what holds for one holds for the other."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from kronos.client import AsyncKronos, Kronos


class Both(Protocol):
    """Calls a client's methods by their path: `ask("workspace.jobs.get", "report")`."""

    def ask(self, name: str, *arguments: object, **keywords: object) -> Any: ...
    def every(self, name: str, *arguments: object, **keywords: object) -> list[Any]: ...


class Threads:
    """The client for threads."""

    def __init__(self, client: Kronos) -> None:
        self.client = client

    def ask(self, name: str, *arguments: object, **keywords: object) -> Any:
        return _found(self.client, name)(*arguments, **keywords)

    def every(self, name: str, *arguments: object, **keywords: object) -> list[Any]:
        return list(_found(self.client, name)(*arguments, **keywords))


class Tasks:
    """The client for asyncio, in its own event loop."""

    def __init__(self, client: AsyncKronos, runner: asyncio.Runner) -> None:
        self.client = client
        self.runner = runner

    def ask(self, name: str, *arguments: object, **keywords: object) -> Any:
        return self.runner.run(_awaited(_found(self.client, name), arguments, keywords))

    def every(self, name: str, *arguments: object, **keywords: object) -> list[Any]:
        return self.runner.run(_all(_found(self.client, name)(*arguments, **keywords)))


@contextmanager
def client_of(kind: str, url: str, key: Any, **options: Any) -> Iterator[Both]:
    """Return the client of this kind, `threads` or `tasks`."""
    if kind == "threads":
        with Kronos(url, key, **options) as client:
            yield Threads(client)
    else:
        with asyncio.Runner() as runner:
            tasks = AsyncKronos(url, key, **options)
            try:
                yield Tasks(tasks, runner)
            finally:
                runner.run(tasks.aclose())


def _found(client: Any, name: str) -> Any:
    """Return the method of this path; `acme/jobs.get` is `jobs.get` of the workspace acme."""
    workspace, _, rest = name.rpartition("/")
    found = client.workspace(workspace) if workspace else client
    for part in rest.split("."):
        found = getattr(found, part)
    return found


async def _awaited(function: Any, arguments: tuple[object, ...], keywords: dict[str, object]) -> Any:
    return await function(*arguments, **keywords)


async def _all(made: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in made]
