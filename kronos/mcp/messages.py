"""Standard input as the protocol's package reads it, after each line that it would drop in silence got its answer.

JSON-RPC 2.0 answers whatever is not a notification, with the ID of the request, or with null if it has none that can
be sent back. The package takes some malformed requests for notifications, and ignores the others.
"""

import json
from collections.abc import Iterator
from typing import TextIO

from anyio import AsyncFile, Event, to_thread
from mcp.shared.jsonrpc_dispatcher import cancelled_request_id_from_params
from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from kronos.mcp.waiting import AnswerStream, Unanswered
from kronos.model import Json

MAX_CHARACTERS = 8 * 1024 * 1024
"""Of one message: the largest input of a job, with each of its bytes escaped, and room."""
_MOST_DIGITS = 1000
_LAST_SECONDS = 10.0
_NO_BATCH = "this server takes no batches: send each request on a line of its own. Nothing was done"


class Messages(AsyncFile[str]):
    """The messages of a text stream, one a line. `begin` says where the answers to malformed ones go.

    The end of the stream is passed on when the requests before it were answered, but after ten seconds at most: the
    package drops the calls that are under way then, and an API may never answer.
    """

    def __init__(self, source: TextIO, waiting: Unanswered) -> None:
        super().__init__(source)
        self._waiting = waiting
        self._begun = Event()
        self._answers: AnswerStream | None = None

    def begin(self, answers: AnswerStream) -> None:
        """Begin to read."""
        self._answers = answers
        self._begun.set()

    async def readline(self) -> str:
        """Return the next line that the package can take; empty at the end."""
        await self._begun.wait()
        while line := await self._next_line():
            message, refusals = judged(line)
            for refusal in refusals:
                if self._answers is not None:
                    await self._answers.send(SessionMessage(refusal))
            if line.strip() and not refusals:
                self._note(message)
                return line
        await self._waiting.all_ended(_LAST_SECONDS)
        return ""

    def _note(self, message: Json) -> None:
        """Note that a request waits, or no longer does."""
        if not _is_request(message):
            return
        request_id = _id_of(message)
        if request_id is not None:
            self._waiting.begin(request_id)
        elif message["method"] == "notifications/cancelled" and isinstance(message.get("params"), dict):
            cancelled_id = cancelled_request_id_from_params(message["params"])
            if cancelled_id is not None:
                self._waiting.end(cancelled_id)

    async def _next_line(self) -> str:
        """Return a line. Of one that is too long, what is within the limit, which is no longer a whole line."""
        line = await to_thread.run_sync(self.wrapped.readline, MAX_CHARACTERS + 1)
        rest = line
        while len(rest) > MAX_CHARACTERS and not rest.endswith("\n"):
            rest = await to_thread.run_sync(self.wrapped.readline, MAX_CHARACTERS + 1)
        return line


def judged(line: str) -> tuple[Json, list[JSONRPCError]]:
    """Return the message of a line, and the answers to what is malformed in it; none if it can be taken, or needs no
    answer."""
    if not line.strip():
        return None, []
    if len(line) > MAX_CHARACTERS:
        return None, [_refusal(None, INVALID_REQUEST, f"a message has at most {MAX_CHARACTERS:,} characters")]
    try:
        line.encode()  # bytes that are not UTF-8 were read as surrogates
        message = json.loads(line, parse_constant=_no_constant, parse_int=_integer)
    except UnicodeEncodeError:
        return None, [_refusal(None, PARSE_ERROR, "this line is not UTF-8")]
    except RecursionError:
        return None, [_refusal(None, PARSE_ERROR, "this line is nested too deeply")]
    except ValueError as error:
        return None, [_refusal(None, PARSE_ERROR, f"this line is not JSON: {error}")]
    return message, list(_of_batch(message) if isinstance(message, list) else _of_one(message, line))


def _of_one(message: Json, line: str) -> Iterator[JSONRPCError]:
    if fault := _fault(message):
        yield _refusal(_id_of(message), *fault)
    elif _id_of(message) is not None and _is_request(message):
        try:
            jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError as error:
            said = error.errors(include_url=False, include_input=False)[0]["msg"]
            yield _refusal(_id_of(message), INVALID_REQUEST, f"this request cannot be read: {said}")


def _of_batch(batch: list[Json]) -> Iterator[JSONRPCError]:
    """Yield one answer per request that waits for one."""
    waiting = [_id_of(each) for each in batch if _is_request(each) and _id_of(each) is not None]
    for request_id in waiting or [None]:
        yield _refusal(request_id, INVALID_REQUEST, _NO_BATCH)


def _fault(message: Json) -> tuple[int, str] | None:
    """Return the code and the reason why a message is not one of the protocol; None if it is, or is an answer."""
    if not isinstance(message, dict):
        return INVALID_REQUEST, "a message is an object"
    if not _is_request(message):
        return None
    if message.get("jsonrpc") != "2.0":
        return INVALID_REQUEST, 'jsonrpc must be "2.0"'
    if not isinstance(message.get("method"), str):
        return INVALID_REQUEST, "method must be a text"
    if "id" in message and _id_of(message) is None:
        return INVALID_REQUEST, "id must be a text or an integer; a notification has none"
    if "id" in message and not isinstance(message.get("params"), dict | None):
        return INVALID_PARAMS, "params must be an object: all arguments have names"
    return None


def _is_request(message: Json) -> bool:
    """Whether it is a request or a notification, or would be one. An answer to us is never answered."""
    return isinstance(message, dict) and ("method" in message or not message.keys() & {"result", "error"})


def _id_of(message: Json) -> RequestId | None:
    """Return the ID that an answer repeats; None if there is none that can be sent back."""
    given = message.get("id") if isinstance(message, dict) else None
    if isinstance(given, str):
        return given if given.isascii() or _is_unicode(given) else None
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a pair, which "\\ud800" in JSON makes and nothing can send."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _integer(digits: str) -> int | float:
    """Return the number. Python reads at most 4,300 digits; the package rejects these, with the request's ID."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _no_constant(name: str) -> float:
    """Reject what JSON does not have. Raises ValueError."""
    raise ValueError(f"{name} is no number of JSON")


def _refusal(request_id: RequestId | None, code: int, message: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message))
