"""Tools that read jobs, executions and dead letters."""

from typing import Annotated, Literal

from pydantic import Field

from kronos.mcp.tools import Asking, Cursor, Id, Instant, JobRef, JobTime, Limit, Rows, Shown, document, tool
from kronos.model import ExecutionStatus, JobStatus, JsonObject

_Count = Annotated[int, Field(ge=1, le=100, description="Number of runs.")]


class Looking:
    """Jobs, executions, dead letters, and the state of the workspace."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @tool()
    async def list_jobs(
        self,
        search: Annotated[
            str | None, Field(description="Only jobs whose name or endpoint name contains this text.")
        ] = None,
        status: JobStatus | None = None,
        trigger: Literal["IMMEDIATE", "DELAYED", "CRON"] | None = None,
        endpoint: str | None = None,
        tag: str | None = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Rows:
        """List or search jobs, newest first: what runs, when, and where it is delivered. All filters must match."""
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
        """Get all fields of a job: schedule, time zone, endpoint, input, policies, next and last run."""
        return await self._asking.show("jobs", job)

    @tool()
    async def get_job_status(self, job: JobRef) -> Shown:
        """Get the state of a job: its health, how its runs of the last 24 hours ended, whether each tick is accounted
        for, and whether pg_cron rings for it. To see why one tick ran or did not, use explain_job."""
        return await self._asking.show("jobs", job, "status")

    @tool()
    async def explain_job(self, job: JobRef, at: JobTime = None) -> Shown:
        """Explain why a job ran, did not run, or will run at an instant (default: now): the decision, one sentence with
        the reason, and each step checked, with evidence. Use this first when a run is missing."""
        return await self._asking.show("jobs", job, "explain", at=at)

    @tool()
    async def list_next_runs(self, job: JobRef, count: _Count = 10) -> Shown:
        """List a job's next runs, in its own time zone and in UTC, with the effect of clock changes."""
        return await self._asking.show("jobs", job, "next-runs", count=count)

    @tool()
    async def list_ticks(self, job: JobRef, since: JobTime = None, until: JobTime = None, limit: Limit = 50) -> Shown:
        """List the ticks of a CRON job in a past window (default: the last 24 hours), and the outcome of each. To
        continue, pass next_from of the response as since."""
        found = await self._asking.get("jobs", job, "ticks", limit=limit, **{"from": since, "to": until})
        return document(found)

    @tool()
    async def list_executions(
        self,
        job: Annotated[str | None, Field(description="Only executions of this job, by id or name.")] = None,
        status: ExecutionStatus | None = None,
        endpoint: str | None = None,
        scheduled_after: Instant = None,
        scheduled_before: Instant = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Rows:
        """List executions, newest first: one-shots and ticks, how each ended, and its error."""
        return await self._asking.page(
            "executions",
            limit=limit,
            cursor=cursor,
            job=job,
            status=status,
            endpoint=endpoint,
            scheduled_after=scheduled_after,
            scheduled_before=scheduled_before,
        )

    @tool()
    async def get_execution(self, execution_id: Id) -> Shown:
        """Get one execution: its state, input, output or error, times, and the callbacks it started."""
        return await self._asking.show("executions", execution_id)

    @tool()
    async def list_attempts(self, execution_id: Id, limit: Limit = 20, cursor: Cursor = None) -> Rows:
        """List the attempts of one execution, with the receiver's response to each."""
        return await self._asking.page("executions", execution_id, "attempts", limit=limit, cursor=cursor)

    @tool()
    async def list_dead_letters(
        self,
        endpoint: str | None = None,
        job: str | None = None,
        error_type: Annotated[str | None, Field(description="Type of the last error, such as http_status.")] = None,
        search: Annotated[
            str | None, Field(description="Only dead letters whose last error contains this text.")
        ] = None,
        after: Instant = None,
        before: Instant = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Rows:
        """List dead letters, latest failure first: executions that failed permanently and were neither retried nor
        discarded. If there are many, begin with group_dead_letters."""
        filters = {"endpoint": endpoint, "job": job, "error_type": error_type, "q": search}
        return await self._asking.page(
            "dead-letters", limit=limit, cursor=cursor, after=after, before=before, **filters
        )

    @tool()
    async def group_dead_letters(
        self, endpoint: str | None = None, job: str | None = None, after: Instant = None, before: Instant = None
    ) -> Shown:
        """Count dead letters by endpoint and error: what fails, how often, and since when."""
        found = await self._asking.get("dead-letters", "groups", endpoint=endpoint, job=job, after=after, before=before)
        if not found["data"]:
            await self._asking.require_named({"endpoint": endpoint, "job": job})
        return document(found)

    @tool()
    async def get_overview(self) -> Shown:
        """Get the state of the workspace: what failed or is late in the last hour, what is waiting, which jobs fail,
        and whether workers and pg_cron work. minutes contains only minutes in which something happened."""
        found = await self._asking.get("overview")
        minutes = [_of_note(each) for each in found.get("minutes", [])]
        return document({**found, "minutes": [each for each in minutes if len(each) > 1]})

    @tool()
    async def get_load(self, window: Literal["24h", "7d"] = "24h") -> Shown:
        """Count the upcoming runs: in total, per hour, and in the ten busiest minutes, with the instance's capacity."""
        found = await self._asking.get("load", window=window)
        runs: list[int] = found.pop("runs", [])
        hours = [sum(runs[start : start + 60]) for start in range(0, len(runs), 60)]
        return document({**found, "total": sum(runs), "runs_by_hour": hours}, "The first hour begins at from_at.")


def _of_note(minute: JsonObject) -> JsonObject:
    """Return a minute without its zeros and empty fields."""
    return {name: value for name, value in minute.items() if value or name == "at"}
