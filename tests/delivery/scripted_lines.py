"""A delivery over HTTP whose connections are the test's."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from kronos.delivery.answer import AnswerParser
from kronos.delivery.connections import Origin
from kronos.delivery.outcome import Outcome
from kronos.delivery.sending import NO_LIMITS, Sending, TimeLimits
from worker.running import until

PLAIN, TLS = Origin(is_tls=False, host="h.example", port=80), Origin(is_tls=True, host="h.example", port=443)


class Line:
    """A connection of the test's."""

    def __init__(self, *, is_sent: bool = True, refuses: Exception | None = None) -> None:
        self.is_sent, self.unsent_bytes, self.moved_at = is_sent, 0 if is_sent else 100, 0.0
        self.sent: list[bytes] = []
        self.is_aborted = False
        self.answer: AnswerParser | None = None
        self._refuses = refuses

    def send(self, request: bytes, _: object) -> None:
        if self._refuses is not None:
            raise self._refuses
        self.sent.append(request)

    def interrupt(self) -> AnswerParser | None:
        return self.answer

    def abort(self) -> None:
        self.is_aborted = True


class Lines:
    """The worker's connections: one that is kept, or what opening one does."""

    def __init__(self, kept: Line | None = None, opens: Callable[[], Awaitable[Line]] | None = None) -> None:
        self.kept, self._opens = kept, opens
        self.given_back: list[Line] = []
        self.distrusted: list[Origin] = []
        self.looked = 0
        self.trust = SimpleNamespace(may_have_changed=False, look_again=self._look_again)

    async def _look_again(self) -> None:
        self.looked += 1

    def take_kept(self, _: Origin) -> Line | None:
        kept, self.kept = self.kept, None
        return kept

    async def open(self, _: Origin) -> Line:
        assert self._opens is not None, "no connection is opened"
        return await self._opens()

    def keep(self, _: Origin, line: Line) -> None:
        self.given_back.append(line)

    def closed_on_use(self, origin: Origin) -> None:
        self.distrusted.append(origin)


class Delivery:
    """A delivery that has begun, and its outcomes."""

    def __init__(self, lines: Lines, *, limits: TimeLimits = NO_LIMITS, origin: Origin = PLAIN) -> None:
        self.outcomes: list[Outcome] = []
        self.is_known = True
        made: Any = (self, lines, origin, "e1", "{}", 10.0, (), self.outcomes.append, limits)
        self.sending = Sending(*made)
        self.sending.begin(b"request")

    def ends(self, _: object) -> bool:
        known, self.is_known = self.is_known, False
        return known

    async def only(self) -> Outcome:
        """Its only outcome, as soon as there is one."""
        await until(lambda: bool(self.outcomes), "its outcome")
        (outcome,) = self.outcomes
        return outcome

    async def known(self) -> tuple[str, Any, Any, bool]:
        """How it ended, the error and its sentence, and whether the receiver may have the request."""
        outcome = await self.only()
        error = outcome.error if isinstance(outcome.error, dict) else {}
        return outcome.status, error.get("type"), error.get("message"), outcome.is_unknown


def answer(data: bytes) -> AnswerParser:
    made = AnswerParser()
    made.feed(data)
    return made


def opening(line: Line | Exception) -> Callable[[], Awaitable[Line]]:
    async def opens() -> Line:
        if isinstance(line, Exception):
            raise line
        return line

    return opens
