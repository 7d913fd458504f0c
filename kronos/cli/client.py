"""The API as the command line speaks to it, and its errors as sentences."""

import http.client
import json
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Timer
from typing import BinaryIO
from urllib.parse import quote, urlencode, urlsplit

import click
import orjson

from kronos.cli.exits import Ended, Exit, of_status
from kronos.cli.output import printable as printable
from kronos.model import Json, JsonObject

_TIMEOUT_SECONDS = 30.0
_WHOLE_SECONDS = 120.0
"""For an answer from its first byte to its last: who sends a byte now and then is not waited for without end."""
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_COPIED_BYTES = 64 * 1024
_MAX_LINE_BYTES = 1024 * 1024
_TRY_AGAIN = (429, 500, 502, 503, 504)


class LostError(Ended):
    """The API cannot be reached now, or has no room."""

    def __init__(self, message: str, exit: Exit = Exit.UNAVAILABLE) -> None:
        """Another try may do."""
        super().__init__(message, exit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of a stream. Without data it only says where the listener is (`id`)."""

    type: str
    data: JsonObject | None
    id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An API and a key to it."""

    url: str
    key: str = field(repr=False)
    context: str | None = None
    """The context that the address is from; errors name it."""
    timeout_seconds: float = _TIMEOUT_SECONDS
    """Without a byte."""
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
        """The answer to one request, with these `fields`; None where it has no body.

        Raises ClickException: the API's own words, or that it is none of ours.
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

    def copy(self, to: BinaryIO, path: Sequence[str], *, query: Mapping[str, str | None]) -> None:
        """Writes the answer to a GET as it comes. Raises ClickException where it is none, or ends before its end."""
        for some in self.pieces(path, query=query):
            to.write(some)
        to.flush()

    def listen(self, path: Sequence[str], *, query: Mapping[str, str | None], after: str | None) -> Iterator[Told]:
        """The events of a stream, until it ends. Raises LostError where another try may do, ClickException where the
        API refuses."""
        with self._answer("GET", path, query, headers={} if after is None else {"Last-Event-ID": after}) as response:
            if response.status != 200:
                answer = response.read(_MAX_ANSWER_BYTES)
                if response.status in _TRY_AGAIN:
                    raise LostError(self._named(f"{self.url} answered {response.status}"))
                self._read(response.status, answer)
                raise self.foreign(f"has status {response.status}")
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise self.foreign("is no stream of events")
            try:
                yield from _told(response)
            except orjson.JSONDecodeError:
                raise self.foreign("has an event that is no JSON") from None

    def foreign(self, what: str) -> click.ClickException:
        """An answer that is none of Kronos's."""
        return Ended(self._named(f"the answer of {self.url} {what}: is it Kronos, and of this release?"))

    def pieces(self, path: Sequence[str], *, query: Mapping[str, str | None]) -> Iterator[bytes]:
        """An answer to a GET as it comes. What goes wrong where it is written is not the API's, and not seen here.
        Raises ClickException as `copy`."""
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
        """The answer to a request, while it is read. Its head, and with `is_whole` all of it, comes within
        `whole_seconds`. Raises LostError where there is none, or it breaks off."""
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
                raise TimeoutError  # what was read may look whole, and is not
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise self._lost(error, is_late=is_late.is_set(), may_be_done=is_asked and method != "GET") from None
        finally:
            if timer is not None:
                timer.cancel()
            connection.close()

    def _lost(self, error: Exception, *, is_late: bool, may_be_done: bool) -> LostError:
        """Why there is no answer. What was asked to be done, and may be, is TIMED_OUT: it is not blindly repeated."""
        if is_late:
            said = f"{self.url} sent no whole answer within {self.whole_seconds:.3g} s"
        elif isinstance(error, TimeoutError):
            said = f"{self.url} cannot be reached: no answer within {self.timeout_seconds:.3g} s"
        elif may_be_done:
            said = f"{self.url} took the request, and its answer is lost: {error or type(error).__name__}"
        else:
            return LostError(self._named(f"{self.url} cannot be reached: {error or type(error).__name__}"))
        if may_be_done:
            said = f"{said}. What was asked may have come about: look before you repeat it"
        return LostError(self._named(said), Exit.TIMED_OUT)

    def _read(self, status: int, body: bytes) -> JsonObject:
        """The document. Raises Ended where it is none, or says that the API refuses."""
        try:
            document: Json = orjson.loads(body)  # what it reads, it can write again
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict) or status < 200 or 300 <= status < 400:
            said = f"{self.url} answered {status}, and not what Kronos answers: is it Kronos?"
            raise Ended(self._named(said), of_status(status) if status in _TRY_AGAIN else Exit.FAILED)
        if status >= 400:
            is_ours = isinstance(document.get("code"), str)  # another's 404 does not say that there is no such job
            exit = of_status(status) if is_ours or status in _TRY_AGAIN else Exit.FAILED
            raise Ended(self._named(_refusal(document)), exit, _faults(document))
        return document

    def _named(self, said: str) -> str:
        """With the context that was used: who has several must see which one it was."""
        return said if self.context is None else f"{said}\n(context {self.context}: {self.url})"


def require_names(path: Sequence[str]) -> None:
    """That each part of a path names something: nothing, `.` and `..` would be another path, or a proxy's. Raises
    Ended."""
    for part in path:
        if part in ("", ".", ".."):
            raise Ended(f"{part!r} is no name and no id: say which one is meant", Exit.USAGE)


def _ending(sock: socket.socket, is_late: Event, seconds: float) -> Timer:
    """Ends a connection after so many seconds, whatever still comes over it."""

    def end() -> None:
        is_late.set()
        with suppress(OSError):  # it is closed already
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS, in which another thread may be reading

    timer = Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


def _told(response: http.client.HTTPResponse) -> Iterator[Told]:
    """Events as they come (HTML, 9.2). Raises OSError, HTTPException."""
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
    """What is wrong with which field."""
    listed = document.get("errors")
    return [fault for fault in listed if isinstance(fault, dict)] if isinstance(listed, list) else []


def _refusal(document: JsonObject) -> str:
    """A problem document as people read it: what is wrong with which field, and what to write instead."""
    faults = _faults(document)
    lines = [str(document.get("detail", document))]
    if len(faults) > 1:
        lines += [f"{fault.get('pointer') or 'body'}: {fault.get('detail')}" for fault in faults]
    lines += list(dict.fromkeys(f"hint: {fault['hint']}" for fault in faults if fault.get("hint")))[:3]
    return "\n".join(map(printable, lines))
