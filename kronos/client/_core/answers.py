"""What was answered, judged: a model's JSON, or the error that it is."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from kronos.client._core.decoding import loads
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
    """Status, headers (names in lower case) and body of an answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """application/json, or what it says it is."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def judged(answer: Answer, what: str) -> object:
    """The JSON of an answer that is a success; None where it has none. Raises ApiError, AnswerInvalid."""
    if 200 <= answer.status < 300:
        if answer.status == 204:
            return None
        if answer.media_type != "application/json":
            raise _stranger(answer, what)
        return _json(answer, what)
    raise refused(answer, what)


def refused(answer: Answer, what: str) -> ApiError | AnswerInvalid:
    """The error that an answer is."""
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
    """Nothing is decompressed: it was asked for as it is, and a kilobyte can hold gigabytes. Raises AnswerInvalid."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise AnswerInvalid(
            f"{what}: {status} in the encoding {encoding[:40]!r}, which was not asked for: a proxy's?",
            status=status,
            is_outcome_unknown=status < 300 or status >= 500,
            retry_after=retry_after(headers),
            is_passing=status in _PASSING,
        )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the answer asks to wait: of a number, or of a date, which counts from the answer's own. None where
    it says neither."""
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            at, sent = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("date", ""))
            seconds = at.timestamp() - sent.timestamp()
        except (ValueError, OverflowError):  # no date, or one of no year that there is
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def redacted(text: str) -> str:
    """The text without what a key has secret."""
    return _KEY.sub(r"\1_***", text)


def _json(answer: Answer, what: str) -> object:
    try:
        return loads(answer.body)
    except ValueError as error:
        raise AnswerInvalid(
            f"{what}: {answer.status} with what should be JSON and is not ({len(answer.body)} bytes): half an answer?",
            status=answer.status,
            is_outcome_unknown=True,
            is_passing=True,
        ) from error


def _stranger(answer: Answer, what: str) -> AnswerInvalid:
    """A proxy's page, a captive portal's, another service's."""
    if 300 <= answer.status < 400:
        message = f"{what}: {answer.status}, a redirection, which is not followed: is the address the API's own?"
        return AnswerInvalid(message, status=answer.status)
    shown = redacted(" ".join(answer.body[:4096].decode("utf-8", "replace").split()))[:_SHOWN_CHARACTERS]
    kind = answer.media_type or "no media type"
    return AnswerInvalid(
        f"{what}: {answer.status} with {kind}, which is no answer of Kronos's: a proxy's? It begins: {shown!r}",
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
