"""Operations on a workspace's keys: create, list, rotate, revoke. Secrets are not stored, and are shown only once."""

from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from kronos import errors, keys
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.model import WorkspaceKey, WorkspaceRole
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey(WorkspaceKey):
    """A key as it is shown once, to its creator."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """The properties of a new key."""

    role: WorkspaceRole
    name: str | None
    sees_payloads: bool
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryJudged:
    """Whether an instant is in the past."""

    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Whether there is such a key."""

    is_revoked: bool


_INSERT = statement("keys.insert_workspace_key", WorkspaceKey)
_JUDGE = statement("keys.get_expiry", ExpiryJudged)
_LIST = statement("keys.list_workspace_keys", WorkspaceKey)
_ROTATE = statement("keys.replace_workspace_key", WorkspaceKey)
_REVOKE = statement("keys.delete_workspace_key", Revocation)


async def create(view: WorkspaceView, terms: KeyTerms, *, created_by: str) -> NewKey:
    """Create a key. Raises WorkspaceNotFound, Unprocessable, Conflict if there are too many."""
    text, given = keys.new()
    params = {
        "public_id": given.public_id,
        "digest": given.digest,
        "role": terms.role,
        "name": terms.name,
        "sees_payloads": terms.sees_payloads,
        "expires_at": terms.expires_at,
        "created_by": created_by,
    }
    made = await view.one_or_none(_INSERT, params)
    if made is not None:
        return NewKey(**asdict(made), key=text)
    raise _over()


async def list_page(view: WorkspaceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[WorkspaceKey]:
    """Return up to `limit` keys that were not revoked, newest first, after the position `before`."""
    created_at, key_id = before or (None, None)
    return await view.rows(_LIST, {"limit": limit, "before_created_at": created_at, "before_id": key_id})


async def rotate(
    view: WorkspaceView, key_id: UUID, *, overlap: timedelta, expires_at: datetime | None, created_by: str
) -> NewKey:
    """Create a key that replaces a working one, which ends after the overlap. Raises WorkspaceNotFound, KeyNotFound,
    Unprocessable, Conflict if there are too many."""
    await _require_ahead(view, expires_at)
    text, given = keys.new()
    params = {
        "key_id": key_id,
        "public_id": given.public_id,
        "digest": given.digest,
        "overlap": overlap,
        "expires_at": expires_at,
        "created_by": created_by,
    }
    if (made := await view.one_or_none(_ROTATE, params)) is None:
        raise errors.KeyNotFound(f"no working key {key_id}")
    return NewKey(**asdict(made), key=text)


async def revoke(view: WorkspaceView, key_id: UUID) -> None:
    """Revoke a key. Safe to repeat. Raises WorkspaceNotFound, KeyNotFound."""
    (revocation,) = await view.even_suspended.rows(_REVOKE, {"key_id": key_id})
    if not revocation.is_revoked:
        raise errors.KeyNotFound(f"no key {key_id}")


async def _require_ahead(view: WorkspaceView, expires_at: datetime | None) -> None:
    if expires_at is None:
        return
    (judged,) = await view.rows(_JUDGE, {"expires_at": expires_at})
    if judged.is_over:
        raise _over()


def _over() -> errors.Unprocessable:
    fault = Fault(pointer="/expires_at", detail="it is in the past", hint="Give a future instant.")
    return errors.Unprocessable.of(fault)
