"""The outermost layer of a request, pure ASGI: its id, its limits, its log line, and an answer whatever happens inside."""

import asyncio
import logging
import re
import time
import uuid
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kronos import errors
from kronos.api.problems import http_problem, instance, problem

MAX_BODY_BYTES = 1024 * 1024
TIMEOUT_SECONDS = 10.0
"""Above what a request can wait for on its own account: 5 s for a connection, then 5 s for its statement."""

_log = logging.getLogger("kronos.api")
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


@dataclass(slots=True)
class _Answer:
    """What was sent so far."""

    status: int = 0


class Boundary:
    """Gives every request an id, and every request an answer: problem+json for whatever is raised inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id, length = _read_headers(scope)
        scope["kronos.request_id"] = request_id
        named = (b"request-id", request_id.encode("ascii"))
        answer = _Answer()

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                message["headers"] = [*message.get("headers", ()), named, _NO_SNIFFING]
            await send(message)

        try:
            if length > MAX_BODY_BYTES:
                raise _too_large()
            await self._serve(scope, _counted(receive), send_named, answer)
        except errors.KronosError as error:
            if answer.status:
                raise
            await problem(error, scope)(scope, receive, send_named)
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            _log.info("%s %s %s %d %.1f ms", request_id, scope["method"], instance(scope), answer.status, milliseconds)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, answer: _Answer) -> None:
        """Run the application. Whatever it raises before it answered becomes a problem document."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS) as deadline:
                await self._app(scope, receive, send)
        except errors.KronosError:
            raise
        except TimeoutError:
            if not deadline.expired() or answer.status:
                raise
            _log.warning("%s took longer than %.0f s", scope["kronos.request_id"], TIMEOUT_SECONDS)
            await _timed_out(scope)(scope, receive, send)
        except Exception:
            # The caller gets the id, the log the rest: a traceback may quote rows.
            _log.exception("%s failed", scope["kronos.request_id"])
            if answer.status:
                raise
            await problem(errors.KronosError("Kronos did not foresee this; its log has the request id"), scope)(scope, receive, send)


def _read_headers(scope: Scope) -> tuple[str, int]:
    """The request's id, the caller's where it is sane, and the length it announces."""
    request_id, length = "", 0
    for name, value in scope["headers"]:
        if name == b"request-id" and _SANE_REQUEST_ID.fullmatch(value):
            request_id = value.decode("ascii")
        elif name == b"content-length" and value.isdigit():
            length = int(value[:20])
    return request_id or uuid.uuid4().hex, length


def _counted(receive: Receive) -> Receive:
    """`receive`, which raises PayloadTooLarge once the body, also a chunked one, is larger than is accepted."""
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise _too_large()
        return message

    return counting


def _too_large() -> errors.PayloadTooLarge:
    return errors.PayloadTooLarge(f"the body has more than {MAX_BODY_BYTES} bytes")


def _timed_out(scope: Scope) -> ASGIApp:
    detail = f"the request took longer than {TIMEOUT_SECONDS:.0f} s; what it asked for may have been done"
    return http_problem(503, "request_timeout", "Timed out", detail, scope, {"Retry-After": "2"})
