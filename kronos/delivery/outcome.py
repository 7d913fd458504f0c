"""The outcome of a delivery attempt, in its stored form: redacted, capped, and without what jsonb rejects.

Requests and responses are JSON as text: most of each is the same for many attempts, and is encoded once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from kronos.delivery.answer import AnswerParser, Head
from kronos.delivery.egress import redacted
from kronos.delivery.sanitise import json_bytes, storable_body, storable_text
from kronos.model import Json
from kronos.records import dataclass
from kronos.server_time import CLOCK

AttemptStatus = Literal["SUCCESS", "FAILED", "TIMED_OUT", "UNKNOWN"]
ErrorType = Literal[
    "timeout",
    "dns",
    "connect",
    "tls",
    "closed_while_sending",
    "closed_without_answer",
    "bad_response",
    "http_status",
    "redirect",
    "address_blocked",
    "bad_url",
    "bad_headers",
    "bad_request",
    "template",
    "auth",
    "broker",
    "driver",
    "secret",
    "worker_stopped",
    "internal",
    "cancelled",
]
# Errors that the endpoint's author must fix: sending the same again cannot help.
_PERMANENT: frozenset[ErrorType] = frozenset(
    {"redirect", "address_blocked", "bad_url", "bad_headers", "bad_request", "template"}
)
_STATUS_OF: dict[ErrorType, AttemptStatus] = {
    "timeout": "TIMED_OUT",
    "closed_without_answer": "UNKNOWN",
    "worker_stopped": "UNKNOWN",
    "cancelled": "UNKNOWN",
}

CANCELLED = "the delivery was cancelled"
WORKER_STOPPED = "the worker stopped while the delivery was under way; whether it arrived is not known"
MOST_ASKED = timedelta(seconds=10**10)
"""Cap for a Retry-After: three centuries. The endpoint's retry policy decides how much of it is waited for."""
MAX_STORED_BODY_BYTES = 4096
_MAX_STORED_HEADERS = 64
_MAX_STORED_HEADER_CHARACTERS = 128
_MAX_NAMES_LOOKED_AT = 256
_MAX_STORED_URL_BYTES = 2048
# Larger values are computed each time. So the caches stay within a megabyte or two, whatever tenants and receivers do.
_MAX_CACHED_NAMES, _MAX_CACHED_CHARACTERS = 64, 1024
_SHORT_BODY_BYTES = 256
# RFC 9110 section 5.6.7: recipients accept all three.
_HTTP_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


@dataclass(slots=True, kw_only=True)  # not frozen: one is created per attempt, and freezing costs 2 us
class Outcome:
    """The outcome of one attempt.

    UNKNOWN is not FAILED: the whole request was sent, and then the connection closed without a response, or the worker
    stopped. `retryable`: whether sending again can help, unless the endpoint's policy overrides it. `retry_after`: the
    receiver's request, however long. `status_code`: the response's status, unless it is a success. `request` and
    `response` are JSON as text. `is_cut_off`: the worker stopped during the attempt. `is_unsent`: nothing had been sent
    by then. `is_unknown`: the request was sent, and no response is known.
    """

    status: AttemptStatus
    retryable: bool
    retry_after: timedelta | None
    request: str | None
    response: str | None
    error: Json
    duration: timedelta
    is_cut_off: bool = False
    is_unsent: bool = False
    is_unknown: bool = False
    status_code: int | None = None


def failed(
    error_type: ErrorType, message: str, *, request: str | None = None, duration: timedelta = timedelta()
) -> Outcome:
    """Return the outcome of an attempt without a response, or never sent. Workers use it for template errors too."""
    status = _STATUS_OF.get(error_type, "FAILED")
    return Outcome(
        status=status,
        retryable=error_type not in _PERMANENT,
        retry_after=None,
        request=request,
        response=None,
        error={"type": error_type, "message": storable_text(message, max_bytes=1024)},
        duration=duration,
        is_unknown=status == "UNKNOWN",
    )


def aborted(message: str, *, is_sent: bool, request: str, duration: timedelta) -> Outcome:
    """Return the outcome of an attempt aborted because its execution was cancelled, or replaced by a newer run.

    FAILED if the receiver cannot have the whole request, otherwise UNKNOWN.
    """
    outcome = failed("cancelled", message, request=request, duration=duration)
    outcome.status, outcome.is_unknown = ("UNKNOWN", True) if is_sent else ("FAILED", False)
    return outcome


def answered(answer: AnswerParser, *, expected: Sequence[int], request: str, duration: timedelta) -> Outcome:
    """Return the outcome for a status line: a receiver that sent 2xx has accepted, even if its body is cut.

    `expected` are the endpoint's expected_status_codes; if there are none, 200 to 299 are a success.
    """
    if (head := answer.head) is None:
        raise ValueError("a response needs a status line")
    code = head.status
    if code in expected if expected else 200 <= code < 300:
        return Outcome(
            status="SUCCESS",
            retryable=False,
            retry_after=None,
            request=request,
            response=_stored(answer, head),
            error=None,
            duration=duration,
        )
    is_redirect = 300 <= code < 400
    retryable = code >= 500 or code in (408, 425, 429)
    if is_redirect:
        message = f"the endpoint answered {code}, a redirect; redirects are not followed, so set the final URL"
    else:
        wanted = ", ".join(map(str, expected[:16])) if expected else "200 to 299"
        message = f"the endpoint answered {code}, expected {wanted}"
    return Outcome(
        status="FAILED",
        retryable=retryable,
        retry_after=retry_after(head.headers),
        request=request,
        response=_stored(answer, head),
        error={"type": "redirect" if is_redirect else "http_status", "message": message},
        duration=duration,
        status_code=code,
    )


def described_request(method: str, url: str, header_names: Iterable[str]) -> str:
    """Return the beginning of a request as attempts store it; `described` completes it.

    It contains no header values, no userinfo and no query values.
    """
    before, after = described_around(method, header_names)
    return f"{before}{stored_url(url)}{after}"


def described_around(method: str, header_names: Iterable[str]) -> tuple[str, str]:
    """Return the parts before and after `stored_url` in described_request, which are the same for many URLs."""
    name, names = storable_text(method, max_bytes=16), _stored_names(header_names)
    return f'{{"method":{json_bytes(name).decode()},"url":', f',"headers":{json_bytes(names).decode()}'


def stored_url(url: str) -> str:
    """Return a URL as attempts store it, as JSON, without userinfo and query values."""
    return json_bytes(_stored_url(url)).decode()


def described(request: str, body_bytes: int) -> str:
    """Complete a request begun by described_request with its body's size."""
    return f'{request},"body_bytes":{body_bytes}}}'


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return the wait in Retry-After, given in seconds or as an HTTP date, at most MOST_ASKED; None if absent or
    malformed.

    A date is compared with the response's own Date, if it has one: the two clocks need not agree.
    """
    wanted = headers.get("retry-after", "").strip()
    if wanted.isascii() and wanted.isdigit():
        digits = wanted.lstrip("0") or "0"
        # More digits are never parsed: int() rejects 4,301.
        return MOST_ASKED if len(digits) > 10 else timedelta(seconds=int(digits))
    if (until := _http_date(wanted)) is None:
        return None
    since = _http_date(headers.get("date", "").strip()) or CLOCK.now()
    return min(max(until - since, timedelta()), MOST_ASKED)


def _http_date(text: str) -> datetime | None:
    if not text:
        return None
    for form in _HTTP_DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _stored(answer: AnswerParser, head: Head) -> str:
    """Return a response as attempts store it."""
    body = answer.body
    if (begun := head.stored) is None:
        begun = head.stored = _stored_head(head)
    if not begun.endswith("]"):
        # We request no encoding and decompress nothing: a small response may be a bomb.
        return f'{begun},"body_bytes":{len(body)},"body":"","truncated":{"true" if body else "false"}}}'
    if (last := head.last) is not None and body == last[0] and not answer.is_cut:
        return last[1]
    shown, is_cut = storable_body(body, max_bytes=MAX_STORED_BODY_BYTES)
    is_cut = is_cut or answer.is_cut
    text = json_bytes(shown).decode()
    stored = f'{begun},"body_bytes":{len(body)},"body":{text},"truncated":{"true" if is_cut else "false"}}}'
    if len(body) <= _SHORT_BODY_BYTES and not is_cut:
        head.last = bytes(body), stored
    return stored


def _stored_head(head: Head) -> str:
    """Return a response as attempts store it, up to its body.

    It ends with the names of its headers or, if the body is encoded, with the encoding's name.
    """
    encoding = head.headers.get("content-encoding", "")
    stored: dict[str, Json] = {"status": head.status, "headers": _stored_names(head.headers)}
    if encoding.strip().lower() not in ("", "identity"):
        stored["content_encoding"] = storable_text(encoding, max_bytes=64)
    return json_bytes(stored).decode().removesuffix("}")


def _stored_names(names: Iterable[str]) -> list[Json]:
    # Cut before use as a cache key. Headers of requests and responses are the same in most deliveries (30 us each), and
    # names that a receiver invents each time must not stay in memory.
    cut = tuple(name[:_MAX_STORED_HEADER_CHARACTERS] for name in names)[:_MAX_NAMES_LOOKED_AT]
    is_usual = len(cut) <= _MAX_CACHED_NAMES and sum(map(len, cut)) <= _MAX_CACHED_CHARACTERS
    return list(_names_before(cut) if is_usual else _names(cut))


def _stored_url(url: str) -> str:
    cut = url[:_MAX_STORED_URL_BYTES]
    return _redacted_url_before(cut) if len(cut) <= _MAX_CACHED_CHARACTERS else _redacted_url(cut)


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    known = {storable_text(name.lower(), max_bytes=_MAX_STORED_HEADER_CHARACTERS) for name in names}
    return tuple(sorted(known)[:_MAX_STORED_HEADERS])


def _redacted_url(url: str) -> str:
    return storable_text(redacted(url), max_bytes=_MAX_STORED_URL_BYTES)


_names_before = lru_cache(maxsize=256)(_names)
_redacted_url_before = lru_cache(maxsize=1024)(_redacted_url)
