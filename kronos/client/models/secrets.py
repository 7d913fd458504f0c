"""What the API answers: secrets. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret, without its value. `version` counts the values that it has had."""

    name: str
    version: int
    created_at: datetime
    updated_at: datetime
