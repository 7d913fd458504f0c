"""Tools that read what jobs are made with, judge a schedule or a change, and follow what was begun."""

from typing import Annotated, Literal

from pydantic import Field

from kronos.api.job_schemas import JobPatch
from kronos.cli.command import given
from kronos.mcp.tools import (
    Asking,
    Cursor,
    EndpointName,
    Id,
    Instant,
    JobRef,
    Limit,
    Rows,
    Shaped,
    Shown,
    document,
    tool,
)
from kronos.model import JsonObject

_Zone = Annotated[str, Field(description="An IANA time zone, such as Europe/Berlin.")]
_Count = Annotated[int, Field(ge=1, le=100, description="How many runs to foresee.")]
Change = Annotated[
    JsonObject, Shaped(JobPatch), Field(description="What becomes different: only these fields. null takes one away.")
]


class Lookups:
    """Endpoints, schedules, changes to come, operations, and who asks."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @tool()
    async def preview_schedule(
        self,
        cron: Annotated[str | None, Field(description="Five fields, such as '0 9 * * 1'.")] = None,
        every: Annotated[str | None, Field(description="An interval in place of cron: 90m, 2w, 1mo.")] = None,
        anchor: Annotated[str | None, Field(description="What every is counted from; now.")] = None,
        timezone: _Zone = "UTC",
        after: Instant = None,
        count: _Count = 10,
        dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"] = "SHIFT",
        dst_overlap: Literal["FIRST", "BOTH"] = "FIRST",
    ) -> Shown:
        """Foresee what a schedule does: in words, its next runs, what clock changes do to it. Give cron or every."""
        body = given(cron=cron, every=every, anchor=anchor, after=after, count=count, timezone=timezone)
        judged = await self._asking.judge(
            "schedules", "preview", body={**body, "dst_gap": dst_gap, "dst_overlap": dst_overlap}
        )
        return document(judged)

    @tool()
    async def parse_schedule(
        self,
        sentence: Annotated[str, Field(description="Such as 'every weekday at 9:30'.")],
        timezone: _Zone = "UTC",
        count: _Count = 10,
    ) -> Shown:
        """Turn a schedule in plain English into a cron expression or an interval, and foresee its runs."""
        body = {"sentence": sentence, "timezone": timezone, "count": count}
        return document(await self._asking.judge("schedules", "parse", body=body))

    @tool()
    async def diff_job(self, job: JobRef, change: Change) -> Shown:
        """Plan a change of a CRON job: which runs of the coming 7 days it adds, removes and moves. Nothing is written.
        The change is the same as for edit_job."""
        return document(await self._asking.send("POST", "jobs", job, "diff", body=change))

    @tool()
    async def list_endpoints(self, limit: Limit = 20, cursor: Cursor = None) -> Rows:
        """List endpoints, newest first: where jobs are delivered, and how each is doing."""
        return await self._asking.page("endpoints", limit=limit, cursor=cursor)

    @tool()
    async def get_endpoint(self, endpoint: EndpointName) -> Shown:
        """Get one endpoint by its name: its address, retries, time-out, limits and health. Secrets are only named."""
        return await self._asking.show("endpoints", endpoint)

    @tool()
    async def get_operation(self, operation_id: Id) -> Shown:
        """Get how far an operation is: a redrive that was begun by redrive_dead_letters."""
        return await self._asking.show("operations", operation_id)

    @tool()
    async def get_backfill(self, backfill_id: Id) -> Shown:
        """Get how far a backfill is that was begun by backfill_job."""
        return await self._asking.show("backfills", backfill_id)

    @tool()
    async def whoami(self) -> Shown:
        """Tell whose the API key is: its role (viewer reads; operator makes, changes, runs, pauses and cancels too;
        admin everything in the workspace) and whether it sees payloads. Where a call is forbidden, look here."""
        return document(await self._asking.instance("me"))
