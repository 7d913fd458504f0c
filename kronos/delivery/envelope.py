"""The common part of all deliveries with the same URL, method and headers: checked and encoded once."""

from collections.abc import Iterable, Mapping

from kronos.delivery.connections import Origin
from kronos.delivery.egress import Destination
from kronos.delivery.headers import IDENTITY, SIGNATURE, USER_AGENT
from kronos.delivery.outcome import ErrorType, described_around, described_request, stored_url
from kronos.delivery.refused import Refused

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Undeliverable:
    """Why nothing can be delivered there, and the intended request as attempts store it."""

    __slots__ = ("error_type", "has_body", "message", "request")

    def __init__(self, refused: Refused, method: str, url: str, header_names: Mapping[str, str]) -> None:
        self.error_type = refusal_type(refused)
        self.message = refused.message
        self.request = described_request(method, url, header_names)
        self.has_body = method != "GET"


class Form:
    """The common part of envelopes with the same method and header names."""

    __slots__ = ("_around", "_names", "end", "has_body", "has_own_type", "method")

    def __init__(self, method: str, header_names: Iterable[str]) -> None:
        names = tuple(header_names)
        lower = {name.lower() for name in names}
        fixed = {"Accept-Encoding": "identity"}
        if "user-agent" not in lower:
            fixed = {"User-Agent": USER_AGENT, **fixed}
        if "accept" not in lower:
            fixed["Accept"] = "*/*"
        self.method = method
        self.has_body = method != "GET"
        self.has_own_type = "content-type" in lower
        self.end = "".join(f"{name}: {value}\r\n" for name, value in fixed.items())
        """The lines that follow the author's headers."""
        self._names = ("Host", *names, *fixed, *IDENTITY)
        self._around: dict[tuple[bool, bool], tuple[str, str]] = {}

    def described(self, url: str, *, has_body: bool, is_signed: bool) -> str:
        """Return a request as attempts store it, up to its body's size; `url` in the form of `stored_url`."""
        if (known := self._around.get((has_body, is_signed))) is None:
            names = [*self._names]
            if is_signed:
                names.append(SIGNATURE)
            if has_body:
                names.append("Content-Type")
            if self.has_body:
                names.append("Content-Length")
            known = self._around[has_body, is_signed] = described_around(self.method, names)
        before, after = known
        return f"{before}{url}{after}"


class Envelope:
    """The part of a request that is the same for all deliveries.

    Every part was checked and contains no control character. A GET is sent without a body.
    """

    __slots__ = ("_described", "_form", "_url", "has_body", "head", "origin")

    def __init__(self, form: Form, origin: Origin, head: str, url: str) -> None:
        """`head`: the request line and the author's headers; `url` in the form of `stored_url`."""
        self.origin = origin
        self.has_body = form.has_body
        self.head = f"{head}{form.end}"
        self._form = form
        self._url = url
        self._described: dict[tuple[bool, bool], str] = {}

    def request(self, identity: str, body: bytes) -> bytes:
        """Return the request's bytes."""
        if not self.has_body:
            return f"{self.head}{identity}\r\n".encode("ascii")
        kind = "Content-Type: application/json\r\n" if body and not self._form.has_own_type else ""
        return f"{self.head}{identity}{kind}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body

    def described(self, *, has_body: bool, is_signed: bool) -> str:
        """Return the request as attempts store it, up to its body's size."""
        if (known := self._described.get((has_body, is_signed))) is None:
            known = self._form.described(self._url, has_body=has_body, is_signed=is_signed)
            self._described[has_body, is_signed] = known
        return known


def envelope(method: str, url: str, headers: Mapping[str, str], destination: Destination) -> Envelope:
    """Return the envelope for checked parts; `url` as written by its author, `destination` as checked."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Envelope(
        Form(method, headers),
        origin_of(destination),
        f"{method} {destination.target} HTTP/1.1\r\nHost: {destination.authority}\r\n{lines}",
        stored_url(url if url.isascii() else destination.url),
    )


def origin_of(destination: Destination) -> Origin:
    """Return the target of the connection for a destination."""
    return Origin(is_tls=destination.is_tls, host=destination.host, port=destination.port)


def refusal_type(refused: Refused) -> ErrorType:
    """Return the error type that attempts store."""
    match refused.code:
        case "address_blocked":
            return "address_blocked"
        case "bad_request":
            return "bad_request"
        case code if code.startswith("url"):
            return "bad_url"
        case _:
            return "bad_headers"
