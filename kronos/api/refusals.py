"""Why a connection's next request is not read, or not read any further, before anything of the application sees it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

# A host, its port (RFC 3986 3.2.2, 3.2.3); it may be empty.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not read any further; scope["kronos.refusal"] for the application's outermost layer."""

    status: int
    code: str
    title: str
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


def host_fault(version: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What RFC 9112 3.2 has answered with 400: nobody between us and the caller may take the request for another
    host's."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1:
        return f"the request has {len(hosts)} Host headers: send one"
    if not hosts:
        return "the request has no Host header, which HTTP/1.1 asks for" if version == "1.1" else None
    if not _HOST.fullmatch(hosts[0]):
        return f"the Host header is no host and port: {hosts[0][:80].decode('latin-1')!r}"
    return None


def malformed(detail: str = "what came is not an HTTP/1 request") -> Refusal:
    """It is no HTTP that we read."""
    return Refusal(status=400, code="invalid_request", title="Invalid request", detail=detail)


def too_slow(seconds: float) -> Refusal:
    """Its head did not come to its end in time."""
    detail = f"the request's line and headers did not arrive within {seconds:g} s; nothing was done"
    return Refusal(status=408, code="request_timeout", title="Request timeout", detail=detail)


def overloaded(why: str) -> Refusal:
    """There is no room for it now."""
    return Refusal(status=503, code="overloaded", title="Overloaded", detail=why, headers={"Retry-After": "2"})


def url_too_long(most_bytes: int) -> Refusal:
    """Its URL has more than it may have."""
    detail = f"the URL has more than {most_bytes} bytes"
    return Refusal(status=414, code="url_too_long", title="URI too long", detail=detail)


def headers_too_large(most: int, most_bytes: int, *, is_count: bool) -> Refusal:
    """Its headers are more, in number or in bytes, than they may be."""
    what = f"the request has more than {most} headers"
    if not is_count:
        what = f"the request's headers have more than {most_bytes} bytes"
    return Refusal(status=431, code="headers_too_large", title="Request header fields too large", detail=what)


def too_many_chunks(most: int) -> Refusal:
    """Its body comes in more pieces than it may."""
    detail = f"the body came in more than {most} chunks"
    return Refusal(status=413, code="payload_too_large", title="Payload too large", detail=detail)
