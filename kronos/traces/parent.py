"""W3C's traceparent: the trace that a request belongs to, and the span of it that sent it.

https://www.w3.org/TR/trace-context/. tracestate and baggage are neither stored nor forwarded: their contents are the
caller's, and receivers of deliveries are third parties.
"""

import re
from typing import NamedTuple

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_LONGEST = 512
_SAMPLED = 1


class Parent(NamedTuple):
    """A span of another process. `trace_id` and `span_id` are numbers, as in OpenTelemetry."""

    trace_id: int
    span_id: int
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{'01' if self.is_sampled else '00'}"


def read(text: str) -> Parent | None:
    """Return the parent in a traceparent; None if it is invalid: a new trace then begins here."""
    if len(text) > _LONGEST or (found := _FORM.fullmatch(text)) is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    trace_id, span_id = int(trace, 16), int(span, 16)
    if not trace_id or not span_id:
        return None
    return Parent(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def of_headers(headers: list[tuple[bytes, bytes]]) -> Parent | None:
    """Return the parent in a request's headers; None if several disagree."""
    found = {value for name, value in headers if name == b"traceparent"}
    return read(found.pop().decode("latin-1").strip()) if len(found) == 1 else None
