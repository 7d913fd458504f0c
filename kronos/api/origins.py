"""CORS (Fetch, 3.2): which pages of other origins may call the API from a browser. None, unless the settings allow it.

Keys are sent in the Authorization header, so a page must have been given one. Cookies are only for our own pages:
credentials are never allowed, so no page of another origin can act as the signed-in person, and * gives such a page
nothing that any other program does not have.
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
    """The origins whose pages may call the API: exact ones, or all."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(each.encode("ascii") for each in allowed)
        self._are_all = b"*" in self._allowed

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def headers(self, scope: Scope) -> Headers:
        """Return the headers that let the page read the response. Vary is always set, as other origins get others."""
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
        """Return the response to a preflight request. None for other requests, and for pages that are not allowed;
        OPTIONS is then answered as without CORS."""
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
