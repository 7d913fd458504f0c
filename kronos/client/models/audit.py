"""What the API answers: audit. Made by bin/client out of the API's document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One change. `before` and `after` hold what was changed, with an input as its SHA-256 and size.
    `number` and `hash` are its place in the chain of its workspace or of the instance; null until it
    is sealed, seconds later. `source`: "apply" if it came from applied files."""

    audit_id: UUID
    workspace: str | None
    at: datetime
    actor: str
    key_id: str | None
    address: str | None
    request_id: str | None
    database_user: str
    action: str
    object_type: str
    object_id: str
    object: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    number: int | None
    hash: str | None
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The last row that retention removed from the beginning of a chain."""

    number: int
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """The last sealed row of a chain. A copy of its number and hash, kept elsewhere, can prove later that
    nothing up to it was changed. `pending`: rows that are not sealed yet."""

    workspace: str | None
    number: int
    hash: str | None
    sealed_at: datetime | None
    pending: int
    cut: Cut | None
