"""The overview of a workspace."""

from starlette.responses import Response

from kronos import overview, readiness
from kronos.api.call import Call
from kronos.api.dependencies import Instance, View
from kronos.api.overview import readiness_of
from kronos.dashboard import hours
from kronos.dashboard.page import Pages, shown
from kronos.model import Role

pages = Pages()


@pages.get("/w/{w}", needs=Role.VIEWER)
async def get_overview(call: Call, view: View, instance: Instance) -> Response:
    """Runs of the last and the next hour, failing and late jobs, and the system's health."""
    ready = await readiness_of(call, instance)
    found = await overview.get(view, ready)
    chart = hours.chart(found.minutes, found.at)
    return shown(
        call,
        "overview.html",
        found=found,
        chart=chart,
        rings=readiness.rings(ready),
        alerts=found.alerts,
        longest=overview.LONGEST,
    )
