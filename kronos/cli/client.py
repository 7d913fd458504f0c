"""The command line's HTTP client for the API. Errors become messages for people."""

import http.client
import json
import re
import socket
import ssl
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field
from threading import Event, Timer
from urllib.parse import quote, urlencode, urlsplit

import click
import orjson

from kronos.cli.exits import Ended, Exit, of_status
from kronos.cli.output import printable as printable
from kronos.cli.typed import as_typed
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_TIMEOUT_SECONDS = 30.0
_WHOLE_SECONDS = 120.0
"""For a response from its first byte to its last: a server that sends a byte now and then is not awaited forever."""
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_COPIED_BYTES = 64 * 1024
_MAX_LINE_BYTES = 1024 * 1024
_FIELD = re.compile("field |query parameter ")
_TRY_AGAIN = (429, 500, 502, 503, 504)


class LostError(Ended):
    """The API is unavailable or overloaded."""

    def __init__(self, message: str, exit: Exit = Exit.UNAVAILABLE) -> None:
        """A retry may help."""
        super().__init__(message, exit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of a stream. Without data it only reports the listener's position (`id`)."""

    type: str
    data: JsonObject | None
    id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An API address, with a key."""

    url: str
    key: str = field(repr=False)
    context: str | None = None
    """The context that the address comes from; errors name it."""
    timeout_seconds: float = _TIMEOUT_SECONDS
    """Timeout without a byte of the response."""
    whole_seconds: float = _WHOLE_SECONDS

    def call(
        self,
        method: str,
        path: Sequence[str],
        *,
        query: Mapping[str, str | None] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        fields: Collection[str] = (),
    ) -> Json:
        """Return the response to one request, which must have these `fields`; None if it has no body.

        Raises ClickException with the API's message, or if the response is not from Kronos.
        """
        sent = {"Accept": "application/json", **(headers or {})}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        with self._answer(method, path, query or {}, headers=sent, content=content, is_whole=True) as response:
            answer = response.read(_MAX_ANSWER_BYTES)
            if response.length and len(answer) < _MAX_ANSWER_BYTES:
                raise http.client.IncompleteRead(answer, response.length)
        document = {} if response.status == 204 else self._read(response.status, answer)
        if missing := [field for field in fields if field not in document]:
            raise self.foreign(f"has no {', '.join(missing)}")
        return document or None

    def listen(self, path: Sequence[str], *, query: Mapping[str, str | None], after: str | None) -> Iterator[Told]:
        """Yield the events of a stream until it ends. Raises LostError if a retry may help, ClickException if the API
        rejects the request."""
        with self._answer("GET", path, query, headers={} if after is None else {"Last-Event-ID": after}) as response:
            if response.status != 200:
                answer = response.read(_MAX_ANSWER_BYTES)
                if response.status in _TRY_AGAIN:
                    raise LostError(self._named(f"{self.url} answered {response.status}"))
                self._read(response.status, answer)
                raise self.foreign(f"has status {response.status}")
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise self.foreign("is not a stream of events")
            try:
                yield from _told(response)
            except orjson.JSONDecodeError:
                raise self.foreign("has an event that is not JSON") from None

    def foreign(self, what: str) -> click.ClickException:
        """Return an error for a response that is not Kronos's."""
        return Ended(self._named(f"the response from {self.url} {what}: check that it is Kronos, and the same release"))

    def pieces(self, path: Sequence[str], *, query: Mapping[str, str | None]) -> Iterator[bytes]:
        """Yield the response to a GET as it arrives. Errors of the code that writes it elsewhere pass through. Raises
        ClickException if there is none, or it is cut off."""
        with self._answer("GET", path, query) as response:
            if response.status != 200:
                self._read(response.status, response.read(_MAX_ANSWER_BYTES))
                raise self.foreign(f"has status {response.status}")
            while some := response.read(_COPIED_BYTES):
                yield some

    @contextmanager
    def _answer(
        self,
        method: str,
        path: Sequence[str],
        query: Mapping[str, str | None],
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        is_whole: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        """Open the response to a request. Its head, and with `is_whole` all of it, must arrive within `whole_seconds`.
        Raises LostError if there is no response, or it is cut off."""
        require_names(path)
        parts = urlsplit(self.url)
        target = "/".join([parts.path.rstrip("/"), *(quote(part, safe="") for part in path)])
        if given := {name: value for name, value in query.items() if value is not None}:
            target = f"{target}?{urlencode(given)}"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout_seconds)
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        is_late, timer, is_asked = Event(), None, False
        try:
            connection.connect()
            timer = _ending(connection.sock, is_late, self.whole_seconds)
            connection.request(method, target, body=content, headers=sent)
            is_asked = True
            response = connection.getresponse()
            if not is_whole:
                timer.cancel()
            yield response
            if is_late.is_set():
                raise TimeoutError  # the data read may look complete, but is not
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise self._lost(error, is_late=is_late.is_set(), may_be_done=is_asked and method != "GET") from None
        finally:
            if timer is not None:
                timer.cancel()
            connection.close()

    def _lost(self, error: Exception, *, is_late: bool, may_be_done: bool) -> LostError:
        """Return why there is no response. A change that may have taken effect is TIMED_OUT: it is not simply
        repeated."""
        if is_late:
            said = f"{self.url} sent no complete response within {self.whole_seconds:.3g} s"
        elif isinstance(error, TimeoutError):
            said = f"{self.url} cannot be reached: no response within {self.timeout_seconds:.3g} s"
        elif may_be_done:
            said = f"{self.url} received the request, but its response was lost: {error or type(error).__name__}"
        else:
            return LostError(self._named(f"{self.url} cannot be reached: {_cause(error)}"))
        if may_be_done:
            said = f"{said}. The request may have taken effect: check before you repeat it"
        return LostError(self._named(said), Exit.TIMED_OUT)

    def _read(self, status: int, body: bytes) -> JsonObject:
        """Return the document. Raises Ended if there is none, or if it is an error of the API."""
        try:
            document: Json = orjson.loads(body)  # orjson can write again what it reads
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict) or status < 200 or 300 <= status < 400:
            said = f"{self.url} returned status {status}, but no Kronos response: check that it is Kronos"
            raise Ended(self._named(said), of_status(status) if status in _TRY_AGAIN else Exit.FAILED)
        if status >= 400:
            # The 404 of another server does not mean that the job does not exist.
            is_ours = isinstance(document.get("code"), str)
            exit = of_status(status) if is_ours or status in _TRY_AGAIN else Exit.FAILED
            raise Ended(self._named(_refusal(document)), exit, _faults(document))
        return document

    def _named(self, said: str) -> str:
        """Append the context in use: a user with several must see which one it was."""
        return said if self.context is None else f"{said}\n(context {self.context}: {self.url})"


def _cause(error: Exception) -> str:
    """Return why a connection failed, without error numbers, and with what to do if the API does not speak TLS."""
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS: use http:// if the API has no certificate"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def require_names(path: Sequence[str]) -> None:
    """Check that each part of a path is a name: an empty part, `.`, `..` and what contains a slash would lead to
    another path, or to a proxy's. Raises Ended."""
    for part in path:
        if part in ("", ".", "..") or "/" in part:
            raise Ended(f"{part!r} is neither a name nor an id: pass a name or an id", Exit.USAGE)


def _ending(sock: socket.socket, is_late: Event, seconds: float) -> Timer:
    """Close a connection after so many seconds, even while data arrives."""

    def end() -> None:
        is_late.set()
        with suppress(OSError):  # already closed
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # bypasses TLS, which another thread may be reading

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


def _told(response: http.client.HTTPResponse) -> Iterator[Told]:
    """Yield events as they arrive (HTML, 9.2). Raises OSError, HTTPException."""
    fields: dict[str, str] = {}
    while line := response.readline(_MAX_LINE_BYTES):
        name, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif line.strip() == b"" and fields.keys() & {"data", "id"}:
            data: Json = orjson.loads(fields["data"]) if "data" in fields else None
            yield Told(
                type=fields.get("event", "message"), data=data if isinstance(data, dict) else None, id=fields.get("id")
            )
            fields = {}


def _faults(document: JsonObject) -> list[JsonObject]:
    """Return the field errors of a problem document."""
    listed = document.get("errors")
    return [fault for fault in listed if isinstance(fault, dict)] if isinstance(listed, list) else []


def _refusal(document: JsonObject) -> str:
    """Return a problem document in the form for people: the faulty fields, and what to write instead."""
    faults = _faults(document)
    detail, first = str(document.get("detail", document)), str(faults[0].get("pointer")) if faults else ""
    if (found := _FIELD.match(detail)) and detail.startswith(f"{first}: ", found.end()):
        detail = f"{as_typed(first) or found[0] + first}{detail[found.end() + len(first) :]}"
    lines = [detail]
    if len(faults) > 1:
        named = [(fault, str(fault.get("pointer") or "body")) for fault in faults]
        lines += [f"{as_typed(pointer) or pointer}: {fault.get('detail')}" for fault, pointer in named]
    lines += list(dict.fromkeys(f"hint: {fault['hint']}" for fault in faults if fault.get("hint")))[:3]
    return "\n".join(map(printable, lines))
