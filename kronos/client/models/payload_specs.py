"""What the API answers: payload specs. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadSpec:
    """A JSON Schema (2020-12) that validates the inputs of jobs whose endpoints name it."""

    payload_spec_id: UUID
    workspace: str
    name: str
    version: int
    schema: dict[str, Any] | bool
    created_at: datetime
    updated_at: datetime
