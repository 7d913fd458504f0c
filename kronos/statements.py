"""Count how often each statement runs and how long it takes; with traces, record its span.

A statement is identified by its name in sql/queries/. Neither its text nor its parameters are recorded.
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
    """Counts of the statements that this process ran."""

    def __init__(self) -> None:
        # By name: their number, their total time, and how many failed. There are no more names than the folder has
        # statements.
        self._ran: dict[str, list[float]] = {}

    def note(self, name: str, seconds: float, *, failed: bool = False) -> None:
        """Record a run."""
        if (ran := self._ran.get(name)) is None:
            ran = self._ran[name] = [0, 0.0, 0]
        ran[0] += 1
        ran[1] += seconds
        ran[2] += failed

    def read(self) -> Iterator[Measured]:
        """Yield the counts."""
        for name, (number, seconds, failed) in list(self._ran.items()):
            yield Measured(catalog.STATEMENTS, number, (name,))
            yield Measured(catalog.STATEMENT_SECONDS, seconds, (name,))
            yield Measured(catalog.STATEMENT_ERRORS, failed, (name,))


RAN = Statements()
"""The counts of this process."""


async def run_told(work: Callable[[Connection], Awaitable[Made]], connection: Connection, writes: Writes) -> Made:
    """Return the result of `work` on a connection; record its statements, which are known once they are sent."""
    if SWITCH.pipeline is not None and SWITCH.pipeline.is_within:
        with SWITCH.pipeline.statement() as names:
            try:
                return await _run_counted(work, connection, writes)
            finally:
                names.extend(each.name for each in writes.statements)
    return await _run_counted(work, connection, writes)


async def _run_counted(work: Callable[[Connection], Awaitable[Made]], connection: Connection, writes: Writes) -> Made:
    """Count one run. Several statements of a transaction share a round trip, and count as the first of them."""
    began = time.perf_counter()
    failed = True
    try:
        made = await work(connection)
        failed = False
        return made
    finally:
        if writes.statements:
            RAN.note(writes.statements[0].name, time.perf_counter() - began, failed=failed)
