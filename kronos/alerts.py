"""Alert rules and incidents: users write rules and respond to incidents here. sql/functions/alerts evaluates them."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from kronos import alert_errors, errors
from kronos.alert_rows import AlertRule, Incident, ListedAlertRule, OpenAlert, Per, Severity
from kronos.database import WorkspaceView
from kronos.errors import Fault
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.sql import statement

MOST_RULES = 100
"""Per workspace, since each rule is evaluated every minute."""
Selector = Literal["WORKSPACE", "JOB", "TAG", "ENDPOINT", "HEARTBEAT"]
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRule:
    """A rule as a caller describes it."""

    name: str
    enabled: bool
    severity: Severity
    selector: Selector
    selected: str | None
    per: Per
    condition: JsonObject
    tell: list[str]
    recovered: bool
    repeat_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """The incidents that a list holds. None: all; status LIVE: OPEN or ACKNOWLEDGED."""

    status: Literal["OPEN", "ACKNOWLEDGED", "RESOLVED", "LIVE"] | None = None
    rule: str | None = None
    job: str | None = None
    heartbeat: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRule:
    """The rule that was written."""

    rule_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """The version that a rule is at, or was at when it was deleted."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedIncident:
    """The incident that was changed."""

    incident_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedByRule:
    """The objects that a rule names and that do not exist, and how many other rules there are."""

    absent: list[str]
    is_selected_there: bool
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentCount:
    """Incidents of a workspace that are not resolved, up to 1,000. `open`: those not acknowledged. `undelivered`:
    notifications that are dead letters, among the newest 1,000."""

    live: int
    open: int
    undelivered: int


_CHECK = statement("alerts.find_named", NamedByRule)
_INSERT = statement("alerts.insert_alert_rule", WrittenRule)
_REPLACE = statement("alerts.replace_alert_rule", WrittenRule)
_GET = statement("alerts.get_alert_rules", AlertRule)
_LIST = statement("alerts.list_alert_rules", ListedAlertRule)
_MATCH = statement("alerts.match_alert_rule", RuleVersion)
_DELETE = statement("alerts.delete_alert_rule", RuleVersion)
_GET_INCIDENT = statement("alerts.get_incident", Incident)
_LIST_INCIDENTS = statement("alerts.list_incidents", Incident)
_LIST_LIVE = statement("alerts.list_live_incidents", Incident)
OPEN = statement("alerts.list_open_alerts", OpenAlert)
COUNT = statement("alerts.count_incidents", IncidentCount)
_ACKNOWLEDGE = statement("alerts.set_acknowledged", ChangedIncident)
_SNOOZE = statement("alerts.set_snoozed", ChangedIncident)


async def create(view: WorkspaceView, new: NewRule) -> AlertRule:
    """Create a rule. Raises Conflict if the name is taken or the workspace has the most rules it may have,
    Unprocessable if the rule names something that does not exist, OutcomeUnknown."""
    for _ in range(_TRIES):
        await _check(view, new)
        written, rules = await view.write_then_read(_INSERT, _params(new), _GET, {"names": [new.name]})
        if written:
            return rules[0]
        if rules:
            fault = Fault(
                pointer="/name",
                detail="an alert rule has this name",
                hint="Choose another name, or change that alert rule.",
            )
            raise errors.Conflict(f"the alert rule {new.name!r} already exists", faults=(fault,))
    raise _overtaken(new.name)


async def replace(
    view: WorkspaceView,
    new: NewRule,
    *,
    if_match: Collection[int] | None = None,
    if_none_match: Collection[int] = (),
    must_exist: bool = False,
) -> tuple[AlertRule, bool]:
    """Write the rule's next version, or its first. Return it, and whether it is new. It replaces only a version in
    `if_match` (None: any) and none in `if_none_match`. If the new version is about something else, the rule's incidents
    are resolved.

    Raises PreconditionFailed, Conflict if the workspace has the most rules it may have, Unprocessable, OutcomeUnknown.
    """
    params = _params(new) | {
        "if_match": None if if_match is None else list(if_match),
        "if_none_match": list(if_none_match),
    }
    for _ in range(_TRIES):
        await _check(view, new)
        written, rules = await view.write_then_read(_REPLACE, params, _GET, {"names": [new.name]})
        if written:
            return rules[0], False
        if not rules:
            if must_exist:
                raise errors.PreconditionFailed(f"the alert rule {new.name!r} does not exist, so If-Match cannot match")
            return await create(view, new), True
        version = rules[0].version
        if version in if_none_match or (if_match is not None and version not in if_match):
            raise _excluded(new.name, version)
    raise _overtaken(new.name)


async def get(view: WorkspaceView, name: str) -> AlertRule:
    """Return the rule. Raises AlertRuleNotFound."""
    if (rule := await view.one_or_none(_GET, {"names": [name]})) is None:
        raise _not_found(view, name)
    return rule


async def of_names(view: WorkspaceView, names: Sequence[str]) -> dict[str, AlertRule]:
    """Return the rules of these names that exist, by name."""
    found = await view.rows(_GET, {"names": list(names)}) if names else []
    return {each.name: each for each in found}


async def list_page(view: WorkspaceView, *, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedAlertRule]:
    """Return up to `limit` rules, newest first, after the position `before`."""
    created_at, rule_id = before or (None, None)
    return await view.rows(_LIST, {"limit": limit, "before_created_at": created_at, "before_id": rule_id})


async def delete(view: WorkspaceView, name: str, *, if_match: Collection[int] | None = None) -> None:
    """Delete a rule; its incidents are resolved. Raises AlertRuleNotFound, PreconditionFailed."""
    params = {"name": name, "if_match": None if if_match is None else list(if_match)}
    present, deleted = await view.write_then_read(_MATCH, params, _DELETE, params)
    if deleted:
        return
    if not present:
        raise _not_found(view, name)
    raise _excluded(name, present[0].version)


async def incident(view: WorkspaceView, incident_id: UUID) -> Incident:
    """Return the incident. Raises IncidentNotFound."""
    if (found := await view.one_or_none(_GET_INCIDENT, {"incident_id": incident_id})) is None:
        raise _no_incident(view, incident_id)
    return found


async def list_incidents(
    view: WorkspaceView, which: IncidentFilter, *, limit: int, before: tuple[datetime, UUID] | None
) -> list[Incident]:
    """Return up to `limit` incidents, newest first, after the position `before`."""
    opened_at, incident_id = before or (None, None)
    is_live = which.status in ("OPEN", "ACKNOWLEDGED", "LIVE")
    return await view.rows(
        _LIST_LIVE if is_live else _LIST_INCIDENTS,
        {
            "status": which.status,
            "rule": which.rule,
            "job": which.job,
            "heartbeat": which.heartbeat,
            "limit": limit,
            "before_opened_at": opened_at,
            "before_id": incident_id,
        },
    )


def asked_open(
    *, job: str | None = None, heartbeat: str | None = None, at: datetime | None = None
) -> dict[str, object]:
    """Return the parameters of OPEN for a job (by name or id) or a heartbeat."""
    return {"job": job, "heartbeat": heartbeat, "at": at}


async def open_of(view: WorkspaceView, *, job: str | None = None, heartbeat: str | None = None) -> list[OpenAlert]:
    """Return the newest ten unresolved incidents of a job or a heartbeat."""
    return await view.rows(OPEN, asked_open(job=job, heartbeat=heartbeat))


async def count(view: WorkspaceView) -> IncidentCount:
    """Count the incidents that are not resolved."""
    (counted,) = await view.rows(COUNT, {})
    return counted


async def acknowledge(view: WorkspaceView, incident_id: UUID, *, actor: str, note: str | None) -> Incident:
    """Acknowledge the incident, which ends its repeated notifications. If it is already acknowledged, the first person
    stays recorded. Raises IncidentNotFound, Conflict if it is resolved."""
    params = {"incident_id": incident_id, "actor": actor, "note": note}
    return await _answered(view, incident_id, *await view.write_then_read(_ACKNOWLEDGE, params, _GET_INCIDENT, params))


async def snooze(
    view: WorkspaceView, incident_id: UUID, *, actor: str, until: datetime | None, seconds: int | None = None
) -> Incident:
    """Suppress repeated notifications until `until`, or for `seconds`; with neither, end the snooze. Raises
    IncidentNotFound, Conflict if it is resolved."""
    params = {"incident_id": incident_id, "actor": actor, "until": until, "seconds": seconds}
    return await _answered(view, incident_id, *await view.write_then_read(_SNOOZE, params, _GET_INCIDENT, params))


async def _answered(
    view: WorkspaceView, incident_id: UUID, changed: list[ChangedIncident], found: list[Incident]
) -> Incident:
    if not found:
        raise _no_incident(view, incident_id)
    if not changed and found[0].status == "RESOLVED":
        raise errors.Conflict(
            f"incident {incident_id} was resolved at {found[0].resolved_at}: it can no longer be acknowledged or "
            "snoozed"
        )
    return found[0]


def _params(new: NewRule) -> dict[str, object]:
    return asdict(new) | {"condition": Jsonb(new.condition)}


async def _check(view: WorkspaceView, new: NewRule) -> None:
    (named,) = await view.rows(_CHECK, _params(new))
    faults = [
        Fault(
            pointer=f"/tell/{new.tell.index(name)}",
            detail=f"no endpoint {name!r} in this workspace",
            hint="Create it first, or name an existing one.",
        )
        for name in named.absent
    ]
    if not named.is_selected_there:
        kind = new.selector.lower()
        faults.append(
            Fault(pointer=f"/selects/{kind}", detail=f"no {kind} {new.selected!r} in this workspace", hint=None)
        )
    if faults:
        raise errors.Unprocessable.of(*faults)
    if named.others >= MOST_RULES:
        raise errors.Conflict(
            f"the workspace has {named.others} alert rules, and may have {MOST_RULES}: delete one first, or use one "
            "rule that selects jobs by tag"
        )


def _overtaken(name: str) -> errors.Overtaken:
    return errors.Overtaken(f"objects that the alert rule {name!r} names keep changing at the same time: try again")


def _excluded(name: str, version: int) -> errors.PreconditionFailed:
    return errors.PreconditionFailed(
        f"the alert rule {name!r} is already at version {version}, which the precondition excludes"
    )


def _not_found(view: WorkspaceView, name: str) -> alert_errors.AlertRuleNotFound:
    return alert_errors.AlertRuleNotFound(f"no alert rule {name!r} in workspace {view.workspace}")


def _no_incident(view: WorkspaceView, incident_id: UUID) -> alert_errors.IncidentNotFound:
    return alert_errors.IncidentNotFound(f"no incident {incident_id} in workspace {view.workspace}")
