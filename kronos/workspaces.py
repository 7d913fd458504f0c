"""What can be done to a workspace. Each operation is one statement, or one transaction in one round trip."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from kronos import errors
from kronos.database import InstanceView, WorkspaceView
from kronos.model import Workspace
from kronos.sql import statement

SYSTEM = "kronos-system"  # the workspace of the internal jobs
TURN_SECONDS = 60
"""What suspending or resuming may take: a thousand jobs take 0.4 s, ten thousand more than a request has otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """How long the transaction's next statements may take."""

    statement_timeout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """How many pg_cron entries were removed or registered as a workspace's status turned."""

    entries: int


_INSERT = statement("workspaces.insert_workspace", Workspace)
_GET = statement("workspaces.get_workspace", Workspace)
_LIST = statement("workspaces.list_workspaces", Workspace)
_UPDATE = statement("workspaces.update_workspace", Workspace)
_ALLOW = statement("workspaces.allow_longer", Allowed)
_SUSPEND = statement("workspaces.suspend_workspace", Turned)
_RESUME = statement("workspaces.resume_workspace", Turned)
_DELETE = statement("workspaces.delete_workspace", Workspace)


async def create(view: InstanceView, *, slug: str, name: str) -> Workspace:
    """A new workspace. Raises Conflict when the slug is taken."""
    if (workspace := await view.one_or_none(_INSERT, {"slug": slug, "name": name})) is None:
        raise errors.Conflict(
            f"the slug {slug!r} is taken",
            faults=(errors.Fault(pointer="/slug", detail="another workspace has this slug", hint="choose another slug"),),
        )
    return workspace


async def get(view: WorkspaceView) -> Workspace:
    """The workspace. Raises WorkspaceNotFound."""
    (workspace,) = await view.rows(_GET, {"workspace": view.workspace})
    return workspace


async def list_page(view: InstanceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[Workspace]:
    """Up to `limit` workspaces, newest first, after the position `before`."""
    created_at, workspace_id = before or (None, None)
    return await view.rows(_LIST, {"limit": limit, "before_created_at": created_at, "before_id": workspace_id})


async def update(view: WorkspaceView, *, name: str | None, status: Literal["ACTIVE", "SUSPENDED"] | None) -> Workspace:
    """Rename, suspend or resume: the row, the jobs' ticks up to now and their pg_cron entries, all or nothing.

    Raises WorkspaceNotFound, Forbidden, PgCronUnavailable, DatabaseUnavailable.
    """
    _refuse_system(view)
    params = {"name": name, "timeout": f"{TURN_SECONDS}s"}
    if status is None:
        (workspace,) = await view.rows(_UPDATE, params)
        return workspace
    _, _, (workspace,) = await view.prepare_write_read(_ALLOW, _SUSPEND if status == "SUSPENDED" else _RESUME, _UPDATE, params)
    return workspace


async def delete(view: WorkspaceView) -> Workspace:
    """Delete an empty workspace. Raises WorkspaceNotFound, Forbidden, Conflict while it has live jobs."""
    _refuse_system(view)
    present = await get(view)
    if (workspace := await view.one_or_none(_DELETE, {"workspace_id": present.workspace_id})) is None:
        raise errors.Conflict(f"workspace {present.slug} still has ACTIVE or PAUSED jobs: delete them first")
    return workspace


def _refuse_system(view: WorkspaceView) -> None:
    if view.workspace == SYSTEM:
        raise errors.Forbidden(f"the workspace {SYSTEM} belongs to Kronos itself: it can be read, not changed")
