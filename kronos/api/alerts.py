"""Routes of alert rules and incidents."""

from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from kronos import alert_errors, alerts, errors
from kronos.alert_rows import AlertRule, Incident
from kronos.alerts import IncidentFilter
from kronos.api import named
from kronos.api.alert_schemas import (
    AlertRuleCreate,
    AlertRulePut,
    IncidentAcknowledge,
    IncidentQuery,
    IncidentSnooze,
    new_rule,
)
from kronos.api.call import Call, Draft, answer
from kronos.api.copies import kind_of
from kronos.api.cursors import Page, decoded, list_digest, page
from kronos.api.dependencies import (
    READ_FROM,
    AlertRuleName,
    CallerOf,
    IfMatch,
    IfNoneMatch,
    IncidentId,
    NewAlertRuleName,
    ReadView,
    View,
)
from kronos.api.document import answers, problems
from kronos.api.named import PutConditions
from kronos.api.operation import Router, sets_a_state
from kronos.api.query_schemas import PageQuery
from kronos.model import Role

router = Router("/v1/workspaces/{w}", tags=["alerts"])
_COPY = kind_of(AlertRule, AlertRulePut)
_ABSENT = (errors.WorkspaceNotFound, alert_errors.AlertRuleNotFound)
_WRITE = (errors.WorkspaceNotFound, errors.Forbidden, errors.Conflict, errors.PayloadTooLarge, errors.Unprocessable)


@router.post(
    "/alert-rules",
    needs=Role.ADMIN,
    status_code=201,
    responses=answers({201: AlertRule}, "ETag", "Location") | problems(*_WRITE),
)
async def create_alert_rule(call: Call, view: View, body: AlertRuleCreate) -> Response:
    """Create an alert rule. It considers only what ends after its creation."""
    rule = await alerts.create(view, new_rule(body.name, body))
    return named.made(call, rule.workspace, "alert-rules", rule)


@router.get(
    "/alert-rules",
    needs=Role.VIEWER,
    responses=answers({200: Page[AlertRule]}, READ_FROM) | problems(errors.WorkspaceNotFound),
)
async def list_alert_rules(view: ReadView, query: Annotated[PageQuery, Query()]) -> Response:
    """List the alert rules of a workspace, newest first."""
    of = list_digest("alert-rules", view.workspace, {})
    rows = await alerts.list_page(view, limit=query.limit + 1, before=decoded(query.cursor, of))
    place = lambda row: (row.created_at, row._rule_id)  # noqa: E731  # left out of the response
    return answer(page(rows, limit=query.limit, of=of, place=place))


@router.get(
    "/alert-rules/{name}",
    needs=Role.VIEWER,
    responses=answers({200: AlertRule, 304: None}, "ETag") | problems(*_ABSENT),
)
async def get_alert_rule(view: View, name: AlertRuleName, if_none_match: IfNoneMatch = frozenset()) -> Response:
    """Get an alert rule."""
    return named.current(await alerts.get(view, name), if_none_match)


@router.put(
    "/alert-rules/{name}",
    needs=Role.ADMIN,
    responses=answers({200: AlertRule, 201: AlertRule}, "ETag", "Location")
    | problems(*_WRITE, errors.PreconditionFailed),
)
async def put_alert_rule(
    call: Call, view: View, name: NewAlertRuleName, draft: Draft[AlertRulePut], asked: PutConditions
) -> Response:
    """Create an alert rule, or its next version.

    If the new version has another selection or condition, the rule's incidents end without a notification."""
    change = await named.change(_COPY, name, draft, lambda: alerts.get(view, name))
    new, held = new_rule(name, change.body), change.held(asked)
    if held.if_none_match is None:
        rule = await named.first("alert rule", name, _new(view, new))
        return named.made(call, rule.workspace, "alert-rules", rule)
    rule, is_new = await alerts.replace(
        view, new, if_match=held.if_match, if_none_match=held.if_none_match, must_exist=held.must_exist
    )
    return named.made(call, rule.workspace, "alert-rules", rule) if is_new else named.current(rule)


async def _new(view: View, new: alerts.NewRule) -> tuple[AlertRule, bool]:
    return await alerts.create(view, new), True


@router.delete(
    "/alert-rules/{name}",
    needs=Role.ADMIN,
    status_code=204,
    responses=answers({204: None}) | problems(*_ABSENT, errors.Forbidden, errors.Conflict, errors.PreconditionFailed),
)
async def delete_alert_rule(view: View, name: AlertRuleName, if_match: IfMatch = None) -> Response:
    """Delete an alert rule. Its incidents end without a notification."""
    await alerts.delete(view, name, if_match=if_match)
    return Response(status_code=204)


@router.get(
    "/incidents",
    needs=Role.VIEWER,
    responses=answers({200: Page[Incident]}, READ_FROM) | problems(errors.WorkspaceNotFound),
)
async def list_incidents(view: ReadView, query: Annotated[IncidentQuery, Query()]) -> Response:
    """List incidents, newest first."""
    filters = query.model_dump(exclude={"limit", "cursor"})
    of = list_digest("incidents", view.workspace, filters)
    rows = await alerts.list_incidents(
        view, IncidentFilter(**filters), limit=query.limit + 1, before=decoded(query.cursor, of)
    )
    return answer(page(rows, limit=query.limit, of=of, place=lambda row: (row.opened_at, row.incident_id)))


@router.get(
    "/incidents/{i}",
    needs=Role.VIEWER,
    responses=answers({200: Incident}) | problems(errors.WorkspaceNotFound, alert_errors.IncidentNotFound),
)
async def get_incident(view: View, incident_id: IncidentId) -> Response:
    """Get an incident and the last notifications sent about it."""
    return answer(await alerts.incident(view, incident_id))


@router.post(
    "/incidents/{i}/acknowledge",
    needs=Role.OPERATOR,
    responses=answers({200: Incident}) | problems(*_WRITE, alert_errors.IncidentNotFound),
)
@sets_a_state
async def acknowledge_incident(
    view: View,
    incident_id: IncidentId,
    caller: CallerOf,
    body: Annotated[IncidentAcknowledge, Body(default_factory=IncidentAcknowledge)],
) -> Response:
    """Acknowledge an incident: its notification is not repeated. The first acknowledgement is kept."""
    return answer(await alerts.acknowledge(view, incident_id, actor=caller.actor, note=body.note))


@router.post(
    "/incidents/{i}/snooze",
    needs=Role.OPERATOR,
    responses=answers({200: Incident}) | problems(*_WRITE, alert_errors.IncidentNotFound),
)
async def snooze_incident(view: View, incident_id: IncidentId, caller: CallerOf, body: IncidentSnooze) -> Response:
    """Do not repeat an incident's notification until a given time.

    If the incident is still open and unacknowledged then, one more notification is sent."""
    if body.until is not None and body.seconds is not None:
        fault = errors.Fault(pointer="/seconds", detail="until and seconds both set the end", hint="Give one of them.")
        raise errors.Unprocessable.of(fault)
    snoozed = await alerts.snooze(view, incident_id, actor=caller.actor, until=body.until, seconds=body.seconds)
    return answer(snoozed)
