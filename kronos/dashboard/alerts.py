"""The alerts page: incidents, with acknowledge and snooze, and the list of rules."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from kronos import alerts
from kronos.alerts import IncidentFilter
from kronos.api.alert_schemas import IncidentAcknowledge, IncidentQuery, IncidentSnooze
from kronos.api.call import Call
from kronos.api.cursors import decoded, list_digest, page
from kronos.api.dependencies import CallerOf, IncidentId, View
from kronos.dashboard.forms import sent
from kronos.dashboard.page import Pages, done, shown
from kronos.model import Role

pages = Pages()


@pages.get("/w/{w}/alerts", needs=Role.VIEWER)
async def get_alerts(call: Call, view: View, query: Annotated[IncidentQuery, Query()]) -> Response:
    """Incidents, by default the ongoing ones, and the rules."""
    which = IncidentFilter(status=query.status or "LIVE", rule=query.rule, job=query.job, heartbeat=query.heartbeat)
    of = list_digest("incidents", view.workspace, asdict(which))
    rows = await alerts.list_incidents(view, which, limit=query.limit + 1, before=decoded(query.cursor, of))
    found = page(rows, limit=query.limit, of=of, place=lambda row: (row.opened_at, row.incident_id))
    return shown(
        call,
        "alerts.html",
        incidents=list(found.data),
        counted=await alerts.count(view),
        rules=await alerts.list_page(view, limit=alerts.MOST_RULES, before=None),
        asked=asdict(which),
        next_cursor=found.next_cursor,
        cursor=query.cursor,
    )


@pages.post("/w/{w}/alerts/{i}/acknowledge", needs=Role.OPERATOR)
async def acknowledge_incident(call: Call, view: View, incident_id: IncidentId, caller: CallerOf) -> Response:
    """Acknowledge an incident."""
    body = await call.judged(IncidentAcknowledge, (await sent(call)).document())
    await alerts.acknowledge(view, incident_id, actor=caller.actor, note=body.note)
    return done(call, "Acknowledged. No more notifications for this incident.", "w", view.workspace, "alerts")


@pages.post("/w/{w}/alerts/{i}/snooze", needs=Role.OPERATOR)
async def snooze_incident(call: Call, view: View, incident_id: IncidentId, caller: CallerOf) -> Response:
    """Suspend an incident's notifications for a time."""
    body = await call.judged(IncidentSnooze, (await sent(call)).document())
    await alerts.snooze(view, incident_id, actor=caller.actor, until=body.until, seconds=body.seconds)
    return done(
        call,
        "Snoozed. A notification follows afterwards if the incident is still ongoing.",
        "w",
        view.workspace,
        "alerts",
    )
