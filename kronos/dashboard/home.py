"""The list of workspaces that the caller may see, and the fallback route for unknown pages."""

from starlette.responses import Response

from kronos import errors
from kronos.api.auth import own_workspaces
from kronos.api.call import Call
from kronos.api.dependencies import Instance
from kronos.dashboard.page import Pages, redirect, shown
from kronos.dashboard.rendering import PageContext
from kronos.model import Role

pages = Pages()
rest = Pages()
"""Routes to be added after all others."""
_MOST = 100


@pages.get("/w", needs=Role.VIEWER)
async def get_home(call: Call, instance: Instance) -> Response:
    """The workspaces, with what needs attention. A caller who may see only one is redirected to it."""
    own = [call.caller] if call.person is None else list(call.person.callers)
    if len(own) == 1 and (only := own[0].workspace) is not None:
        return redirect(PageContext(call).url("w", only))
    found = await own_workspaces(call, instance)
    return shown(call, "home.html", workspaces=found, is_cut=len(found) >= _MOST)


@rest.get("/w/{w}/{rest:path}", needs=Role.VIEWER)
async def get_nothing(call: Call) -> Response:
    """The fallback for an unknown page of a workspace."""
    raise errors.NotFound(f"no page {call.scope['path'][:200]!r}; start at {PageContext(call).url('w')}")
