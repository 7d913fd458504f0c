"""How often each statement is run, and how long it takes; and, where traces are made, its span.

A statement is known by its name, as sql/queries/ has it. Neither its text nor what it is run with is told.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from kronos.metrics import catalog
from kronos.metrics.definition import Measured
from kronos.traces.switch import SWITCH
from kronos.writes import Writes

Connection = TypeVar("Connection")
Made = TypeVar("Made")


class Statements:
    """What this process has run."""

    def __init__(self) -> None:
        # By name: how many, how long together, how many of them met an error. There are no more names than the folder
        # has statements.
        self._ran: dict[str, list[float]] = {}

    def note(self, name: str, seconds: float, *, failed: bool = False) -> None:
        """It was run."""
        if (ran := self._ran.get(name)) is None:
            ran = self._ran[name] = [0, 0.0, 0]
        ran[0] += 1
        ran[1] += seconds
        ran[2] += failed

    def read(self) -> Iterator[Measured]:
        """What was counted."""
        for name, (number, seconds, failed) in list(self._ran.items()):
            yield Measured(catalog.STATEMENTS, number, (name,))
            yield Measured(catalog.STATEMENT_SECONDS, seconds, (name,))
            yield Measured(catalog.STATEMENT_ERRORS, failed, (name,))


RAN = Statements()
"""Of this process."""


async def run_told(work: Callable[[Connection], Awaitable[Made]], connection: Connection, writes: Writes) -> Made:
    """What `work` makes of a connection that it has: its statements are known once they are sent."""
    if SWITCH.pipeline is not None and SWITCH.pipeline.is_within:
        with SWITCH.pipeline.statement() as names:
            try:
                return await _run_counted(work, connection, writes)
            finally:
                names.extend(each.name for each in writes.statements)
    return await _run_counted(work, connection, writes)


async def _run_counted(work: Callable[[Connection], Awaitable[Made]], connection: Connection, writes: Writes) -> Made:
    """Several statements of one transaction are one round trip: they count as the first of them."""
    began = time.perf_counter()
    failed = True
    try:
        made = await work(connection)
        failed = False
        return made
    finally:
        if writes.statements:
            RAN.note(writes.statements[0].name, time.perf_counter() - began, failed=failed)
