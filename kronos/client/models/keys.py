"""What the API answers: keys. Made by bin/client out of the API's document."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos.client.bodies.words import WorkspaceRole, WorkspaceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The caller's role in a workspace. Without a workspace: its role in the instance."""

    workspace: str | None
    role: Literal["viewer", "operator", "admin", "instance_admin"]
    sees_payloads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """The caller and its permissions. `kind`: key, by the Authorization header, or session, by the sign-in
    cookie."""

    kind: Literal["key", "session"]
    actor: str
    email: str | None
    grants: list[Grant]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key as it is shown once, to its creator."""

    key_id: UUID
    public_id: str
    name: str | None
    role: WorkspaceRole
    sees_payloads: bool
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    last_used_at: datetime | None
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceHealth:
    """What needs attention in a workspace. overdue_jobs: due for longer than catch-up allows;
    failing_endpoints: their last attempts failed, or they are slowed or disabled; dead_letters:
    counted up to 1,000."""

    workspace: str
    name: str
    status: WorkspaceStatus
    overdue_jobs: int
    failing_endpoints: int
    dead_letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWorkspaces:
    """Workspaces of the caller, by slug. For a key of the instance: the newest ones."""

    data: list[WorkspaceHealth]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMapping:
    """The role of an identity provider's group in the workspace. People in several groups have the highest
    one."""

    mapping_id: UUID
    group: str
    role: WorkspaceRole
    sees_payloads: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceKey:
    """A key of a workspace, without its secret. `created_by`: the public ID of the key that created it.
    `last_used_at` is accurate to a minute."""

    key_id: UUID
    public_id: str
    name: str | None
    role: WorkspaceRole
    sees_payloads: bool
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    last_used_at: datetime | None
