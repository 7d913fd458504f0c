"""Signed-in users: people, whose groups at an identity provider have roles in workspaces, and holders of keys."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from kronos import errors
from kronos.database import InstanceView, WorkspaceView
from kronos.keys import AdmittedKey
from kronos.model import Json, WorkspaceRole
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMapping:
    """The role of an identity provider's group in the workspace. People in several groups have the highest one."""

    mapping_id: UUID
    group: str
    role: WorkspaceRole
    sees_payloads: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedMapping:
    """The ID of a deleted mapping."""

    mapping_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedRole:
    """A person's role in a workspace."""

    workspace_id: UUID
    workspace: str
    role: WorkspaceRole
    sees_payloads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSignIn:
    """The ID of a new session."""

    sign_in_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSignIn:
    """Whether there was a session."""

    was_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A session, with the current roles of its person's groups, and that person's requests of the current minute."""

    sign_in_id: UUID
    subject: str
    email: str | None
    valid_seconds: float
    grants: Json
    quota: int | None
    granted: int
    left_over: int
    window_at: datetime
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedKeySignIn:
    """A new session of a key, and how long it lasts."""

    sign_in_id: UUID
    valid_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySession(AdmittedKey):
    """A key's session, with the key's current state. valid_seconds: until the first of both ends."""

    public_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInEnd:
    """Why a session ended. public_id: of its key; None: it was a person's."""

    public_id: str | None
    reason: Literal["revoked", "expired", "deleted", "over"]


_INSERT = statement("people.insert_mapping", RoleMapping)
_LIST = statement("people.list_mappings", RoleMapping)
_DELETE = statement("people.delete_mapping", DeletedMapping)
_GRANTED = statement("people.list_granted_roles", GrantedRole)
_OPEN = statement("people.insert_sign_in", OpenedSignIn)
_FIND = statement("people.find_sign_in", SignIn)
_END = statement("people.delete_sign_in", EndedSignIn)
_OPEN_OF_KEY = statement("people.insert_key_sign_in", OpenedKeySignIn)
_FIND_OF_KEY = statement("people.find_key_sign_in", KeySession)
_GET_END = statement("people.get_sign_in_end", SignInEnd)


async def map_group(view: WorkspaceView, group: str, role: WorkspaceRole, *, sees_payloads: bool) -> RoleMapping:
    """Give a group a role in the workspace. Raises WorkspaceNotFound, Conflict if it has one."""
    params = {"group_name": group, "role": role, "sees_payloads": sees_payloads}
    if (made := await view.one_or_none(_INSERT, params)) is None:
        raise errors.Conflict(f"the group {group!r} already has a role in this workspace: delete that mapping first")
    return made


async def list_mappings(view: WorkspaceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[RoleMapping]:
    """Return up to `limit` mappings of the workspace, newest first, after the position `before`."""
    created_at, mapping_id = before or (None, None)
    return await view.rows(_LIST, {"limit": limit, "before_created_at": created_at, "before_id": mapping_id})


async def unmap(view: WorkspaceView, mapping_id: UUID) -> None:
    """Remove a group's role, also in a suspended workspace. Raises WorkspaceNotFound, MappingNotFound."""
    if await view.even_suspended.one_or_none(_DELETE, {"mapping_id": mapping_id}) is None:
        raise errors.MappingNotFound(f"no role mapping {mapping_id}")


async def granted_roles(view: InstanceView, groups: list[str]) -> list[GrantedRole]:
    """Return the roles of people in these groups. Raises KronosError."""
    return await view.rows(_GRANTED, {"groups": groups})


async def sign_in(
    view: InstanceView, digest: bytes, *, subject: str, email: str | None, groups: list[str], lasts: timedelta
) -> UUID:
    """Open a session, identified by its secret's digest. Raises KronosError."""
    params = {"digest": digest, "subject": subject, "email": email, "groups": groups, "lasts": lasts}
    (opened,) = await view.rows(_OPEN, params)
    return opened.sign_in_id


async def find(view: InstanceView, digest: bytes, wanted: int) -> SignIn | None:
    """Return the session, with up to `wanted` requests; None if it was ended or has expired. Raises KronosError."""
    return await view.one_or_none(_FIND, {"digest": digest, "wanted": wanted})


async def sign_out(view: InstanceView, digest: bytes) -> bool:
    """End a session; return whether there was one. Raises KronosError."""
    (ended,) = await view.rows(_END, {"digest": digest})
    return ended.was_open


async def sign_in_with_key(view: InstanceView, digest: bytes, *, key_id: UUID, lasts: timedelta) -> float | None:
    """Open a session for a key's holder, and return its length in seconds, at most the key's own; None: the key no
    longer works. A key keeps only its newest hundred sessions. Raises KronosError."""
    opened = await view.one_or_none(_OPEN_OF_KEY, {"digest": digest, "key_id": key_id, "lasts": lasts})
    return None if opened is None else opened.valid_seconds


async def find_of_key(view: InstanceView, digest: bytes, wanted: int) -> KeySession | None:
    """Return the key's session, with up to `wanted` requests; None if it was ended or has expired, or its key no longer
    works. Raises KronosError."""
    return await view.one_or_none(_FIND_OF_KEY, {"digest": digest, "wanted": wanted})


async def end_of(view: InstanceView, digest: bytes) -> SignInEnd | None:
    """Return why the session ended; None if that is not known, or if it never existed. Raises KronosError."""
    return await view.one_or_none(_GET_END, {"digest": digest})
