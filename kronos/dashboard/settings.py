"""The settings pages of a workspace: name, retention, suspension and deletion."""

from typing import Literal

from starlette.responses import Response

from kronos import deletions, errors, retention, workspaces
from kronos.api.call import Call
from kronos.api.dependencies import Instance, View
from kronos.api.schemas import RetentionPut, WorkspacePatch
from kronos.counting import counted
from kronos.dashboard import forms
from kronos.dashboard.documents import version_of
from kronos.dashboard.forms import FilledForm
from kronos.dashboard.page import Pages, done, shown
from kronos.database import WorkspaceView
from kronos.model import Role
from kronos.retention import Ages

pages = Pages()
_REFUSALS = (errors.InvalidRequest, errors.Unprocessable, errors.PreconditionFailed, errors.Forbidden, errors.Conflict)


@pages.get("/w/{w}/settings", needs=Role.VIEWER)
async def get_settings(call: Call, view: View) -> Response:
    """The workspace, and the settings that can be changed."""
    return await _shown(call, view)


@pages.post("/w/{w}/settings/name", needs=Role.ADMIN)
async def rename(call: Call, view: View) -> Response:
    """Change the display name, unless the workspace was changed in the meantime."""
    sent = await forms.sent(call)
    try:
        body = await call.judged(WorkspacePatch, sent.document(), lambda: workspaces.get(view))
        if body.name is None:
            raise errors.Unprocessable.of(errors.Fault(pointer="/name", detail="a name is required"))
        await workspaces.update(view, name=body.name, status=None, if_match={version_of(sent)})
    except errors.PreconditionFailed:
        now = f"the workspace meanwhile: its name is {(await workspaces.get(view)).name!r} now"
        return await _shown(call, view, name=sent.form.refused(_overtaken(now)))
    except _REFUSALS as error:
        return await _shown(call, view, name=sent.form.refused(error))
    return done(call, f"Workspace renamed to {body.name}.", *_here(call))


@pages.post("/w/{w}/settings/retention", needs=Role.ADMIN)
async def put_retention(call: Call, view: View) -> Response:
    """Set how long history is kept, unless that was changed in the meantime."""
    sent = await forms.sent(call)
    try:
        body = await call.judged(RetentionPut, sent.document())
        ages = Ages(success_days=body.success_days, failure_days=body.failure_days)
        await retention.put(view, ages, if_match={version_of(sent)})
    except errors.PreconditionFailed:
        kept = await retention.get(view)
        now = f"it meanwhile: successes are kept {counted(kept.success_days, 'day')} now, failures {kept.failure_days}"
        return await _shown(call, view, ages=sent.form.refused(_overtaken(now)))
    except _REFUSALS as error:
        return await _shown(call, view, ages=sent.form.refused(error))
    return done(call, "Retention saved.", *_here(call))


@pages.post("/w/{w}/settings/suspend", needs=Role.INSTANCE_ADMIN)
async def suspend(call: Call, view: View) -> Response:
    """Suspend the workspace: nothing in it runs. Safe to repeat."""
    return await _turned(call, view, "SUSPENDED", "is suspended: nothing in it runs")


@pages.post("/w/{w}/settings/resume", needs=Role.INSTANCE_ADMIN)
async def resume(call: Call, view: View) -> Response:
    """Resume the workspace. Safe to repeat."""
    return await _turned(call, view, "ACTIVE", "is resumed")


@pages.get("/w/{w}/delete", needs=Role.ADMIN)
async def get_deletion(call: Call, view: View) -> Response:
    """Show what would be deleted with the workspace."""
    return await _shown_deletion(call, view, FilledForm())


@pages.post("/w/{w}/delete", needs=Role.ADMIN)
async def delete(call: Call, view: View, instance: Instance) -> Response:
    """Delete the workspace and everything in it, if its name was typed."""
    sent = await forms.sent(call)
    try:
        workspace, operation = await deletions.begin(view, instance, confirm=sent.text("/confirm").strip())
    except _REFUSALS as error:
        return await _shown_deletion(call, view, sent.form.refused(error))
    said = f"Workspace {workspace.slug} is {'deleted' if operation is None else 'being deleted'}."
    if not call.caller.role.covers(Role.INSTANCE_ADMIN):
        return done(call, said, "sign-in")  # the key is deleted with the workspace
    if operation is None:
        return done(call, said, "w")
    return done(call, said, "system", "deletions", operation.operation_id, workspace=workspace.workspace_id)


def _overtaken(now: str) -> errors.PreconditionFailed:
    """Return the refusal of a form that was filled from older values."""
    return errors.PreconditionFailed(
        f"Someone else changed {now}. Nothing was saved. Open the settings again to start from there."
    )


async def _turned(call: Call, view: WorkspaceView, status: Literal["ACTIVE", "SUSPENDED"], said: str) -> Response:
    call.take(workspaces.TURN_SECONDS)
    found = await workspaces.update(view, name=None, status=status)
    left = f"; {found.jobs_left:,} of its jobs are still being updated" if found.jobs_left else ""
    return done(call, f"The workspace {said}{left}.", *_here(call))


async def _shown(
    call: Call, view: WorkspaceView, *, name: FilledForm | None = None, ages: FilledForm | None = None
) -> Response:
    workspace, kept = await workspaces.get(view), await retention.get(view)
    may_change = call.caller.role.covers(Role.ADMIN) and workspace.slug != workspaces.SYSTEM
    name = name or FilledForm.of({"name": workspace.name})
    ages = ages or FilledForm.of(
        {"success_days": kept.override.success_days, "failure_days": kept.override.failure_days}
    )
    return shown(
        call,
        "settings.html",
        max(name.status, ages.status),
        workspace=workspace,
        kept=kept,
        # neither form for a caller who may not change them
        name=name if may_change else None,
        ages=ages if may_change else None,
    )


async def _shown_deletion(call: Call, view: WorkspaceView, form: FilledForm) -> Response:
    found = await deletions.look(view)
    items = [(deletions.WORDS[kind], number) for kind, number in found.contents.items() if kind in deletions.WORDS]
    return shown(call, "delete_workspace.html", form.status, form=form, found=found, items=items)


def _here(call: Call) -> tuple[str, str, str]:
    return "w", call.path_params["w"], "settings"
