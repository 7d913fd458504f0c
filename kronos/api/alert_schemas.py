"""Bodies of alert rules and of what is done to incidents."""

from typing import Annotated, Literal

from pydantic import Field

from kronos import errors
from kronos.alert_rows import Per, Severity
from kronos.alerts import NewRule, Selector
from kronos.api.fields import Body, EndpointName, Note, Text, Time
from kronos.api.query_schemas import PageQuery
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
"""Of each type of condition the numbers that it must have, and those that it may."""


class AlertCondition(Body):
    """When a rule is broken. FAILURES: `count` runs in a row failed. FAILURE_RATE: `percent` of the last `runs`, or of
    those of the last `window_seconds`, where there were `min_runs`. MISSED: `count` ticks in a row had no run. LATE: a
    run began, or waits still, more than `seconds` after it was due. RUNNING: one takes more than `seconds`, or more
    than `factor` times what 95 of 100 of the job's last fifty took. NO_SUCCESS: none succeeded for `seconds`."""

    type: ConditionType = Field(description="What breaks it.", examples=["FAILURES"])
    count: int | None = Field(default=None, ge=1, le=1000, description="So many in a row.", examples=[3])
    percent: int | None = Field(default=None, ge=1, le=100, description="So many of 100 failed.", examples=[None])
    runs: int | None = Field(default=None, ge=2, le=100, description="Of the last so many.", examples=[None])
    window_seconds: int | None = Field(
        default=None, ge=60, le=86_400, description="Of those of the last so many seconds.", examples=[None]
    )
    min_runs: int | None = Field(
        default=None, ge=1, le=100_000, description="Of fewer it says nothing; by default runs, or 1.", examples=[None]
    )
    seconds: int | None = Field(default=None, ge=1, le=366 * 86_400, description="Longer than that.", examples=[None])
    factor: float | None = Field(
        default=None, ge=1.1, le=100, description="Longer than so many times what is usual.", examples=[None]
    )


class AlertSelector(Body):
    """Which runs a rule is about: a job's, those of the jobs and heartbeats with a tag, of an endpoint, a heartbeat's;
    without any all of the workspace."""

    job: Annotated[str, Field(min_length=1, max_length=127)] | None = Field(
        default=None, description="A job's name, or the id of its first version.", examples=[None]
    )
    tag: Annotated[Text, Field(max_length=64)] | None = Field(
        default=None, description="Jobs with this tag.", examples=["reports"]
    )
    endpoint: EndpointName | None = Field(default=None, description="What goes to this endpoint.", examples=[None])
    heartbeat: EndpointName | None = Field(
        default=None, description="What this heartbeat says; of a tag those with it, too.", examples=[None]
    )


class AlertRulePut(Body):
    """A rule without its name, which stands in the path."""

    condition: AlertCondition = Field(description="When it is broken.", examples=[{"type": "FAILURES", "count": 3}])
    selects: AlertSelector = Field(
        default=AlertSelector(), description="Which runs it is about; {}: all.", examples=[{"tag": "reports"}]
    )
    per: Per = Field(
        default="JOB",
        description="JOB: each CRON job by itself. ALL: all that is selected together, one-shots too.",
        examples=["JOB"],
    )
    tell: Annotated[list[EndpointName], Field(max_length=10)] = Field(
        default=[], description="Endpoints that are told.", examples=[[]]
    )
    severity: Severity = Field(default="ERROR", description="How bad it is.", examples=["ERROR"])
    recovered: bool = Field(default=True, description="They are told when it is over, too.", examples=[True])
    repeat_seconds: int | None = Field(
        default=None,
        ge=60,
        le=31 * 86_400,
        description="What nobody acknowledges is said again so often; null: once.",
        examples=[3600],
    )
    enabled: bool = Field(default=True, description="Whether it is judged.", examples=[True])


class AlertRuleCreate(AlertRulePut):
    """A rule to be made."""

    name: EndpointName = Field(description="Its name in URLs; never changes.", examples=["reports-fail"])


class IncidentAcknowledge(Body):
    """Somebody has it."""

    note: Note | None = Field(default=None, description="For people who wonder later.", examples=["on it"])


class IncidentSnooze(Body):
    """For how long it is not said again: `until` or `seconds`; with neither it is said as before."""

    until: Time | None = Field(default=None, description="Until then.", examples=["2099-12-01T00:00:00Z"])
    seconds: int | None = Field(
        default=None, ge=1, le=366 * 86_400, description="From now, for so many seconds.", examples=[None]
    )


class IncidentQuery(PageQuery):
    """Which incidents."""

    status: Literal["OPEN", "ACKNOWLEDGED", "RESOLVED", "LIVE"] | None = Field(
        default=None, description="In this status; LIVE: OPEN or ACKNOWLEDGED.", examples=["LIVE"]
    )
    rule: str | None = Field(default=None, max_length=63, description="Of this rule.", examples=["reports-fail"])
    job: str | None = Field(
        default=None, max_length=127, description="Of this job: a name or an id.", examples=["weekly-report"]
    )
    heartbeat: str | None = Field(
        default=None, max_length=63, description="Of this heartbeat.", examples=["nightly-backup"]
    )


def new_rule(name: str, body: AlertRulePut) -> NewRule:
    """What the body asks for. Raises Unprocessable."""
    faults: list[Fault] = []
    condition = _condition(body.condition, faults)
    chosen = {kind: value for kind, value in body.selects.model_dump().items() if value is not None}
    if len(chosen) > 1:
        detail = f"{' and '.join(chosen)} are selected, and a rule selects by one of them"
        faults.append(Fault(pointer="/selects", detail=detail, hint="Make a rule of each."))
    selector: Selector = "JOB" if "job" in chosen else "TAG" if "tag" in chosen else "WORKSPACE"
    selector = "ENDPOINT" if "endpoint" in chosen else "HEARTBEAT" if "heartbeat" in chosen else selector
    if selector in ("JOB", "HEARTBEAT") and body.per == "ALL":
        detail = f"a single {selector.lower()} is one by itself"
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
        faults.append(Fault(pointer=f"/condition/{name}", detail=detail, hint="Leave it out."))
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
        faults.append(Fault(pointer="/condition/seconds", detail="it is judged each minute", hint="Write 60 or more."))
    if asked.type in ("LATE", "RUNNING") and asked.seconds is not None and asked.seconds > _WEEK:
        faults.append(
            Fault(pointer="/condition/seconds", detail="that is longer than a week", hint=f"At most {_WEEK}.")
        )
    if asked.type == "FAILURE_RATE":
        if (asked.runs is None) == (asked.window_seconds is None):
            detail = "a FAILURE_RATE is of the last runs, or of the last window_seconds: one of the two"
            faults.append(Fault(pointer="/condition/runs", detail=detail, hint="Write one of them."))
        given.setdefault("min_runs", asked.runs or 1)
        if asked.runs is not None and given["min_runs"] > asked.runs:
            detail = f"the last {asked.runs} runs are never {given['min_runs']}"
            faults.append(Fault(pointer="/condition/min_runs", detail=detail, hint=f"At most {asked.runs}."))
    return given
