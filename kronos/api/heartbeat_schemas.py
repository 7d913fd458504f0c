"""Request bodies and queries for heartbeats, field by field: bounds, defaults, and an example that the documentation
and hints show."""

from typing import Annotated, Literal

from pydantic import Field

from kronos import errors, schedules
from kronos.api.fields import Body, Cron, EndpointName, Note, Tag, TimeOrLocal, Zone
from kronos.api.query_schemas import PageQuery
from kronos.beats import BeatTickStatus, Expectation, HeartbeatState
from kronos.schedules import ScheduleText, instant, local_time


class HeartbeatPut(Body):
    """What is expected of a job that runs elsewhere. Exactly one of `cron`, `every` and `period_seconds`. `anchor`
    requires `every`, and a local `anchor` requires `timezone`. A period has no time zone."""

    cron: Cron | None = Field(default=None, description="Five fields, as for jobs.", examples=["0 3 * * *"])
    every: Annotated[str, Field(min_length=1, max_length=32)] | None = Field(
        default=None, description="Interval on a fixed grid, instead of `cron`.", examples=["90m"]
    )
    anchor: TimeOrLocal | None = Field(
        default=None,
        description="Start of the interval's grid; defaults to now. A time without an offset is local to `timezone`, "
        "and the intervals then follow that zone's clocks.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone = Field(default="UTC", description="Time zone of the schedule.", examples=["Europe/Berlin"])
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"] = Field(
        default="SHIFT", description="What to do when a tick's local time does not exist.", examples=["SHIFT"]
    )
    dst_overlap: Literal["FIRST", "BOTH"] = Field(
        default="FIRST", description="What to do when a tick's local time occurs twice.", examples=["FIRST"]
    )
    period_seconds: int | None = Field(
        default=None,
        ge=10,
        le=34_560_000,
        description="Instead of a schedule: the next ping is expected this long after the previous one.",
        examples=[3600],
    )
    grace_seconds: int = Field(
        default=300,
        ge=1,
        le=31_536_000,
        description="How long after its tick a ping still counts as on time. After that the tick is missed.",
        examples=[900],
    )
    max_run_seconds: int = Field(
        default=86_400,
        ge=1,
        le=31_536_000,
        description="A run that reported its start and has not ended after this long is FAILED.",
        examples=[7200],
    )
    tags: Annotated[list[Tag], Field(max_length=20)] = Field(
        default_factory=list, description="Tags to find the heartbeat by.", examples=[["backups"]]
    )


class HeartbeatCreate(HeartbeatPut):
    """A heartbeat to create: a HeartbeatPut with a name."""

    name: EndpointName = Field(
        description="Name, unique among the workspace's heartbeats. Never changes.", examples=["nightly-backup"]
    )


class HeartbeatPause(Body):
    """Why a heartbeat is paused."""

    note: Note | None = Field(default=None, description="Reason, shown to other people.", examples=["moving hosts"])


class HeartbeatQuery(PageQuery):
    """Filters for heartbeats."""

    tag: str | None = Field(default=None, max_length=64, description="Heartbeats with this tag.", examples=["backups"])
    state: HeartbeatState | None = Field(default=None, description="Heartbeats in this state.", examples=["DOWN"])


class PingQuery(PageQuery):
    """Filters for pings, and what to include."""

    include: Literal["log"] | None = Field(
        default=None, description="log: include the output of each ping.", examples=["log"]
    )


class HeartbeatTickQuery(PageQuery):
    """Filters for a heartbeat's ticks."""

    status: BeatTickStatus | None = Field(default=None, description="Ticks with this status.", examples=["MISSED"])


def expectation(body: HeartbeatPut) -> Expectation:
    """Return what a body asks for. Raises Unprocessable."""
    schedule: ScheduleText | None = None
    if body.period_seconds is None:
        zone = body.timezone if "timezone" in body.model_fields_set else None
        if faults := tuple(schedules.faults(body.cron, body.every, body.anchor, zone)):
            raise errors.Unprocessable.of(*faults)
        schedule = ScheduleText(
            cron=body.cron,
            every=body.every,
            anchor=instant(body.anchor),
            anchor_local=local_time(body.anchor),
            timezone=body.timezone,
            dst_gap=body.dst_gap,
            dst_overlap=body.dst_overlap,
        )
    elif given := [name for name in ("cron", "every", "anchor") if getattr(body, name) is not None]:
        hint = "Give either a schedule or a period."
        fault = errors.Fault(pointer=f"/{given[0]}", detail=f"both {given[0]} and period_seconds are given", hint=hint)
        raise errors.Unprocessable.of(fault)
    return Expectation(
        schedule=schedule,
        period_seconds=body.period_seconds,
        grace_seconds=body.grace_seconds,
        max_run_seconds=body.max_run_seconds,
        tags=list(dict.fromkeys(body.tags)),
    )
