"""Tools that read endpoints, preview schedules and changes, and follow work that was started."""

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
_Count = Annotated[int, Field(ge=1, le=100, description="Number of runs to preview.")]
Change = Annotated[
    JsonObject, Shaped(JobPatch), Field(description="The fields to change; others stay as they are. null clears one.")
]


class Lookups:
    """Endpoints, schedules, changes, operations, and the key's permissions."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @tool()
    async def preview_schedule(
        self,
        cron: Annotated[str | None, Field(description="A cron expression of five fields, such as '0 9 * * 1'.")] = None,
        every: Annotated[str | None, Field(description="An interval instead of cron: 90m, 2w, 1mo.")] = None,
        anchor: Annotated[str | None, Field(description="The instant that every counts from; default: now.")] = None,
        timezone: _Zone = "UTC",
        after: Instant = None,
        count: _Count = 10,
        dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"] = "SHIFT",
        dst_overlap: Literal["FIRST", "BOTH"] = "FIRST",
    ) -> Shown:
        """Preview a schedule: in words, its next runs, the effect of clock changes. Pass cron or every."""
        body = given(cron=cron, every=every, anchor=anchor, after=after, count=count, timezone=timezone)
        judged = await self._asking.judge(
            "schedules", "preview", body={**body, "dst_gap": dst_gap, "dst_overlap": dst_overlap}
        )
        return document(judged)

    @tool()
    async def parse_schedule(
        self,
        sentence: Annotated[str, Field(description="A schedule, such as 'every weekday at 9:30'.")],
        timezone: _Zone = "UTC",
        count: _Count = 10,
    ) -> Shown:
        """Turn a schedule in plain English into a cron expression or an interval, and preview its runs."""
        body = {"sentence": sentence, "timezone": timezone, "count": count}
        return document(await self._asking.judge("schedules", "parse", body=body))

    @tool()
    async def diff_job(self, job: JobRef, change: Change) -> Shown:
        """Preview a change of a CRON job: which runs of the next 7 days it adds, removes and moves. Nothing is written.
        Takes the same change as edit_job."""
        return document(await self._asking.send("POST", "jobs", job, "diff", body=change))

    @tool()
    async def list_endpoints(self, limit: Limit = 20, cursor: Cursor = None) -> Rows:
        """List endpoints, newest first: where jobs are delivered, and the health of each."""
        return await self._asking.page("endpoints", limit=limit, cursor=cursor)

    @tool()
    async def get_endpoint(self, endpoint: EndpointName) -> Shown:
        """Get one endpoint by name: its address, retries, timeout, limits and health. Secrets appear only by name."""
        return await self._asking.show("endpoints", endpoint)

    @tool()
    async def get_operation(self, operation_id: Id) -> Shown:
        """Get the progress of an operation, such as a redrive that redrive_dead_letters started."""
        return await self._asking.show("operations", operation_id)

    @tool()
    async def get_backfill(self, backfill_id: Id) -> Shown:
        """Get the progress of a backfill that backfill_job started."""
        return await self._asking.show("backfills", backfill_id)

    @tool()
    async def whoami(self) -> Shown:
        """Get the API key's role (viewer: read; operator: also create, change, run, pause and cancel; admin: everything
        in the workspace), and whether it sees payloads. Check this when a call is forbidden."""
        return document(await self._asking.instance("me"))
