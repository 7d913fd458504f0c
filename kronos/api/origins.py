"""CORS (Fetch, 3.2): which pages of other origins may call the API from a browser. None, unless the settings say so.

Keys travel in the Authorization header, which a page has to have been given. Cookies are for our own pages: credentials
are never allowed, so no page of another origin acts as who is signed in, and * gives it nothing that any other program
has not.
"""

from collections.abc import Iterable

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]
_EXPOSED = (
    b"ETag, Idempotent-Replayed, Kronos-Read-From, Location, RateLimit, RateLimit-Policy, Request-Id, Retry-After, "
    b"WWW-Authenticate"
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = (
    b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Kronos-Read-From, Last-Event-ID, "
    b"Request-Id"
)
_KEPT_SECONDS = b"600"


class Origins:
    """The origins whose pages may call: exact ones, or all."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(each.encode("ascii") for each in allowed)
        self._are_all = b"*" in self._allowed

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def headers(self, scope: Scope) -> Headers:
        """What lets the page read the answer; Vary in any case, since others are answered otherwise."""
        origin = _header(scope, b"origin")
        if self._are_all:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED)]
        if origin is None or origin not in self._allowed:
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
        ]

    def preflight(self, scope: Scope) -> Headers | None:
        """What a browser hears that asks whether a page may send a request; None where it does not ask that, or the
        page may not: then OPTIONS is answered as without CORS."""
        if scope["method"] != "OPTIONS" or _header(scope, b"access-control-request-method") is None:
            return None
        origin = _header(scope, b"origin")
        if origin is None or not (self._are_all or origin in self._allowed):
            return None
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _HEADERS),
            (b"access-control-max-age", _KEPT_SECONDS),
        ]


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for each, value in scope["headers"] if each == name), None)
