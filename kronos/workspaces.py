"""Operations on a workspace. Each is one statement, or one transaction in one round trip.

A suspension or resumption only writes the workspace's row. Its jobs follow in separate transactions.
"""

import asyncio
import time
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from kronos import errors, organizations
from kronos.database import InstanceView, WorkspaceView
from kronos.lines import Log
from kronos.model import Workspace, WorkspaceStatus
from kronos.records import dataclass
from kronos.sql import statement

_log = Log("kronos.api")
SYSTEM = "kronos-system"  # the workspace of the internal jobs
TURN_SECONDS = 30
"""The time limit of a request that suspends or resumes: longer than that of others."""
_FOLLOW_SECONDS = 20.0
"""How long a request moves the workspace's jobs along, some thousands a second; workers and the reaper continue."""
_AGAIN_SECONDS = 0.02
_TRIES = 50
"""After this many steps in a row without work it stops: another session holds what is left."""


class Limit(NamedTuple):
    """How many of a workspace's deliveries may be in progress at the same time; None: any number."""

    max_concurrency: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedWorkspace:
    """The version that a change is meant for; None: any."""

    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A workspace was suspended or resumed, or already was. The number is for the previous release."""

    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How many jobs a step moved, 0 if nothing can be done at the moment; and how many still have to follow their
    workspace."""

    done: int
    jobs_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceHealth:
    """What needs attention in a workspace. overdue_jobs: due for longer than catch-up allows; failing_endpoints: their
    last attempts failed, or they are slowed or disabled; dead_letters: counted up to 1,000."""

    workspace: str
    name: str
    status: WorkspaceStatus
    overdue_jobs: int
    failing_endpoints: int
    dead_letters: int


_INSERT = statement("workspaces.insert_workspace", Workspace)
GET = statement("workspaces.get_workspace", Workspace)
_LIST = statement("workspaces.list_workspaces", Workspace)
_HEALTH = statement("workspaces.list_health", WorkspaceHealth)
_UPDATE = statement("workspaces.update_workspace", Workspace)
_RENAME = statement("workspaces.rename_workspace", Workspace)
MATCH = statement("workspaces.match_workspace", MatchedWorkspace)
_SUSPEND = statement("workspaces.suspend_workspace", Turned)
_RESUME = statement("workspaces.resume_workspace", Turned)
_TURN_FURTHER = statement("workspaces.turn_further", Following)


async def create(
    view: InstanceView,
    *,
    slug: str,
    name: str,
    max_concurrency: int | None = None,
    organization: str | None = None,
) -> Workspace:
    """Create a workspace. Raises Conflict if the slug is taken, Unprocessable if there is no such organization."""
    params = {"slug": slug, "name": name, "max_concurrency": max_concurrency, "organization": organization}
    if organization is not None:  # organizations are never deleted
        await _require_organization(view, organization)
    if (workspace := await view.one_or_none(_INSERT, params)) is None:
        raise errors.Conflict(
            f"the slug {slug!r} is taken",
            faults=(
                errors.Fault(pointer="/slug", detail="another workspace has this slug", hint="Choose another slug."),
            ),
        )
    return workspace


async def _require_organization(view: InstanceView, slug: str) -> None:
    try:
        await organizations.get(view, slug)
    except errors.OrganizationNotFound as error:
        fault = errors.Fault(pointer="/organization", detail=error.detail, hint="Create the organization first.")
        raise errors.Unprocessable.of(fault) from None


async def get(view: WorkspaceView) -> Workspace:
    """Return the workspace. Raises WorkspaceNotFound."""
    return _present(view, await view.rows(GET, {"workspace": view.workspace}))


async def list_page(
    view: InstanceView, *, limit: int, before: tuple[datetime, UUID] | None, organization: str | None = None
) -> list[Workspace]:
    """Return up to `limit` workspaces, of an organization or all, newest first, after the position `before`."""
    created_at, workspace_id = before or (None, None)
    params = {"limit": limit, "before_created_at": created_at, "before_id": workspace_id}
    return await view.rows(_LIST, {**params, "organization": organization})


async def health(view: InstanceView, workspace_ids: Collection[UUID]) -> dict[str, WorkspaceHealth]:
    """Return the health of these workspaces by slug, without those that do not exist. Raises DatabaseUnavailable."""
    found = await view.rows(_HEALTH, {"workspace_ids": list(workspace_ids)})
    return {each.workspace: each for each in found}


async def update(
    view: WorkspaceView,
    *,
    name: str | None,
    status: Literal["ACTIVE", "SUSPENDED"] | None,
    limit: Limit | None = None,
    if_match: Collection[int] | None = None,
) -> Workspace:
    """Rename, limit, suspend or resume. The row changes immediately; then its jobs follow until this call's time is up
    (`jobs_left`).

    Raises WorkspaceNotFound, Forbidden, PreconditionFailed, DatabaseUnavailable: nothing was changed.
    """
    refuse_system(view)
    view = view.even_suspended
    params = {
        "workspace": view.workspace,
        "name": name,
        "is_limited": limit is not None,
        "max_concurrency": limit.max_concurrency if limit is not None else None,
        "if_match": _listed(if_match),
    }
    if status is None:
        updated, found = await view.write_then_read(_UPDATE, params, GET, params)
        if not updated and found and if_match is not None and found[0].version not in if_match:
            raise errors.PreconditionFailed(
                f"the workspace is at version {found[0].version}, which If-Match does not name"
            )
        return _present(view, found if updated else [])
    turn = _SUSPEND if status == "SUSPENDED" else _RESUME
    _, _, updated = await view.prepare_write_read(MATCH, turn, _RENAME, params)
    workspace = _present(view, updated)
    return replace(workspace, jobs_left=await _follow(view, workspace.jobs_left))


async def _follow(view: WorkspaceView, jobs_left: int) -> int:
    """Let the workspace's jobs follow it, step by step. Returns how many are left to the workers and the reaper.

    An error here does not fail the request: the workspace itself has changed.
    """
    until, tries = time.monotonic() + _FOLLOW_SECONDS, 0
    while jobs_left > 0 and tries < _TRIES and time.monotonic() < until:
        try:
            (step,) = await view.rows(_TURN_FURTHER, {})
        except errors.KronosError as error:
            _log.warning(
                "workspace.follows_later",
                "jobs of workspace %s will follow it later: %s",
                view.workspace,
                error,
                workspace=view.workspace,
            )
            break
        jobs_left = step.jobs_left
        tries = 0 if step.done else tries + 1
        if tries and jobs_left:
            await asyncio.sleep(_AGAIN_SECONDS)
    return jobs_left


def _present(view: WorkspaceView, found: list[Workspace]) -> Workspace:
    """Return the only row; empty means that the workspace was deleted after the transaction had entered it. Raises
    WorkspaceNotFound."""
    if not found:
        raise _not_found(view)
    return found[0]


def _listed(versions: Collection[int] | None) -> list[int] | None:
    return None if versions is None else list(versions)


def _not_found(view: WorkspaceView) -> errors.WorkspaceNotFound:
    return errors.WorkspaceNotFound.of(view.workspace)


def refuse_system(view: WorkspaceView) -> None:
    """Check that the workspace is not Kronos's own. Raises Forbidden."""
    if view.workspace == SYSTEM:
        raise errors.Forbidden(f"workspace {SYSTEM} belongs to Kronos: it can be read but not changed")
