"""Combine waiting requests of one kind into one call, among the concurrent requests of an API process.

A request starts immediately unless MOST_CALLS of its line are running. Then requests wait, and go together as soon as
one call ends. A caller receives its answer only after its call has ended. Nothing is kept except the requests that
wait.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import field
from typing import Any, Generic, TypeVar

from kronos.records import dataclass

MOST_CALLS = 2
"""Concurrent calls per line: while PostgreSQL works on one, the other's requests are read or answered (decision
0045)."""

_TURNS = 2
"""Turns of the event loop that a request waits before it starts, some microseconds, so that requests that were read
meanwhile join it."""

MOST_TOGETHER = 50
MOST_BYTES = 256 * 1024
"""Most bytes of the requests in one call, if there are several, so that a transaction stays short, whatever waits."""

Asked = TypeVar("Asked")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[Asked]):
    """A request and its size in bytes. Two requests that share a member of `apart` are never in the same call."""

    asked: Asked
    size: int
    apart: frozenset[Hashable] = frozenset()


@dataclass(slots=True)
class _Waiting:
    request: Request[Any]
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class _Line:
    calls: int = 0
    is_gathering: bool = False
    waiting: deque[_Waiting] = field(default_factory=deque)


class Gatherer:
    """The waiting requests of one process, by line. Requests of one line may go together."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, _Line] = {}
        self._calls = set[asyncio.Task[None]]()

    def __len__(self) -> int:
        return len(self._lines)

    async def ask(
        self, line: Hashable, call: Callable[[Sequence[Asked]], Awaitable[Sequence[Made]]], request: Request[Asked]
    ) -> Made:
        """Return the result of `call` for the request, alone or together with others. `call` returns one result per
        request, in order.

        What it raises is raised for each request. A request whose caller left while it waited is not passed on.
        """
        of_line = self._lines.setdefault(line, _Line())
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        if of_line.calls == MOST_CALLS or of_line.waiting or of_line.is_gathering:
            of_line.waiting.append(waiting)
        else:
            of_line.calls += 1
            try:
                await _others(of_line)
                if not of_line.waiting:
                    (made,) = await call([request.asked])
                    return made
                of_line.waiting.appendleft(waiting)
            finally:
                self._end(line, of_line, call)
        answered: Made = await waiting.answer
        return answered

    def _end(self, line: Hashable, of_line: _Line, call: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]) -> None:
        """Start the next call, since one has ended."""
        of_line.calls -= 1
        if together := _first_of(of_line.waiting):
            of_line.calls += 1
            task = asyncio.create_task(self._call(line, of_line, call, together))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
            for each in together:
                each.answer.add_done_callback(lambda _: _stop(task, together))
        elif not of_line.calls:
            del self._lines[line]

    async def _call(
        self,
        line: Hashable,
        of_line: _Line,
        call: Callable[[Sequence[Any]], Awaitable[Sequence[Any]]],
        together: list[_Waiting],
    ) -> None:
        asked = [each for each in together if not each.answer.done()]  # without callers that have left since
        try:
            made = await call([each.request.asked for each in asked]) if asked else ()
            for each, what in list(zip(asked, made, strict=True)):
                if not each.answer.done():
                    each.answer.set_result(what)
        except Exception as error:
            for each in asked:
                if not each.answer.done():
                    each.answer.set_exception(error)
        except BaseException:  # the process is ending
            for each in asked:
                each.answer.cancel()
            raise
        finally:
            self._end(line, of_line, call)


async def _others(of_line: _Line) -> None:
    """Let requests join that have been read by now."""
    of_line.is_gathering = True
    try:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    finally:
        of_line.is_gathering = False


def _stop(task: asyncio.Task[None], together: list[_Waiting]) -> None:
    """End a call once no caller waits for it any more. All its callers have timed out, and a call that does not end
    must not block others."""
    if all(each.answer.done() for each in together):
        task.cancel()


def _first_of(waiting: deque[_Waiting]) -> list[_Waiting]:
    """Take and return the requests that go next: as many as may, first come, first served, without callers that have
    left."""
    together: list[_Waiting] = []
    left: list[_Waiting] = []
    size, apart = 0, set[Hashable]()
    while waiting and len(together) < MOST_TOGETHER:
        each = waiting.popleft()
        if each.answer.done():
            continue
        if together and size + each.request.size > MOST_BYTES:
            waiting.appendleft(each)
            break
        if apart.isdisjoint(each.request.apart):
            together.append(each)
            size += each.request.size
        else:
            left.append(each)
        apart |= each.request.apart
    waiting.extendleft(reversed(left))
    return together
