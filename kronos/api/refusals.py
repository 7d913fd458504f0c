"""Reasons to stop reading a connection's next request before the application sees it."""

import re
from collections.abc import Iterable
from dataclasses import field

from kronos.records import dataclass

# A host, which may be empty, and its port (RFC 3986 3.2.2, 3.2.3).
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not read any further; in scope["kronos.refusal"] for the application's outermost layer."""

    status: int
    code: str
    title: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


def host_fault(version: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return a Host error, which RFC 9112 3.2 answers with 400: no proxy may take the request for another host's."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1:
        return f"the request has {len(hosts)} Host headers: send one"
    if not hosts:
        return "the request has no Host header, which HTTP/1.1 requires" if version == "1.1" else None
    if not _HOST.fullmatch(hosts[0]):
        return f"the Host header is not a host and port: {hosts[0][:80].decode('latin-1')!r}"
    return None


def malformed(detail: str = "the data received is not an HTTP/1 request") -> Refusal:
    """The request is not valid HTTP/1."""
    return Refusal(status=400, code="invalid_request", title="Invalid request", detail=detail)


def too_slow(seconds: float) -> Refusal:
    """The request's head did not arrive in time."""
    detail = f"the request's line and headers did not arrive within {seconds:g} s; nothing was done"
    return Refusal(status=408, code="request_timeout", title="Request timeout", detail=detail)


def overloaded(why: str) -> Refusal:
    """There is no room for the request now."""
    return Refusal(status=503, code="overloaded", title="Overloaded", detail=why, headers={"Retry-After": "2"})


def url_too_long(most_bytes: int) -> Refusal:
    """The URL is too long."""
    detail = f"the URL has more than {most_bytes} bytes"
    return Refusal(status=414, code="url_too_long", title="URI too long", detail=detail)


def headers_too_large(most: int, most_bytes: int, *, is_count: bool) -> Refusal:
    """The headers are too many or too large."""
    what = f"the request has more than {most} headers"
    if not is_count:
        what = f"the request's headers have more than {most_bytes} bytes"
    return Refusal(status=431, code="headers_too_large", title="Request header fields too large", detail=what)


def too_many_chunks(most: int) -> Refusal:
    """The body has too many chunks."""
    detail = f"the body came in more than {most} chunks"
    return Refusal(status=413, code="payload_too_large", title="Payload too large", detail=detail)
