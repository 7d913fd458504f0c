"""A workspace's own settings: its name, its retention, its suspension, and its end."""

from typing import Literal

from starlette.responses import Response

from kronos import deletions, errors, retention, workspaces
from kronos.api.call import Call
from kronos.api.dependencies import Instance, View
from kronos.api.schemas import RetentionPut, WorkspacePatch
from kronos.dashboard import forms
from kronos.dashboard.forms import FilledForm
from kronos.dashboard.page import Pages, done, shown
from kronos.database import WorkspaceView
from kronos.model import Role
from kronos.retention import Ages

pages = Pages()
_REFUSALS = (errors.Unprocessable, errors.PreconditionFailed, errors.Forbidden, errors.Conflict)


@pages.get("/w/{w}/settings", needs=Role.VIEWER)
async def get_settings(call: Call, view: View) -> Response:
    """The workspace, and what of it can be changed."""
    return await _shown(call, view)


@pages.post("/w/{w}/settings/name", needs=Role.ADMIN)
async def rename(call: Call, view: View) -> Response:
    """Give it another name for people."""
    sent = await forms.sent(call)
    try:
        body = await call.judged(WorkspacePatch, sent.document(), lambda: workspaces.get(view))
        if body.name is None:
            raise errors.Unprocessable.of(errors.Fault(pointer="/name", detail="it needs a name"))
        await workspaces.update(view, name=body.name, status=None)
    except _REFUSALS as error:
        return await _shown(call, view, name=sent.form.refused(error))
    return done(call, f"The workspace is named {body.name}.", *_here(call))


@pages.post("/w/{w}/settings/retention", needs=Role.ADMIN)
async def put_retention(call: Call, view: View) -> Response:
    """How long its history is kept."""
    sent = await forms.sent(call)
    try:
        body = await call.judged(RetentionPut, sent.document())
        await retention.put(view, Ages(success_days=body.success_days, failure_days=body.failure_days))
    except _REFUSALS as error:
        return await _shown(call, view, ages=sent.form.refused(error))
    return done(call, "History is kept that long from now on.", *_here(call))


@pages.post("/w/{w}/settings/suspend", needs=Role.INSTANCE_ADMIN)
async def suspend(call: Call, view: View) -> Response:
    """From now on nothing of it runs. Safe to repeat."""
    return await _turned(call, view, "SUSPENDED", "is suspended: nothing of it runs")


@pages.post("/w/{w}/settings/resume", needs=Role.INSTANCE_ADMIN)
async def resume(call: Call, view: View) -> Response:
    """It goes on. Safe to repeat."""
    return await _turned(call, view, "ACTIVE", "goes on")


@pages.get("/w/{w}/delete", needs=Role.ADMIN)
async def get_deletion(call: Call, view: View) -> Response:
    """What would go with the workspace."""
    return await _shown_deletion(call, view, FilledForm())


@pages.post("/w/{w}/delete", needs=Role.ADMIN)
async def delete(call: Call, view: View, instance: Instance) -> Response:
    """Delete it with all that it holds, where its name was typed."""
    sent = await forms.sent(call)
    try:
        workspace, operation = await deletions.begin(view, instance, confirm=sent.text("/confirm").strip())
    except _REFUSALS as error:
        return await _shown_deletion(call, view, sent.form.refused(error))
    said = f"The workspace {workspace.slug} is {'deleted' if operation is None else 'being deleted'}."
    if not call.caller.role.covers(Role.INSTANCE_ADMIN):
        return done(call, said, "sign-in")  # the key goes with it
    if operation is None:
        return done(call, said, "w")
    return done(call, said, "system", "deletions", operation.operation_id, workspace=workspace.workspace_id)


async def _turned(call: Call, view: WorkspaceView, status: Literal["ACTIVE", "SUSPENDED"], said: str) -> Response:
    call.take(workspaces.TURN_SECONDS)
    found = await workspaces.update(view, name=None, status=status)
    left = f"; {found.jobs_left:,} of its jobs have still to follow" if found.jobs_left else ""
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
        # a reader gets neither
        name=name if may_change else None,
        ages=ages if may_change else None,
    )


async def _shown_deletion(call: Call, view: WorkspaceView, form: FilledForm) -> Response:
    found = await deletions.look(view)
    items = [(deletions.WORDS[kind], number) for kind, number in found.contents.items() if kind in deletions.WORDS]
    return shown(call, "delete_workspace.html", form.status, form=form, found=found, items=items)


def _here(call: Call) -> tuple[str, str, str]:
    return "w", call.path_params["w"], "settings"
