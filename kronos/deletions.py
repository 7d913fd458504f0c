"""Delete a workspace with everything in it. It disappears for all callers immediately; its rows are deleted after the
request, in steps (kronos.delete_some) that the workers' upkeep and the reaper take."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from kronos import errors, workspaces
from kronos.database import InstanceView, WorkspaceView
from kronos.model import BulkOperation, JsonObject, Workspace
from kronos.records import dataclass
from kronos.sql import statement

_STEPS_AT_ONCE = 12
"""Enough steps to delete an empty workspace within the request: one per phase, and some more."""
WORDS = {
    "live_jobs": ("ACTIVE or PAUSED job", "ACTIVE or PAUSED jobs"),
    "jobs": ("job, all versions", "jobs, all versions"),
    "unfinished_executions": ("unfinished execution", "unfinished executions"),
    "finished_executions": ("finished execution", "finished executions"),
    "dead_letters": ("dead letter", "dead letters"),
    "backfills": ("backfill", "backfills"),
    "endpoints": ("endpoint", "endpoints"),
    "configs": ("config", "configs"),
    "payload_specs": ("payload spec", "payload specs"),
    "calendars": ("calendar", "calendars"),
    "secrets": ("secret", "secrets"),
    "heartbeats": ("heartbeat", "heartbeats"),
    "alert_rules": ("alert rule", "alert rules"),
    "sql_grants": ("role that creates jobs by SQL", "roles that create jobs by SQL"),
    "keys": ("valid key", "valid keys"),
    "role_mappings": ("group with a role in it", "groups with a role in it"),
}
"""What a workspace may hold, in singular and plural."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What would be deleted with a workspace. Each kind is counted up to `counted_up_to`."""

    workspace: str
    is_empty: bool
    counted_up_to: int
    contents: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunDeletion:
    """The operation that deletes the workspace, or None; and what is or was in it (None: it no longer exists)."""

    operation_id: UUID | None
    contents: JsonObject | None
    is_empty: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOfDeletion:
    """Whether the next step can follow immediately."""

    goes_on: bool


_BEGIN = statement("workspaces.begin_deletion", BegunDeletion)
_STEP = statement("workspaces.run_deletion", StepOfDeletion)
_FIND = statement("workspaces.get_deletion", BulkOperation)
COUNTED_UP_TO = 100_000


async def look(view: WorkspaceView) -> Contents:
    """Return what would be deleted. Raises WorkspaceNotFound, Forbidden."""
    workspaces.refuse_system(view)
    view = view.even_suspended
    params = {"workspace": view.workspace, "if_match": None, "confirm": None, "is_trial": True}
    _, workspace, (found,) = await view.prepare_write_read(workspaces.MATCH, workspaces.GET, _BEGIN, params)
    if not workspace or found.contents is None:
        raise _not_found(view)
    return Contents(
        workspace=workspace[0].slug,
        is_empty=bool(found.is_empty),
        counted_up_to=COUNTED_UP_TO,
        contents=found.contents,
    )


async def begin(
    view: WorkspaceView, instance: InstanceView, *, confirm: str | None, if_match: Collection[int] | None = None
) -> tuple[Workspace, BulkOperation | None]:
    """Delete the workspace. Return it and the operation, which continues after the call; None: it was empty and is
    gone.

    Raises WorkspaceNotFound, Forbidden, PreconditionFailed; Conflict if it is not empty and `confirm` is not given;
    Unprocessable if `confirm` is neither its slug nor its name.
    """
    workspaces.refuse_system(view)
    view = view.even_suspended
    params = {
        "workspace": view.workspace,
        "if_match": None if if_match is None else list(if_match),
        "confirm": confirm,
        "is_trial": False,
    }
    _, found, (begun,) = await view.prepare_write_read(workspaces.MATCH, workspaces.GET, _BEGIN, params)
    if not found or begun.contents is None:
        raise _not_found(view)
    workspace = replace(found[0], status="DELETED")
    if begun.operation_id is None:
        raise _unconfirmed(workspace, confirm, begun.contents)
    if begun.is_empty:
        await _go_on(instance, begun.operation_id)
    operation = await get(instance, str(workspace.workspace_id), begun.operation_id)
    return workspace, None if begun.is_empty and operation.status == "COMPLETED" else operation


async def get(instance: InstanceView, workspace: str, operation_id: UUID) -> BulkOperation:
    """Return the deletion of a workspace, by its former slug or its id, even once the workspace is gone. Raises
    OperationNotFound."""
    found = await instance.one_or_none(_FIND, {"workspace": workspace, "operation_id": operation_id})
    if found is None:
        raise errors.OperationNotFound(f"no operation {operation_id} in workspace {workspace}")
    return found


async def _go_on(instance: InstanceView, operation_id: UUID) -> None:
    """Take a deletion's steps, usually to its end. The workers and the reaper take those that are left."""
    for _ in range(_STEPS_AT_ONCE):
        (step,) = await instance.rows(_STEP, {"operation_id": operation_id})
        if not step.goes_on:
            break


def _not_found(view: WorkspaceView) -> errors.WorkspaceNotFound:
    return errors.WorkspaceNotFound.of(view.workspace)


def _unconfirmed(workspace: Workspace, confirm: str | None, contents: JsonObject) -> errors.KronosError:
    there = ", ".join(
        f"{number}{' or more' if number >= COUNTED_UP_TO else ''} {words[number != 1]}"
        for kind, words in WORDS.items()
        if (number := contents.get(kind))
    )
    hint = f"Confirm with its slug, {workspace.slug}. validate_only (--dry-run) only counts what would be deleted."
    if confirm is None:
        detail = f"workspace {workspace.slug} still has {there}: all of this is deleted with it"
        fault = errors.Fault(pointer="/confirm", detail="the workspace's slug or name must be repeated", hint=hint)
        return errors.Conflict(detail, faults=(fault,))
    fault = errors.Fault(
        pointer="/confirm", detail=f"{confirm[:80]!r} is neither the workspace's slug nor its name", hint=hint
    )
    return errors.Unprocessable(f"workspace {workspace.slug} was not deleted: {fault.detail}", faults=(fault,))
