"""A worker's claims and its database without one: each statement is answered as the test says."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from kronos.server_time import boot_time
from kronos.worker.attempt import Leased
from kronos.worker.claims import Claim
from kronos.worker.results import Result

WORKSPACE, JOB, ENDPOINT = (str(UUID(int=number)) for number in (1, 2, 3))
AT = datetime(2026, 1, 1, tzinfo=UTC)
Params = Mapping[str, Any]
Answer = Sequence[object] | BaseException | asyncio.Event
"""Rows; an error, which is raised; or an event, after which there are no rows."""


def lost() -> psycopg.Error:
    """The error of a statement whose answer was lost."""
    return psycopg.OperationalError("the connection was lost")


class ScriptedLink:
    """A link that answers each statement with the next of its answers, and without rows when there are none left.

    `asked` has the statements in order, with their parameters."""

    def __init__(self, **answers: Sequence[Answer] | Callable[[Params], Answer]) -> None:
        self._answers = {
            name: found if callable(found) else _one_after_the_other(found) for name, found in answers.items()
        }
        self.asked: list[tuple[str, Params]] = []
        self.pauses = 0
        self.is_connected = True

    @property
    def names(self) -> list[str]:
        """The statements that were asked, without their files' names."""
        return [name for name, _ in self.asked]

    def params(self, name: str) -> list[Params]:
        """The parameters of each call of a statement."""
        return [params for asked, params in self.asked if asked == name]

    async def rows(self, statement: Any, params: Params, **_: bool) -> Any:
        name = statement.name.partition(".")[2]
        self.asked.append((name, params))
        answer = self._answers[name](params) if name in self._answers else []
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            return []
        return answer

    texts = rows_or_reason = rows

    async def connected(self) -> None: ...

    async def ask(self) -> None:
        self.asked.append(("ask", {}))

    async def pause(self) -> None:
        self.pauses += 1
        await asyncio.sleep(0)

    async def close(self) -> None:
        self.is_connected = False


def _one_after_the_other(answers: Sequence[Answer]) -> Callable[[Params], Answer]:
    left = list(answers)
    return lambda _: left.pop(0) if left else []


def link(**answers: Sequence[Answer] | Callable[[Params], Answer]) -> Any:
    """A ScriptedLink, which a test passes as a Link."""
    return ScriptedLink(**answers)


def execution(number: int) -> str:
    """The id of a test's execution."""
    return str(UUID(int=0x1000 + number))


def claim(number: int = 1, **changes: Any) -> Claim:
    """A claim of an execution, as PostgreSQL returns it."""
    made = Claim(
        execution_id=execution(number),
        workspace_id=WORKSPACE,
        job_id=JOB,
        endpoint_id=ENDPOINT,
        endpoint_version=1,
        attempt_count=1,
        max_attempts=5,
        scheduled_at=AT,
        timeout_ms=1000,
        holds_slot=False,
        input="{}",
        due_at=AT,
    )
    return made._replace(**changes)


def leased(number: int = 1, *, token: str = "token", seconds: float = 3600, **changes: Any) -> Leased:
    """A claim whose lease holds for this long."""
    return Leased(claim(number, **changes), token, boot_time() + seconds)


def result(number: int = 1, *, token: str = "token", status: str = "SUCCESS", **changes: Any) -> Result:
    """A result of a claim."""
    made = Result(
        execution_id=execution(number),
        claim_token=token,
        status=status,
        is_retryable=status != "SUCCESS",
        retry_ms=0 if status == "SUCCESS" else 1000,
        duration_ms=12,
        request=None,
        response=None,
        error=None,
    )
    return made._replace(**changes)


async def turns(count: int = 10) -> None:
    """Let the event loop run everything that is ready."""
    for _ in range(count):
        await asyncio.sleep(0)
