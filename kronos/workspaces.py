"""What can be done to a workspace. Each operation is one statement, or one transaction in one round trip."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kronos import errors
from kronos.database import InstanceView, WorkspaceView
from kronos.model import Workspace, WorkspaceStatus
from kronos.sql import statement

SYSTEM = "kronos-system"  # the workspace of the internal jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsResumed:
    """How many jobs had ticks while their workspace was suspended."""

    jobs: int


_INSERT = statement("workspaces.insert_workspace", Workspace)
_GET = statement("workspaces.get_workspace", Workspace)
_LIST = statement("workspaces.list_workspaces", Workspace)
_UPDATE = statement("workspaces.update_workspace", Workspace)
_RESUME_JOBS = statement("workspaces.resume_jobs", JobsResumed)
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


async def update(view: WorkspaceView, *, name: str | None, status: WorkspaceStatus | None) -> Workspace:
    """Rename, suspend or resume. The ticks of a suspension are recorded as skipped when it ends. Raises WorkspaceNotFound, Forbidden."""
    _refuse_system(view)
    params = {"workspace": view.workspace, "name": name, "status": status}
    if status == "ACTIVE":
        present = await get(view)
        _, (workspace,) = await view.write_then_read(_RESUME_JOBS, {"workspace_id": present.workspace_id}, _UPDATE, params)
        return workspace
    (workspace,) = await view.rows(_UPDATE, params)
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
