"""What deliveries to one URL by one method with the same headers have in common: judged and written once."""

from collections.abc import Mapping

from kronos.delivery.connections import Origin
from kronos.delivery.egress import Destination
from kronos.delivery.headers import IDENTITY, SIGNATURE, USER_AGENT
from kronos.delivery.outcome import ErrorType, described_request
from kronos.delivery.refused import Refused

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Undeliverable:
    """Why nothing can be delivered there, and the request that was asked for as attempts store it."""

    __slots__ = ("error_type", "has_body", "message", "request")

    def __init__(self, refused: Refused, method: str, url: str, header_names: Mapping[str, str]) -> None:
        self.error_type = refusal_type(refused)
        self.message = refused.message
        self.request = described_request(method, url, header_names)
        self.has_body = method != "GET"


class Envelope:
    """The part of a request that does not differ from delivery to delivery.

    Every part of it was judged: no control character is in any. A GET is sent without a body.
    """

    __slots__ = ("_described", "_method", "_names", "_own_type", "_url", "has_body", "head", "origin")

    def __init__(self, method: str, url: str, headers: Mapping[str, str], destination: Destination) -> None:
        """`url` as its author wrote it; `destination` is where it leads."""
        self.origin = Origin(is_tls=destination.is_tls, host=destination.host, port=destination.port)
        self.has_body = method != "GET"
        self._method = method
        self._url = url if url.isascii() else destination.url
        own_names = {name.lower() for name in headers}
        fixed = {"Host": destination.authority, **headers}
        if "user-agent" not in own_names:
            fixed["User-Agent"] = USER_AGENT
        fixed["Accept-Encoding"] = "identity"
        if "accept" not in own_names:
            fixed["Accept"] = "*/*"
        self._own_type = "content-type" in own_names
        self._names = (*fixed, *IDENTITY)
        lines = [f"{method} {destination.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fixed.items()), ""]
        self.head = "\r\n".join(lines)
        self._described: dict[tuple[bool, bool], str] = {}

    def request(self, identity: str, body: bytes) -> bytes:
        """The request as it goes out."""
        if not self.has_body:
            return f"{self.head}{identity}\r\n".encode("ascii")
        kind = "Content-Type: application/json\r\n" if body and not self._own_type else ""
        return f"{self.head}{identity}{kind}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body

    def described(self, *, has_body: bool, is_signed: bool) -> str:
        """The request as attempts store it, up to the number of its body's bytes."""
        if (known := self._described.get((has_body, is_signed))) is None:
            names = [*self._names]
            if is_signed:
                names.append(SIGNATURE)
            if has_body:
                names.append("Content-Type")
            if self.has_body:
                names.append("Content-Length")
            known = self._described[has_body, is_signed] = described_request(self._method, self._url, names)
        return known


def refusal_type(refused: Refused) -> ErrorType:
    """What attempts call it."""
    match refused.code:
        case "address_blocked":
            return "address_blocked"
        case "bad_request":
            return "bad_request"
        case code if code.startswith("url"):
            return "bad_url"
        case _:
            return "bad_headers"
