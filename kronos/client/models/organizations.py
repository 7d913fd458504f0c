"""What the API answers: organizations. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An owner of workspaces. `version` counts its changes."""

    organization_id: UUID
    slug: str
    name: str
    version: int
    created_at: datetime
