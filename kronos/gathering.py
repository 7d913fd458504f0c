"""Requests of one kind that wait at the same time become one call: in an API process, of the requests under way alone.

A request for which nobody waits goes at once. While MOST_CALLS of its line are under way those that come wait, and go
together as soon as one is over. What a caller is answered it is answered after its call's end, and nothing is kept but
what waits.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

MOST_CALLS = 2
"""Of one line at once: while PostgreSQL is at the one, the other's requests are read or answered (decision 0045)."""

_TURNS = 2
"""Of the event loop that a request lets pass before it goes, so that those which have been read by then go with it:
some microseconds."""

MOST_TOGETHER = 50
MOST_BYTES = 256 * 1024
"""Of one call's requests together, if they are more than one: a transaction stays short, whatever waits."""

Asked = TypeVar("Asked")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[Asked]):
    """What is asked for, in how many bytes. Two that have one of `apart` in common are in no call together."""

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
    """The requests of one process that wait, by their line: what may go together."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, _Line] = {}
        self._calls = set[asyncio.Task[None]]()

    def __len__(self) -> int:
        return len(self._lines)

    async def ask(
        self, line: Hashable, call: Callable[[Sequence[Asked]], Awaitable[Sequence[Made]]], request: Request[Asked]
    ) -> Made:
        """What `call` makes of the request, by itself or of several at once: it gives as many things as it was asked
        for, in their order.

        What it raises is raised for each. One whose caller went away while it waited is not asked for.
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
        """A call is over: those that wait go next."""
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
        asked = [each for each in together if not each.answer.done()]  # who went away since is left out
        try:
            made = await call([each.request.asked for each in asked]) if asked else ()
            for each, what in list(zip(asked, made, strict=True)):
                if not each.answer.done():
                    each.answer.set_result(what)
        except Exception as error:
            for each in asked:
                if not each.answer.done():
                    each.answer.set_exception(error)
        except BaseException:  # the process ends
            for each in asked:
                each.answer.cancel()
            raise
        finally:
            self._end(line, of_line, call)


async def _others(of_line: _Line) -> None:
    """Lets those come that have been read by now."""
    of_line.is_gathering = True
    try:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    finally:
        of_line.is_gathering = False


def _stop(task: asyncio.Task[None], together: list[_Waiting]) -> None:
    """End a call that nobody waits for any more: all that did had their time, and what does not answer holds up nobody
    else."""
    if all(each.answer.done() for each in together):
        task.cancel()


def _first_of(waiting: deque[_Waiting]) -> list[_Waiting]:
    """Those that go next, taken from what waits: as many as may be, first come, first served. Who went away is left
    out."""
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
