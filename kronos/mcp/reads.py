"""Tools that read jobs and what became of them."""

from typing import Annotated, Literal

from pydantic import Field

from kronos.mcp.tools import Asking, Cursor, Id, Instant, JobRef, Limit, Rows, Shown, document, tool
from kronos.model import ExecutionStatus, JobStatus, JsonObject

_Count = Annotated[int, Field(ge=1, le=100, description="How many runs.")]


class Looking:
    """Jobs, executions, dead letters, and how it all goes."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @tool()
    async def list_jobs(
        self,
        search: Annotated[str | None, Field(description="Whose name, or endpoint's name, holds this text.")] = None,
        status: JobStatus | None = None,
        trigger: Literal["IMMEDIATE", "DELAYED", "CRON"] | None = None,
        endpoint: str | None = None,
        tag: str | None = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Rows:
        """List or search jobs, newest first: what runs, when, and where it is sent. Filters are joined by and."""
        return await self._asking.page(
            "jobs",
            limit=limit,
            cursor=cursor,
            q=search,
            status=status,
            trigger=trigger,
            endpoint=endpoint,
            tag=tag,
        )

    @tool()
    async def get_job(self, job: JobRef) -> Shown:
        """Get all terms of a job: schedule, time zone, endpoint, input, policies, next and last run."""
        return await self._asking.show("jobs", job)

    @tool()
    async def get_job_status(self, job: JobRef) -> Shown:
        """Tell how a job is doing: its health, how its runs of the last 24 hours ended, whether each tick is accounted
        for, and whether pg_cron rings for it. To see why one tick ran or did not, use explain_job."""
        return await self._asking.show("jobs", job, "status")

    @tool()
    async def explain_job(self, job: JobRef, at: Instant = None) -> Shown:
        """Explain why a job ran, did not run, or will run at an instant (now, if none is given): the decision, one
        sentence of why, and each step that was looked at with its evidence. Ask this first when a run is missing."""
        return await self._asking.show("jobs", job, "explain", at=at)

    @tool()
    async def list_next_runs(self, job: JobRef, count: _Count = 10) -> Shown:
        """List when a job runs next, in its own time zone and in UTC, with what clock changes do to it."""
        return await self._asking.show("jobs", job, "next-runs", count=count)

    @tool()
    async def list_ticks(self, job: JobRef, since: Instant = None, until: Instant = None, limit: Limit = 50) -> Shown:
        """List the ticks of a CRON job in a window of the past, and what became of each (the last 24 hours, if none is
        given). next_from of the answer is the since of the next call."""
        found = await self._asking.get("jobs", job, "ticks", limit=limit, **{"from": since, "to": until})
        return document(found)

    @tool()
    async def list_executions(
        self,
        job: Annotated[str | None, Field(description="Of this job, an id or a name.")] = None,
        status: ExecutionStatus | None = None,
        scheduled_after: Instant = None,
        scheduled_before: Instant = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Rows:
        """List executions, newest first: single runs and ticks, how each ended, and with which error."""
        return await self._asking.page(
            "executions",
            limit=limit,
            cursor=cursor,
            job=job,
            status=status,
            scheduled_after=scheduled_after,
            scheduled_before=scheduled_before,
        )

    @tool()
    async def get_execution(self, execution_id: Id) -> Shown:
        """Get one execution: its state, input, output or error, times, and what it set off."""
        return await self._asking.show("executions", execution_id)

    @tool()
    async def list_attempts(self, execution_id: Id, limit: Limit = 20, cursor: Cursor = None) -> Rows:
        """List the deliveries of one execution, and what the receiver answered to each."""
        return await self._asking.page("executions", execution_id, "attempts", limit=limit, cursor=cursor)

    @tool()
    async def list_dead_letters(
        self,
        endpoint: str | None = None,
        job: str | None = None,
        error_type: Annotated[str | None, Field(description="Of the last error, such as http_status.")] = None,
        search: Annotated[str | None, Field(description="Whose last error holds this text.")] = None,
        after: Instant = None,
        before: Instant = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Rows:
        """List dead letters, the last that failed first: executions that failed for good and that nobody has dealt
        with. Where there are many, begin with group_dead_letters."""
        filters = {"endpoint": endpoint, "job": job, "error_type": error_type, "q": search}
        return await self._asking.page(
            "dead-letters", limit=limit, cursor=cursor, after=after, before=before, **filters
        )

    @tool()
    async def group_dead_letters(
        self, endpoint: str | None = None, job: str | None = None, after: Instant = None, before: Instant = None
    ) -> Shown:
        """Count dead letters by endpoint and error: what fails, how often, since when."""
        return await self._asking.show("dead-letters", "groups", endpoint=endpoint, job=job, after=after, before=before)

    @tool()
    async def get_overview(self) -> Shown:
        """Tell what is going on in the workspace: what failed or is late in the last hour, what waits, which jobs
        fail, whether workers and pg_cron are well. minutes has those in which something happened."""
        found = await self._asking.get("overview")
        minutes = [_of_note(each) for each in found.get("minutes", [])]
        return document({**found, "minutes": [each for each in minutes if len(each) > 1]})

    @tool()
    async def get_load(self, window: Literal["24h", "7d"] = "24h") -> Shown:
        """Count the runs to come: in all, by the hour, in the ten busiest minutes, beside what the instance can do."""
        found = await self._asking.get("load", window=window)
        runs: list[int] = found.pop("runs", [])
        hours = [sum(runs[start : start + 60]) for start in range(0, len(runs), 60)]
        return document({**found, "total": sum(runs), "runs_by_hour": hours}, "The first hour begins at from_at.")


def _of_note(minute: JsonObject) -> JsonObject:
    """A minute without what is nothing."""
    return {name: value for name, value in minute.items() if value or name == "at"}
