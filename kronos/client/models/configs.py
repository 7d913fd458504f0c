"""What the API answers: configs. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A named JSON object, whose values are available to the templates of the endpoints that name it."""

    config_id: UUID
    workspace: str
    name: str
    version: int
    values: dict[str, Any]
    created_at: datetime
    updated_at: datetime
