"""What stands in a page's address: as the API's queries, but as browsers write them."""

import re
from typing import Any

from pydantic import BaseModel, Field, model_validator

from kronos.api.fields import Time, WholeNumber
from kronos.api.query_schemas import ExecutionQuery, LetterQuery, LoadQuery

# <input type="datetime-local"> knows no zone: filters say that theirs are UTC.
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)


class Typed(BaseModel):
    """A form that is sent by GET sends its empty fields too: they are none. A time without a zone is UTC's."""

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, given: Any) -> Any:  # noqa: ANN401  # as pydantic passes it
        if not isinstance(given, dict):
            return given
        return {name: _timed(value) for name, value in given.items() if value not in ("", None)}


def _timed(value: object) -> object:
    if not isinstance(value, str) or not _LOCAL.fullmatch(value):
        return value
    return f"{value}:00Z" if len(value) == 16 else f"{value}Z"


class TypedExecutionQuery(Typed, ExecutionQuery):
    """Which executions."""


class TypedLetterQuery(Typed, LetterQuery):
    """Which dead letters."""


class TypedWindowQuery(Typed, LoadQuery):
    """How far ahead."""


class TypedLoadQuery(Typed, LoadQuery):
    """How far ahead; `at`: the minute whose jobs are shown; `spread`: over how many minutes after it they may go."""

    at: Time | None = None
    spread: WholeNumber = Field(default=10, ge=1, le=59)
