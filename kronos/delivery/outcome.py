"""What became of one delivery attempt, in the form it is stored: redacted, capped, free of what jsonb refuses.

Requests and answers are JSON as text: most of each is the same for many attempts, and is written once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from kronos.delivery.answer import AnswerParser, Head
from kronos.delivery.egress import redacted
from kronos.delivery.sanitise import json_bytes, storable_body, storable_text
from kronos.model import Json
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
# What the author of the endpoint has to change: sending the same again cannot help.
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
"""Of a Retry-After: three centuries. How much of it is waited for is the endpoint's retry policy's to say."""
MAX_STORED_BODY_BYTES = 4096
_MAX_STORED_HEADERS = 64
_MAX_STORED_HEADER_CHARACTERS = 128
_MAX_NAMES_LOOKED_AT = 256
_MAX_STORED_URL_BYTES = 2048
# What is larger is worked out each time: the caches take a megabyte or two, whatever tenants and receivers choose.
_MAX_CACHED_NAMES, _MAX_CACHED_CHARACTERS = 64, 1024
_SHORT_BODY_BYTES = 256
# RFC 9110 section 5.6.7: recipients accept all three.
_HTTP_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


@dataclass(slots=True, kw_only=True)  # not frozen: one is made for each attempt, and freezing costs 2 us
class Outcome:
    """The end of one attempt.

    UNKNOWN is not FAILED: the request was sent whole and the connection ended without an answer, or the worker did.
    `retryable` is whether sending again can help, as long as the endpoint's policy does not say otherwise;
    `retry_after` what the receiver asked for, however long; `status_code` what it answered, where that is no success.
    `request` and `response` are JSON as text. `is_cut_off` says that the worker stopped while it was under way,
    `is_unsent` that nothing of it had been sent by then, `is_unknown` that it was sent and no answer is known.
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
    """The outcome of an attempt that got no answer, or was never sent; the worker uses it for templates too."""
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
    """The outcome of an attempt that was ended because its execution was cancelled, or replaced by a newer run.

    FAILED where the receiver cannot have the whole of it, else UNKNOWN.
    """
    outcome = failed("cancelled", message, request=request, duration=duration)
    outcome.status = "UNKNOWN" if is_sent else "FAILED"
    return outcome


def answered(answer: AnswerParser, *, expected: Sequence[int], request: str, duration: timedelta) -> Outcome:
    """The outcome of an attempt by its status line: a receiver that said 2xx has accepted, even if its body is cut.

    `expected` are the endpoint's expected_status_codes; where there are none, 200 to 299 are success.
    """
    if (head := answer.head) is None:
        raise ValueError("an answer without a status line is none")
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
        message = f"the endpoint answered {code}, a redirect; redirects are not followed, set its final URL"
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
    """The beginning of a request as attempts store it; `described` ends it.

    It holds no header's value, no userinfo, no query value.
    """
    before, after = described_around(method, header_names)
    return f"{before}{stored_url(url)}{after}"


def described_around(method: str, header_names: Iterable[str]) -> tuple[str, str]:
    """What stands before and after `stored_url` in described_request: the same for many URLs."""
    name, names = storable_text(method, max_bytes=16), _stored_names(header_names)
    return f'{{"method":{json_bytes(name).decode()},"url":', f',"headers":{json_bytes(names).decode()}'


def stored_url(url: str) -> str:
    """A URL as attempts store it, as JSON: no userinfo, no query value."""
    return json_bytes(_stored_url(url)).decode()


def described(request: str, body_bytes: int) -> str:
    """A request as described_request began it, with its body's size."""
    return f'{request},"body_bytes":{body_bytes}}}'


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """What Retry-After asks for, from seconds or an HTTP date, at most MOST_ASKED; None if absent or malformed.

    A date is measured against the answer's own Date, where it has one: the two clocks need not agree.
    """
    wanted = headers.get("retry-after", "").strip()
    if wanted.isascii() and wanted.isdigit():
        digits = wanted.lstrip("0") or "0"
        # More of them are never parsed: int() refuses 4,301.
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
    """An answer as attempts store it."""
    body = answer.body
    if (begun := head.stored) is None:
        begun = head.stored = _stored_head(head)
    if not begun.endswith("]"):
        # We asked for none and inflate none: a small answer may be a bomb.
        return f'{begun},"body_bytes":{len(body)},"body":"","truncated":{"true" if body else "false"}}}'
    if (last := head.last) is not None and body == last[0] and not answer.is_cut:
        return last[1]
    is_cut = answer.is_cut or len(body) > MAX_STORED_BODY_BYTES
    text = json_bytes(storable_body(body, max_bytes=MAX_STORED_BODY_BYTES)).decode()
    stored = f'{begun},"body_bytes":{len(body)},"body":{text},"truncated":{"true" if is_cut else "false"}}}'
    if len(body) <= _SHORT_BODY_BYTES and not is_cut:
        head.last = bytes(body), stored
    return stored


def _stored_head(head: Head) -> str:
    """An answer as attempts store it, up to its body.

    It ends in the names of its headers, or, where the body is encoded, in the name of the encoding.
    """
    encoding = head.headers.get("content-encoding", "")
    stored: dict[str, Json] = {"status": head.status, "headers": _stored_names(head.headers)}
    if encoding.strip().lower() not in ("", "identity"):
        stored["content_encoding"] = storable_text(encoding, max_bytes=64)
    return json_bytes(stored).decode().removesuffix("}")


def _stored_names(names: Iterable[str]) -> list[Json]:
    # Cut before they are a cache's key: an endpoint's headers and its answers' are the same in most deliveries (30 us
    # of each), and what a receiver invents each time must not stay in memory.
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
