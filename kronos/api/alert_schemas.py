"""Request bodies for alert rules, and for actions on incidents."""

from typing import Annotated, Literal

from pydantic import Field

from kronos import errors
from kronos.alert_rows import Per, Severity
from kronos.alerts import NewRule, Selector
from kronos.api.fields import Body, EndpointName, Note, Text, Time
from kronos.api.query_schemas import PageQuery
from kronos.counting import plural
from kronos.errors import Fault
from kronos.model import JsonObject

ConditionType = Literal["FAILURES", "FAILURE_RATE", "MISSED", "LATE", "RUNNING", "NO_SUCCESS"]
_WEEK = 7 * 24 * 3600
NUMBERS = {
    "FAILURES": (("count",), ()),
    "MISSED": ((), ("count",)),
    "LATE": (("seconds",), ()),
    "NO_SUCCESS": (("seconds",), ()),
    "RUNNING": ((), ("seconds", "factor")),
    "FAILURE_RATE": (("percent",), ("runs", "window_seconds", "min_runs")),
}
"""For each condition type, its required and its optional numbers."""


class AlertCondition(Body):
    """When a rule is broken.

    FAILURES: `count` runs in a row failed. FAILURE_RATE: `percent` of the last `runs` failed, or of the runs in the
    last `window_seconds`, if there were at least `min_runs`. MISSED: `count` ticks in a row had no run. LATE: a run
    started, or still waits, more than `seconds` after it was due. RUNNING: a run takes more than `seconds`, or more
    than `factor` times the 95th percentile of the job's last fifty runs. NO_SUCCESS: no run succeeded for `seconds`."""

    type: ConditionType = Field(description="Type of the condition.", examples=["FAILURES"])
    count: int | None = Field(default=None, ge=1, le=1000, description="How many in a row.", examples=[3])
    percent: int | None = Field(default=None, ge=1, le=100, description="Percentage that failed.", examples=[None])
    runs: int | None = Field(default=None, ge=2, le=100, description="How many last runs count.", examples=[None])
    window_seconds: int | None = Field(
        default=None, ge=60, le=86_400, description="Consider the runs of this many last seconds.", examples=[None]
    )
    min_runs: int | None = Field(
        default=None, ge=1, le=100_000, description="Minimum runs. Defaults to `runs`, or to 1.", examples=[None]
    )
    seconds: int | None = Field(default=None, ge=1, le=366 * 86_400, description="Time limit.", examples=[None])
    factor: float | None = Field(
        default=None, ge=1.1, le=100, description="Multiple of the usual duration.", examples=[None]
    )


class AlertSelector(Body):
    """Which runs a rule covers: those of a job, of the jobs and heartbeats with a tag, of an endpoint or a heartbeat.
    Without a selector, all runs of the workspace."""

    job: Annotated[str, Field(min_length=1, max_length=127)] | None = Field(
        default=None, description="A job's name, or the id of its first version.", examples=[None]
    )
    tag: Annotated[Text, Field(max_length=64)] | None = Field(
        default=None, description="Jobs with this tag.", examples=["reports"]
    )
    endpoint: EndpointName | None = Field(default=None, description="Runs delivered to this endpoint.", examples=[None])
    heartbeat: EndpointName | None = Field(
        default=None, description="Runs of this heartbeat. A tag selects heartbeats too.", examples=[None]
    )


class AlertRulePut(Body):
    """A rule without its name, which is in the path."""

    condition: AlertCondition = Field(description="When it is broken.", examples=[{"type": "FAILURES", "count": 3}])
    selects: AlertSelector = Field(
        default=AlertSelector(), description="Which runs it covers; {}: all.", examples=[{"tag": "reports"}]
    )
    per: Per = Field(
        default="JOB",
        description="JOB: evaluate each CRON job separately. ALL: all selected runs together, including one-shots.",
        examples=["JOB"],
    )
    tell: Annotated[list[EndpointName], Field(max_length=10)] = Field(
        default=[], description="Endpoints to notify.", examples=[[]]
    )
    severity: Severity = Field(default="ERROR", description="Severity.", examples=["ERROR"])
    recovered: bool = Field(default=True, description="Whether to notify when the incident is over.", examples=[True])
    repeat_seconds: int | None = Field(
        default=None,
        ge=60,
        le=31 * 86_400,
        description="Repeat the notification this often until the incident is acknowledged; null: notify once.",
        examples=[3600],
    )
    enabled: bool = Field(default=True, description="Whether the rule is evaluated.", examples=[True])


class AlertRuleCreate(AlertRulePut):
    """A rule to create."""

    name: EndpointName = Field(description="Name in URLs. Never changes.", examples=["reports-fail"])


class IncidentAcknowledge(Body):
    """An acknowledgement of an incident."""

    note: Note | None = Field(default=None, description="Note, shown to other people.", examples=["on it"])


class IncidentSnooze(Body):
    """How long to stop an incident's notifications: `until` or `seconds`. With neither, notifications resume."""

    until: Time | None = Field(default=None, description="End of the snooze.", examples=["2099-12-01T00:00:00Z"])
    seconds: int | None = Field(
        default=None, ge=1, le=366 * 86_400, description="Duration of the snooze, from now.", examples=[None]
    )


class IncidentQuery(PageQuery):
    """Filters for incidents."""

    status: Literal["OPEN", "ACKNOWLEDGED", "RESOLVED", "LIVE"] | None = Field(
        default=None, description="Incidents in this status. LIVE: OPEN or ACKNOWLEDGED.", examples=["LIVE"]
    )
    rule: str | None = Field(
        default=None, max_length=63, description="Incidents of this rule.", examples=["reports-fail"]
    )
    job: str | None = Field(
        default=None, max_length=127, description="Incidents of this job: a name or an id.", examples=["weekly-report"]
    )
    heartbeat: str | None = Field(
        default=None, max_length=63, description="Incidents of this heartbeat.", examples=["nightly-backup"]
    )


def new_rule(name: str, body: AlertRulePut) -> NewRule:
    """Return the rule that a body asks for. Raises Unprocessable."""
    faults: list[Fault] = []
    condition = _condition(body.condition, faults)
    chosen = {kind: value for kind, value in body.selects.model_dump().items() if value is not None}
    if len(chosen) > 1:
        detail = f"a rule has one selector, but {' and '.join(chosen)} are given"
        faults.append(Fault(pointer="/selects", detail=detail, hint="Create one rule for each."))
    selector: Selector = "JOB" if "job" in chosen else "TAG" if "tag" in chosen else "WORKSPACE"
    selector = "ENDPOINT" if "endpoint" in chosen else "HEARTBEAT" if "heartbeat" in chosen else selector
    if selector in ("JOB", "HEARTBEAT") and body.per == "ALL":
        detail = f"ALL does not apply to a single {selector.lower()}"
        faults.append(Fault(pointer="/per", detail=detail, hint="Write JOB."))
    if len(set(body.tell)) < len(body.tell):
        faults.append(Fault(pointer="/tell", detail="an endpoint is named twice", hint="Name each once."))
    if faults:
        raise errors.Unprocessable.of(*faults)
    return NewRule(
        name=name,
        enabled=body.enabled,
        severity=body.severity,
        selector=selector,
        selected=next(iter(chosen.values()), None),
        per=body.per,
        condition=condition,
        tell=body.tell,
        recovered=body.recovered,
        repeat_seconds=body.repeat_seconds,
    )


def _condition(asked: AlertCondition, faults: list[Fault]) -> JsonObject:
    needed, optional = NUMBERS[asked.type]
    given = asked.model_dump(exclude_none=True)
    for name in given.keys() - {"type", *needed, *optional}:
        detail = f"a condition of type {asked.type} has no {name}"
        faults.append(Fault(pointer=f"/condition/{name}", detail=detail, hint="Omit it."))
    for name in needed:
        if name not in given:
            detail = f"a condition of type {asked.type} needs {name}"
            faults.append(Fault(pointer=f"/condition/{name}", detail=detail, hint="Write a number."))
    if asked.type == "MISSED":
        given.setdefault("count", 1)
    if asked.type == "RUNNING" and asked.seconds is None and asked.factor is None:
        detail = "a condition of type RUNNING needs seconds or factor"
        faults.append(Fault(pointer="/condition/seconds", detail=detail, hint="Write a number."))
    if asked.type == "NO_SUCCESS" and asked.seconds is not None and asked.seconds < 60:
        faults.append(
            Fault(pointer="/condition/seconds", detail="the rule is evaluated once a minute", hint="Write 60 or more.")
        )
    if asked.type in ("LATE", "RUNNING") and asked.seconds is not None and asked.seconds > _WEEK:
        faults.append(Fault(pointer="/condition/seconds", detail="longer than a week", hint=f"Write at most {_WEEK}."))
    if asked.type == "FAILURE_RATE":
        if (asked.runs is None) == (asked.window_seconds is None):
            detail = "FAILURE_RATE needs exactly one of runs and window_seconds"
            faults.append(Fault(pointer="/condition/runs", detail=detail, hint="Give one of them."))
        given.setdefault("min_runs", asked.runs or 1)
        if asked.runs is not None and given["min_runs"] > asked.runs:
            considered = f"{asked.runs} {plural(asked.runs, 'run is', 'runs are')} considered"
            detail = f"min_runs is {given['min_runs']}, but only the last {considered}"
            faults.append(Fault(pointer="/condition/min_runs", detail=detail, hint=f"Write at most {asked.runs}."))
    return given
