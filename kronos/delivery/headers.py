"""The headers of a delivery: those that its author may set, and those that Kronos sets."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from random import Random

from kronos.delivery.refused import Refused, pointer_to
from kronos.delivery.signing import Signer, signature

MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 * 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}", re.ASCII)
# Visible ASCII, space and tab. Receivers interpret other bytes differently, and control characters end the header.
_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
_RESERVED = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
    | {"accept-encoding", "http2-settings", "via", "date", "forwarded", "x-real-ip", "idempotency-key", "traceparent"}
)
_RESERVED_PREFIXES = ("proxy-", "x-forwarded-", "webhook-", "kronos-", "x-kronos-")
USER_AGENT = f"kronos/{version('kronos')}"
IDENTITY = (
    "Idempotency-Key", "webhook-id", "webhook-timestamp", "Kronos-Job-Id", "Kronos-Execution-Id", "Kronos-Attempt",
    "Kronos-Scheduled-At",
    "traceparent",
)  # fmt: skip
"""The names of the headers that `identity` writes, except the signature's."""
SIGNATURE = "webhook-signature"
_SPANS = Random()  # noqa: S311 - names spans of traces, no secret


def check_headers(headers: Mapping[str, str]) -> None:
    """Check that these headers can be sent; their values may contain templates. Raises Refused."""
    if len(headers) > MAX_HEADERS:
        raise Refused("too_many_headers", f"{len(headers)} headers are set; at most {MAX_HEADERS} are allowed")
    seen: set[str] = set()
    size = 0
    for name, value in headers.items():
        _check_name(name, seen)
        _check_value(name, value)
        size += len(name) + len(value) + 4
    if size > MAX_HEADER_BYTES:
        raise Refused("headers_too_large", f"the headers have {size} bytes; at most {MAX_HEADER_BYTES} are allowed")


def identity(
    *,
    execution_id: str,
    job_id: str,
    attempt_number: int,
    scheduled_at: datetime,
    timestamp: int,
    body: bytes,
    keys: Sequence[Signer],
    traceparent: str | None = None,
) -> str:
    """Return the header lines that identify a delivery.

    The idempotency key is the same for all attempts of an execution; the time and number are this attempt's.
    `timestamp`: this attempt's time, in seconds since 1970. `traceparent`: the attempt's span, if traced.
    """
    # One trace for all attempts of an execution, a span for each: https://www.w3.org/TR/trace-context/
    trace = traceparent or f"00-{execution_id.replace('-', '')}-{_SPANS.getrandbits(64):016x}-01"
    lines = (
        f"Idempotency-Key: {execution_id}\r\nwebhook-id: {execution_id}\r\nwebhook-timestamp: "
        f"{timestamp}\r\nKronos-Job-Id: {job_id}\r\n"
        f"Kronos-Execution-Id: {execution_id}\r\nKronos-Attempt: {attempt_number}\r\n"
        f"Kronos-Scheduled-At: {_shown(scheduled_at)}\r\ntraceparent: {trace}\r\n"
    )
    if not keys:
        return lines
    return f"{lines}{SIGNATURE}: {signature(keys, message_id=execution_id, timestamp=timestamp, body=body)}\r\n"


class _Shown:
    """Formats instants in UTC and caches the last one, which executions due at the same minute or created by one
    statement share.

    Formatting takes 0.7 us, and a dictionary miss would take as long again. A single value is cached, because messages
    are also built in a thread."""

    def __init__(self) -> None:
        self._last: tuple[datetime | None, str] = None, ""

    def __call__(self, at: datetime) -> str:
        known, text = self._last
        if at != known:
            text = f"{at.astimezone(UTC).isoformat()[:-6]}Z"
            self._last = at, text
        return text


_shown = _Shown()


def identity_pairs(
    *, execution_id: str, job_id: str, attempt_number: int, scheduled_at: datetime, traceparent: str | None = None
) -> tuple[tuple[str, bytes], ...]:
    """Return the pairs that identify a message, named like the headers of requests, without the signature."""
    trace = traceparent or f"00-{execution_id.replace('-', '')}-{_SPANS.getrandbits(64):016x}-01"
    return (
        ("Idempotency-Key", execution_id.encode()),
        ("Kronos-Job-Id", job_id.encode()),
        ("Kronos-Execution-Id", execution_id.encode()),
        ("Kronos-Attempt", b"%d" % attempt_number),
        ("Kronos-Scheduled-At", _shown(scheduled_at).encode()),
        ("traceparent", trace.encode()),
    )


def reserved(name: str) -> bool:
    """Whether a message's field or header is one that Kronos sets."""
    key = name.lower()
    return key in ("idempotency-key", "traceparent") or key.startswith(("kronos-", "webhook-"))


def _check_name(name: str, seen: set[str]) -> None:
    key = name.lower()
    if not _TOKEN.fullmatch(name):
        hint = "Use only letters, digits and -, such as X-Team."
        raise Refused("header_name", f"{name[:64]!r} is not a header name", hint=hint, pointer=pointer_to(name))
    if key in _RESERVED or key.startswith(_RESERVED_PREFIXES):
        hint = "Kronos or the connection sets it; use another name."
        raise Refused("header_reserved", f"the header {name} cannot be set", hint=hint, pointer=pointer_to(name))
    if key in seen:
        raise Refused("header_duplicate", f"the header {name} is set twice", pointer=pointer_to(name))
    seen.add(key)


def _check_value(name: str, value: str) -> None:
    if not _VALUE.fullmatch(value):
        hint = "Use only visible ASCII characters, spaces and tabs; percent-encode others."
        message = f"the value of the header {name} contains a character that cannot be sent"
        raise Refused("header_value", message, hint=hint, pointer=pointer_to(name))
    if value != value.strip():
        message = f"the value of the header {name} starts or ends with a space"
        raise Refused("header_value", message, hint="Remove it.", pointer=pointer_to(name))
