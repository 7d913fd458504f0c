"""Sends calls with a key, within a deadline, and repeats them where that is allowed."""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from typing import Any, TypeVar, Unpack

import httpx

from kronos.client._core.answers import Answer, judged, refuse_encoded, refused
from kronos.client._core.calls import Call, Terms
from kronos.client._core.decoding import Json, Undecodable, decode, either
from kronos.client._core.options import Options, OptionsGiven
from kronos.client._core.repeating import Tries
from kronos.client._sync.clock import ending, monotonic, sleep, within
from kronos.client._sync.connections import Connections
from kronos.client.errors import (
    AnswerInvalid,
    ConfigurationError,
    ConnectionLost,
    KronosError,
    NotConnected,
    TimedOut,
)

T = TypeVar("T")
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class Transport:
    """Connections to one API, with the address, key and options that all calls share. Its repr omits the key."""

    def __init__(self, url: str, key: Callable[[], str], options: Options, connections: Connections) -> None:
        self.url = url
        self.key = key
        self.options = options
        self.connections = connections

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def with_options(self, **changed: Unpack[OptionsGiven]) -> "Transport":
        """Return a transport with other options over the same connections."""
        try:
            return Transport(self.url, self.key, replace(self.options, **changed), self.connections)
        except TypeError as error:
            raise ConfigurationError(f"unknown option: {', '.join(sorted(changed))}") from error

    def call(self, call: Call, kind: type[T]) -> T:
        """Send a call and return the response as a model. Raises KronosError."""
        answer = self._answered(call)
        return decoded(kind, answer, call)

    def either(self, call: Call, *kinds: type[Any]) -> Json:
        """Send a call and return the response as the first of these models that it matches. Raises KronosError."""
        return decoded(either(kinds), self._answered(call), call)

    def do(self, call: Call) -> None:
        """Send a call whose response has no body. Raises KronosError."""
        self._answered(call)

    def _answered(self, call: Call) -> object:
        tries = Tries(call, self.options, clock=monotonic)
        while True:
            try:
                return judged(self._send(call, tries), call.name)
            except KronosError as error:
                pause = tries.pause_after(error, self.key)
            sleep(pause)

    def _send(self, call: Call, tries: Tries) -> Answer:
        left = tries.remaining()
        key = self.key()
        tries.begin(key)
        http = self.connections.here()
        request = self._request(http, call, key, left)
        try:
            with within(left):
                response = http.send(request, stream=True, follow_redirects=False)
                try:
                    return self._whole(response, call, tries)
                finally:
                    response.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, RuntimeError) as error:
            raise told(error, call) from error

    def _whole(self, response: httpx.Response, call: Call, tries: Tries) -> Answer:
        """Return the response with its body, read up to the size limit and the deadline."""
        headers = headers_of(response)
        refuse_encoded(response.status_code, headers, call.name)
        parts, size = [], 0
        for chunk in response.iter_bytes():
            parts.append(chunk)
            size += len(chunk)
            if size > self.options.max_answer_bytes:
                raise AnswerInvalid(
                    f"{call.name}: the response is larger than max_answer_bytes ({self.options.max_answer_bytes})",
                    status=response.status_code,
                    is_outcome_unknown=True,
                )
            tries.remaining(is_sent=True)
        return Answer(status=response.status_code, headers=headers, body=b"".join(parts))

    @contextmanager
    def stream(self, call: Call, key: str, terms: Terms) -> Iterator[Iterator[bytes]]:
        """Open a stream and yield its bytes as they arrive. Raises KronosError."""
        wait = terms.wait if terms.seconds is None else min(terms.wait, terms.seconds)
        http = self.connections.here()
        request = self._request(http, call, key, wait)
        request.extensions["timeout"]["read"] = min(wait, terms.silence)
        ends_at = None if terms.seconds is None else monotonic() + terms.seconds
        try:
            with within(wait):
                response = http.send(request, stream=True, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, RuntimeError) as error:
            raise told(error, call) from error
        try:
            headers = headers_of(response)
            refuse_encoded(response.status_code, headers, call.name)
            if response.status_code != 200 or not headers.get("content-type", "").startswith(terms.media_type):
                with within(wait):
                    body = self._head_of(response)
                raise refused(Answer(status=response.status_code, headers=headers, body=body), call.name)
            with ending(response, ends_at):
                yield self._chunks(response, ends_at)
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            raise told(error, call) from error
        finally:
            response.close()

    def _chunks(self, response: httpx.Response, ends_at: float | None) -> Iterator[bytes]:
        """Yield until the response ends, or its time is over."""
        chunks = response.iter_bytes()
        while True:
            with within(None if ends_at is None else ends_at - monotonic()):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def _head_of(self, response: httpx.Response) -> bytes:
        """Return the first 64 KiB of an error."""
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > 64 * 1024:
                break
        return body

    def _request(self, http: httpx.Client, call: Call, key: str, left: float) -> httpx.Request:
        headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json, application/problem+json",
            "Accept-Encoding": "identity",
            "User-Agent": _USER_AGENT,
            **call.headers,
        }
        if self.options.is_read_from_primary and call.method == "GET":
            headers["Kronos-Read-From"] = "primary"
        read = min(self.options.timeout, left)
        connect = min(self.options.connect_timeout, left)
        try:
            return http.build_request(
                call.method,
                self.url + call.path,
                params=dict(call.query),
                headers=headers,
                content=call.content,
                timeout=httpx.Timeout(read, connect=connect, pool=connect),
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ConfigurationError(
                f"{call.method} {call.path[:200]}: a name, an id or a filter is too long, or is not text"
            ) from error


def _version() -> str:
    try:
        return metadata.version("kronos-client")
    except metadata.PackageNotFoundError:
        return "0"  # run from a checkout


_USER_AGENT = f"kronos-client/{_version()} python/{platform.python_version()} httpx/{httpx.__version__}"


def headers_of(response: httpx.Response) -> dict[str, str]:
    """Return the headers by lower-case name."""
    return {name.lower(): value for name, value in response.headers.items()}


def decoded(kind: type[T], answer: object, call: Call) -> T:
    """Return the response as this model. Raises AnswerInvalid."""
    try:
        return decode(kind, answer)
    except (Undecodable, ValueError) as error:
        raise AnswerInvalid(
            f"{call.name}: it was done, but this client does not understand the response: {error}. Is the client "
            "older, or newer, than the API?",
            status=200,
            is_outcome_unknown=not call.may_repeat,
        ) from error


def told(error: Exception, call: Call) -> KronosError:
    """Return the client's error for one of httpx. The outcome is unknown if the request may have reached the API."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, RuntimeError) and not isinstance(error, httpx.StreamError):
        return ConfigurationError(f"{call.name}: the client is closed, or is used in another event loop ({error})")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return ConfigurationError(f"{call.name}: the address of the API is not a URL")
    if isinstance(error, _NOT_SENT):
        return NotConnected(f"{call.name}: the API cannot be reached ({what}); nothing was sent")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return TimedOut(f"{call.name}: no response in time ({what})", is_outcome_unknown=True)
    return ConnectionLost(
        f"{call.name}: the connection ended before the complete response ({what})", is_outcome_unknown=True
    )
