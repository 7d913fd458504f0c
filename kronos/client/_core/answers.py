"""Checks responses: returns their JSON, or the error that they report."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from kronos.client._core.decoding import loads
from kronos.client._counting import counted
from kronos.client.errors import (
    BY_STATUS,
    AnswerInvalid,
    ApiError,
    Fault,
    InvalidRequest,
    OutcomeUnknown,
    ServerFault,
)

_KEY = re.compile(r"(kr_[a-z]+_[A-Za-z0-9]{1,64})_[A-Za-z0-9_-]{16,}")
_SHOWN_CHARACTERS = 200
_PASSING = (408, 429, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type, such as application/json, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def judged(answer: Answer, what: str) -> object:
    """Return the JSON of a successful response, or None for 204. Raises ApiError, AnswerInvalid."""
    if 200 <= answer.status < 300:
        if answer.status == 204:
            return None
        if answer.media_type != "application/json":
            raise _stranger(answer, what)
        return _json(answer, what)
    raise refused(answer, what)


def refused(answer: Answer, what: str) -> ApiError | AnswerInvalid:
    """Return the error that a response reports."""
    if answer.media_type != "application/problem+json":
        return _stranger(answer, what)
    try:
        problem = loads(answer.body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return _stranger(answer, what)
    code = str(problem["code"])
    default = InvalidRequest if answer.status < 500 else ServerFault
    kind = OutcomeUnknown if code == "outcome_unknown" else BY_STATUS.get(answer.status, default)
    return kind(
        status=answer.status,
        code=code,
        detail=redacted(str(problem.get("detail") or problem.get("title") or code)),
        request_id=answer.headers.get("request-id") or _text_or_none(problem.get("request_id")),
        faults=tuple(_faults(problem.get("errors"))),
        retry_after=retry_after(answer.headers),
        problem=problem,
    )


def refuse_encoded(status: int, headers: Mapping[str, str], what: str) -> None:
    """Reject a compressed response: none was requested, and 1 kB may expand to gigabytes. Raises AnswerInvalid."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise AnswerInvalid(
            f"{what}: {status} with the encoding {encoding[:40]!r}, which was not requested: did a proxy add it?",
            status=status,
            is_outcome_unknown=status < 300 or status >= 500,
            retry_after=retry_after(headers),
            is_passing=status in _PASSING,
        )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait that Retry-After asks for: a number, or a date, relative to the response's own date.
    None if it is neither."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            at, sent = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("date", ""))
            seconds = at.timestamp() - sent.timestamp()
        except (ValueError, OverflowError):  # not a date, or out of range
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def redacted(text: str) -> str:
    """Return the text with the secret parts of keys masked."""
    return _KEY.sub(r"\1_***", text)


def _json(answer: Answer, what: str) -> object:
    try:
        return loads(answer.body)
    except ValueError as error:
        raise AnswerInvalid(
            f"{what}: {answer.status} with invalid JSON ({counted(len(answer.body), 'byte')}): is the response "
            "incomplete?",
            status=answer.status,
            is_outcome_unknown=True,
            is_passing=True,
        ) from error


def _stranger(answer: Answer, what: str) -> AnswerInvalid:
    """Return the error for a response of a proxy, a captive portal or another service."""
    if 300 <= answer.status < 400:
        message = f"{what}: {answer.status}, a redirect; redirects are not followed: does the address point to the API?"
        return AnswerInvalid(message, status=answer.status)
    shown = redacted(" ".join(answer.body[:4096].decode("utf-8", "replace").split()))[:_SHOWN_CHARACTERS]
    kind = answer.media_type or "no media type"
    return AnswerInvalid(
        f"{what}: {answer.status} with {kind}, not a Kronos response: is it a proxy's? It begins: {shown!r}",
        status=answer.status,
        is_outcome_unknown=answer.status < 300 or answer.status >= 500,
        retry_after=retry_after(answer.headers),
        is_passing=answer.status in _PASSING,
    )


def _faults(errors: object) -> list[Fault]:
    return [
        Fault(
            pointer=str(each.get("pointer", "")),
            detail=redacted(str(each.get("detail", ""))),
            hint=_text_or_none(each.get("hint")),
        )
        for each in (errors if isinstance(errors, list) else ())
        if isinstance(each, dict)
    ]


def _text_or_none(value: object) -> str | None:
    return redacted(value) if isinstance(value, str) else None
