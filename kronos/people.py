"""Who is signed in: people, whose groups at an identity provider have roles in workspaces, and who holds a key."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from kronos import errors
from kronos.database import InstanceView, WorkspaceView
from kronos.keys import AdmittedKey
from kronos.model import Json, WorkspaceRole
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMapping:
    """What people of a group of the identity provider's may in the workspace; of several groups the most."""

    mapping_id: UUID
    group: str
    role: WorkspaceRole
    sees_payloads: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedMapping:
    """The id of a mapping that there was."""

    mapping_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedRole:
    """What somebody may in a workspace."""

    workspace_id: UUID
    workspace: str
    role: WorkspaceRole
    sees_payloads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSignIn:
    """The id of a session that was opened."""

    sign_in_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSignIn:
    """Whether there was a session."""

    was_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A session, with the roles of its person's groups as they are now, and requests of its person's minute."""

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
    """A session of a key that was opened, and how long it lasts."""

    sign_in_id: UUID
    valid_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySession(AdmittedKey):
    """A session of a key, as the key is now. valid_seconds: until either ends."""

    public_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInEnd:
    """Why a session is none any more. public_id: of its key; None: it was a person's."""

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
    """Give a group a role in the workspace. Raises WorkspaceNotFound, Conflict where it has one."""
    params = {"group_name": group, "role": role, "sees_payloads": sees_payloads}
    if (made := await view.one_or_none(_INSERT, params)) is None:
        raise errors.Conflict(f"the group {group!r} has a role in this workspace: delete that mapping first")
    return made


async def list_mappings(view: WorkspaceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[RoleMapping]:
    """Up to `limit` mappings of the workspace, newest first, after the position `before`."""
    created_at, mapping_id = before or (None, None)
    return await view.rows(_LIST, {"limit": limit, "before_created_at": created_at, "before_id": mapping_id})


async def unmap(view: WorkspaceView, mapping_id: UUID) -> None:
    """Take a group's role, in a suspended workspace too. Raises WorkspaceNotFound, MappingNotFound."""
    if await view.even_suspended.one_or_none(_DELETE, {"mapping_id": mapping_id}) is None:
        raise errors.MappingNotFound(f"no role mapping {mapping_id}")


async def granted_roles(view: InstanceView, groups: list[str]) -> list[GrantedRole]:
    """What people of these groups may. Raises KronosError."""
    return await view.rows(_GRANTED, {"groups": groups})


async def sign_in(
    view: InstanceView, digest: bytes, *, subject: str, email: str | None, groups: list[str], lasts: timedelta
) -> UUID:
    """Open a session, which its secret's digest finds. Raises KronosError."""
    params = {"digest": digest, "subject": subject, "email": email, "groups": groups, "lasts": lasts}
    (opened,) = await view.rows(_OPEN, params)
    return opened.sign_in_id


async def find(view: InstanceView, digest: bytes, wanted: int) -> SignIn | None:
    """The session, with up to `wanted` requests; None where it was ended, or has expired. Raises KronosError."""
    return await view.one_or_none(_FIND, {"digest": digest, "wanted": wanted})


async def sign_out(view: InstanceView, digest: bytes) -> bool:
    """End a session; whether there was one. Raises KronosError."""
    (ended,) = await view.rows(_END, {"digest": digest})
    return ended.was_open


async def sign_in_with_key(view: InstanceView, digest: bytes, *, key_id: UUID, lasts: timedelta) -> float | None:
    """Open a session of who holds a key; how many seconds it lasts: no longer than the key. None: that works no longer.
    Of one key the newest hundred last. Raises KronosError."""
    opened = await view.one_or_none(_OPEN_OF_KEY, {"digest": digest, "key_id": key_id, "lasts": lasts})
    return None if opened is None else opened.valid_seconds


async def find_of_key(view: InstanceView, digest: bytes, wanted: int) -> KeySession | None:
    """The session of a key, with up to `wanted` requests of it; None where it was ended or is over, or its key works no
    longer. Raises KronosError."""
    return await view.one_or_none(_FIND_OF_KEY, {"digest": digest, "wanted": wanted})


async def end_of(view: InstanceView, digest: bytes) -> SignInEnd | None:
    """Why the session is none any more; None where nobody knows, or it never was one. Raises KronosError."""
    return await view.one_or_none(_GET_END, {"digest": digest})
