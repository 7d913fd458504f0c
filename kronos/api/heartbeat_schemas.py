"""What requests about heartbeats may hold, field by field: bounds, defaults, and an example for documentation and
hints."""

from typing import Annotated, Literal

from pydantic import Field

from kronos.api.fields import Body, Cron, EndpointName, Note, Text, TimeOrLocal, Zone
from kronos.api.query_schemas import PageQuery
from kronos.beats import BeatTickStatus, HeartbeatState


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
    tags: Annotated[list[Annotated[Text, Field(max_length=64)]], Field(max_length=20)] = Field(
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
