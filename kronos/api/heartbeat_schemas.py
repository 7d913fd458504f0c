"""What requests about heartbeats may hold, field by field: bounds, defaults, and an example for documentation and
hints."""

from typing import Annotated, Literal

from pydantic import Field

from kronos import errors, schedules
from kronos.api.fields import Body, Cron, EndpointName, Note, Tag, TimeOrLocal, Zone
from kronos.api.query_schemas import PageQuery
from kronos.beats import BeatTickStatus, Expectation, HeartbeatState
from kronos.schedules import ScheduleText, instant, local_time


class HeartbeatPut(Body):
    """What is expected of a job that runs elsewhere: `cron`, `every` or `period_seconds`, exactly one of them. `anchor`
    goes with `every`, and a local one with `timezone`; a period has no zone."""

    cron: Cron | None = Field(default=None, description="Five fields, as jobs have them.", examples=["0 3 * * *"])
    every: Annotated[str, Field(min_length=1, max_length=32)] | None = Field(
        default=None, description="An interval on a grid, in place of cron.", examples=["90m"]
    )
    anchor: TimeOrLocal | None = Field(
        default=None,
        description="What the interval is counted from; now. Without an offset, on the zone's clocks.",
        examples=["2026-12-01T00:00:00Z"],
    )
    timezone: Zone = Field(default="UTC", description="The zone of the expression.", examples=["Europe/Berlin"])
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"] = Field(
        default="SHIFT", description="A local time that does not exist.", examples=["SHIFT"]
    )
    dst_overlap: Literal["FIRST", "BOTH"] = Field(
        default="FIRST", description="A local time that there is twice.", examples=["FIRST"]
    )
    period_seconds: int | None = Field(
        default=None,
        ge=10,
        le=34_560_000,
        description="In place of a schedule: a ping is expected so long after the one before, whenever that was.",
        examples=[3600],
    )
    grace_seconds: int = Field(
        default=300,
        ge=1,
        le=31_536_000,
        description="How long after its tick a ping is on time, and the tick not missed.",
        examples=[900],
    )
    max_run_seconds: int = Field(
        default=86_400,
        ge=1,
        le=31_536_000,
        description="A run that said that it began and has not ended after so long has FAILED.",
        examples=[7200],
    )
    tags: Annotated[list[Tag], Field(max_length=20)] = Field(
        default_factory=list, description="Words to find it by.", examples=[["backups"]]
    )


class HeartbeatCreate(HeartbeatPut):
    """A heartbeat to be made: as HeartbeatPut, with its name."""

    name: EndpointName = Field(
        description="A name, unique among the workspace's heartbeats; never changes.", examples=["nightly-backup"]
    )


class HeartbeatPause(Body):
    """Why a heartbeat is paused."""

    note: Note | None = Field(default=None, description="For people who wonder later.", examples=["moving hosts"])


class HeartbeatQuery(PageQuery):
    """Which heartbeats."""

    tag: str | None = Field(default=None, max_length=64, description="With this tag.", examples=["backups"])
    state: HeartbeatState | None = Field(default=None, description="In this state.", examples=["DOWN"])


class PingQuery(PageQuery):
    """Which pings, and what of them."""

    include: Literal["log"] | None = Field(default=None, description="log: what each printed, too.", examples=["log"])


class HeartbeatTickQuery(PageQuery):
    """Which ticks of a heartbeat."""

    status: BeatTickStatus | None = Field(default=None, description="Of which this has become.", examples=["MISSED"])


def expectation(body: HeartbeatPut) -> Expectation:
    """What a body asks for. Raises Unprocessable."""
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
        hint = "Give a schedule or a period, one of them."
        fault = errors.Fault(pointer=f"/{given[0]}", detail=f"{given[0]} and period_seconds are given", hint=hint)
        raise errors.Unprocessable.of(fault)
    return Expectation(
        schedule=schedule,
        period_seconds=body.period_seconds,
        grace_seconds=body.grace_seconds,
        max_run_seconds=body.max_run_seconds,
        tags=list(dict.fromkeys(body.tags)),
    )
