"""What the API answers: problems. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemFault:
    """A problem with one field of the input."""

    pointer: str
    detail: str
    hint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error (RFC 9457). `errors` is only present for invalid input, `pg_sqlstate` only if PostgreSQL gave
    one, `quota` and its numbers only if a quota is exceeded."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemFault] | None
    quota: str | None
    used: int | None
    limit: int | None
    asked: int | None
    resets_at: datetime | None
    pg_sqlstate: str | None
