"""The workspaces that the caller may see. And what there is no page for."""

from starlette.responses import Response

from kronos import errors, workspaces
from kronos.api.call import Call
from kronos.api.dependencies import Instance
from kronos.dashboard.page import Pages, redirect, shown
from kronos.dashboard.rendering import PageContext
from kronos.model import Role, Workspace

pages = Pages()
rest = Pages()
"""What comes after all other routes."""
_MOST = 200


@pages.get("/w", needs=Role.VIEWER)
async def get_home(call: Call, instance: Instance) -> Response:
    """The workspaces; who may see one alone goes straight to it."""
    own = [call.caller] if call.person is None else list(call.person.callers)
    names = [each.workspace for each in own if each.workspace is not None]
    if len(own) == 1 and names:
        return redirect(PageContext(call).url("w", names[0]))
    found: list[Workspace] = []
    if any(each.workspace is None for each in own):
        found = await workspaces.list_page(instance, limit=_MOST, before=None)
        names = [each.slug for each in found]
    return shown(call, "home.html", names=names, workspaces={each.slug: each for each in found})


@rest.get("/w/{rest:path}", needs=Role.VIEWER)
async def get_nothing(call: Call) -> Response:
    """No page."""
    raise errors.NotFound(f"there is no page {call.scope['path'][:200]!r}: begin at {PageContext(call).url('w')}")
