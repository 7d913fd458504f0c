"""Errors as HTTP responses: RFC 9457 problem documents, in the same form for every error."""

from collections.abc import Callable, Mapping
from datetime import datetime

import orjson
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from kronos import errors
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.redaction import is_hidden_in_url, redacted
from kronos.writes import Writes

MEDIA_TYPE = "application/problem+json"
ShownAs = Callable[[Scope, JsonObject, Mapping[str, str]], Response]
"""Renders an error on pages for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemFault:
    """A problem with one field of the input."""

    pointer: str
    detail: str
    hint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error (RFC 9457). `errors` is only present for invalid input, `pg_sqlstate` only if PostgreSQL gave one,
    `quota` and its numbers only if a quota is exceeded."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemFault] | None = None
    quota: str | None = None
    used: int | None = None
    limit: int | None = None
    asked: int | None = None
    resets_at: datetime | None = None
    pg_sqlstate: str | None = None


def problem(error: errors.KronosError, scope: Scope) -> Response:
    """Return the response to a request that ended in `error`. If something may have changed, it says how to check."""
    headers: dict[str, str] = {}
    more: JsonObject = {}
    if error.faults:
        more["errors"] = error.faults
    more.update(error.numbers)
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(error.retry_after_seconds)
        if error.sqlstate is not None:
            more["pg_sqlstate"] = error.sqlstate
    if isinstance(error, errors.RateLimited | errors.QuotaUsedUp):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="kronos"'
    detail = error.detail
    if isinstance(error, errors.OutcomeUnknown):
        detail = f"{detail}. {how_to_find_out(scope)}"
        if scope.get("kronos.is_repeatable"):
            headers["Retry-After"] = str(errors.Unavailable.retry_after_seconds)
    elif error.status == 500:
        detail = f"{detail}. {_what_was_changed(scope)}"
    return _document(scope, error.status, error.code, error.title, detail, more, headers)


def of_item(error: errors.KronosError, scope: Scope) -> JsonObject:
    """Return the problem document of one of several items in a request."""
    members = {"errors": error.faults, **error.numbers}
    document = _problem(scope, error.status, error.code, error.title, error.detail, members)
    made: JsonObject = orjson.loads(redacted(orjson.dumps(document).decode()))
    return made


def how_to_find_out(scope: Scope) -> str:
    """Return how a caller can check whether a write was done; empty if no operation was reached."""
    explain: Callable[[Scope], str] | None = scope.get("kronos.how_to_find_out")
    return explain(scope) if explain is not None else ""


def _what_was_changed(scope: Scope) -> str:
    writes: Writes | None = scope.get("kronos.writes")
    if writes is None or not writes.may_be_done:
        return "Nothing was changed."
    return f"The request may have been done. {how_to_find_out(scope)}"


def http_problem(
    status: int, code: str, title: str, detail: str, scope: Scope, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the response to a misuse of HTTP itself: no such route, method not allowed."""
    return _document(scope, status, code, title, detail, {}, headers or {})


def _document(
    scope: Scope, status: int, code: str, title: str, detail: str, more: JsonObject, headers: Mapping[str, str]
) -> Response:
    document = redacted(orjson.dumps(_problem(scope, status, code, title, detail, more)).decode())
    shown_as: ShownAs | None = scope.get("kronos.problem") or _shown_as(scope)
    if shown_as is not None:  # a page for people
        return shown_as(scope, orjson.loads(document), headers)
    return Response(document, status, media_type=MEDIA_TYPE, headers=dict(headers))


def _shown_as(scope: Scope) -> ShownAs | None:
    """Return how the route of this path shows errors raised before it is reached: too large, too many at once, or the
    wrong method. None: as a document."""
    if "app" not in scope or scope["path"].startswith(("/v1/", "/auth/")):
        return None
    for each in scope["app"].routes:
        shown: ShownAs | None = getattr(type(each), "shown_as", None)
        if shown is not None and each.matches(scope)[0] != Match.NONE:
            return shown
    return None


def _problem(scope: Scope, status: int, code: str, title: str, detail: str, more: JsonObject) -> JsonObject:
    return {
        "type": f"urn:kronos:problem:{code}",
        "title": title,
        "status": status,
        "detail": storable(detail),
        "instance": instance(scope),
        "code": code,
        "request_id": scope.get("kronos.request_id", ""),
        **more,
    }


def instance(scope: Scope) -> str:
    """Return the path as it was sent, still percent-encoded, so that it is always a valid URI reference."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode("ascii", "replace")
    path = raw.split(b"?", 1)[0]
    # Percent-encoding alone would still put a key or a ping token into the log.
    return "/***" if is_hidden_in_url(path) else redacted(path.decode("ascii", "replace"))


def storable(text: str) -> str:
    """Return the text without lone surrogates, which UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")
