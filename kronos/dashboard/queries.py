"""The queries of pages: those of the API, in the form in which browsers send them."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kronos.api.fields import Time, WholeNumber
from kronos.api.query_schemas import ExecutionQuery, LetterQuery, LoadQuery

# <input type="datetime-local"> has no zone; the filters' labels say UTC.
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)


class Typed(BaseModel):
    """Drops the empty fields that a GET form sends, and reads a time without a zone as UTC."""

    model_config = ConfigDict(defer_build=True)

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
    """The filter of executions."""


class TypedLetterQuery(Typed, LetterQuery):
    """The filter of dead letters."""


class TypedWindowQuery(Typed, LoadQuery):
    """The window ahead."""


class TypedLoadQuery(Typed, LoadQuery):
    """The window ahead; `at`: the minute whose jobs are shown; `spread`: over how many following minutes to spread."""

    at: Time | None = None
    spread: WholeNumber = Field(default=10, ge=1, le=59)
