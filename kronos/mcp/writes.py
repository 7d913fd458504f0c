"""Tools that change something. Each can be asked first what it would do."""

import re
from typing import Annotated, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from kronos.api.fields import ENDPOINT_NAME
from kronos.api.job_schemas import JobCreate
from kronos.cli.command import given
from kronos.mcp.lookups import Change
from kronos.mcp.tools import Asking, Id, Instant, JobRef, Shaped, Shown, document, tool
from kronos.model import Json, JsonObject

_NOTHING = "Dry run: nothing was written."
_DryRun = Annotated[bool, Field(description="Only tell what would happen; nothing is written.")]
_Key = Annotated[
    str | None,
    Field(
        pattern=r"^[!-~]{1,120}$",
        description="A word of your own for this one act: the same call with the same key does nothing twice.",
    ),
]
_Version = Annotated[
    int | None, Field(ge=1, description="Only if the job is still at this version (version of get_job).")
]
_To = Annotated[
    Literal["latest", "same"], Field(description="The endpoint as it is now, or in the version that the run had.")
]
_NewJob = Annotated[JsonObject, Shaped(JobCreate), Field(description="The job.")]


class Changing:
    """What an operator does."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @tool(writes=True, repeatable=False, calls_out=True)
    async def create_job(self, job: _NewJob, idempotency_key: _Key = None, dry_run: _DryRun = False) -> Shown:
        """Make a job. trigger CRON takes cron or every (and timezone), DELAYED takes run_at, IMMEDIATE takes neither
        and is delivered at once. The endpoint must be there (list_endpoints). dry_run foresees the runs and shows the
        endpoint; it does not look at the input, the name or quotas."""
        if not dry_run:
            return document(await self._asking.send("POST", "jobs", body=job, key=idempotency_key))
        name = job.get("endpoint")
        if not isinstance(name, str) or re.fullmatch(ENDPOINT_NAME, name) is None:
            raise ToolError("endpoint of the job is no name of an endpoint: see list_endpoints")
        told: JsonObject = {"would_create": job, "endpoint": await self._asking.get("endpoints", name)}
        if job.get("trigger") == "CRON":
            terms = ("cron", "every", "anchor", "timezone", "dst_gap", "dst_overlap")
            body = {name: job[name] for name in terms if job.get(name) is not None}
            told["schedule"] = await self._asking.judge("schedules", "preview", body=body)
        return document(told, _NOTHING)

    @tool(writes=True, destroys=True)
    async def edit_job(
        self, job: JobRef, change: Change, expected_version: _Version = None, dry_run: _DryRun = False
    ) -> Shown:
        """Change terms of a CRON job. Its present version is retired, and the next one rings in its place. dry_run
        tells which runs of the coming 7 days are added, removed and moved, as diff_job. A repeat makes one more
        version of the same: give expected_version, and it is refused instead."""
        if dry_run:
            return document(await self._asking.send("POST", "jobs", job, "diff", body=change), _NOTHING)
        return document(await self._asking.send("PATCH", "jobs", job, body=change, if_match=_tag(expected_version)))

    @tool(writes=True, destroys=True)
    async def pause_job(
        self,
        job: JobRef,
        until: Annotated[str | None, Field(description="When it resumes by itself; else only by a call.")] = None,
        note: Annotated[str | None, Field(description="Why, for people who wonder later.")] = None,
        expected_version: _Version = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Pause a CRON job: its ticks do not run until it is resumed. A paused job stays paused."""
        if dry_run:
            return await self._would("pause", job)
        body = given(until=until, note=note)
        return await self._post(job, "pause", body=body, expected_version=expected_version)

    @tool(writes=True, calls_out=True)
    async def resume_job(self, job: JobRef, expected_version: _Version = None, dry_run: _DryRun = False) -> Shown:
        """Go on with a paused job. What came due meanwhile runs as its catch_up policy says."""
        if dry_run:
            return await self._would("resume", job)
        return await self._post(job, "resume", expected_version=expected_version)

    @tool(writes=True, destroys=True)
    async def skip_next_runs(
        self,
        job: JobRef,
        count: Annotated[int, Field(ge=0, le=10000, description="In place of what was set before; 0: none.")] = 1,
        expected_version: _Version = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Skip the next ticks of a CRON job; they are recorded as SKIPPED. dry_run lists them."""
        if dry_run:
            coming = await self._asking.get("jobs", job, "next-runs", count=min(max(count, 1), 100))
            return document({"would_skip": coming.get("next_runs", [])[:count], "count": count}, _NOTHING)
        return await self._post(job, "skip-next", body={"count": count}, expected_version=expected_version)

    @tool(writes=True, repeatable=False, calls_out=True)
    async def trigger_job(
        self,
        job: JobRef,
        input: Annotated[JsonObject | None, Field(description="In place of the job's own.")] = None,
        priority: Annotated[int | None, Field(ge=-10, le=10)] = None,
        deadline_seconds: Annotated[int | None, Field(ge=1, description="It is not sent later than this.")] = None,
        idempotency_key: _Key = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Run a CRON job once, now, beside its schedule: its receiver gets a real delivery."""
        if dry_run:
            return await self._would("trigger", job)
        body = given(input=input, priority=priority, deadline_seconds=deadline_seconds)
        return document(await self._asking.send("POST", "jobs", job, "trigger", body=body, key=idempotency_key))

    @tool(writes=True, destroys=True)
    async def cancel_job(self, job: JobRef, expected_version: _Version = None, dry_run: _DryRun = False) -> Shown:
        """End a job for good: a CRON job's ticks, or a single run that has not begun. Its history stays."""
        if dry_run:
            return await self._would("cancel", job)
        return document(await self._asking.send("DELETE", "jobs", job, if_match=_tag(expected_version)))

    @tool(writes=True, destroys=True)
    async def cancel_execution(self, execution_id: Id, dry_run: _DryRun = False) -> Shown:
        """Cancel one execution: one that waits is not sent; of one that is being sent the request is ended, and its
        receiver may have acted. One that has ended cannot be cancelled."""
        if dry_run:
            return document(await self._asking.get("executions", execution_id), _NOTHING)
        return document(await self._asking.send("POST", "executions", execution_id, "cancel"))

    @tool(writes=True, repeatable=False, calls_out=True)
    async def retry_execution(
        self,
        execution_id: Id,
        endpoint_version: _To = "latest",
        idempotency_key: _Key = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Send an execution that failed once more, under its own id."""
        if dry_run:
            return document(await self._asking.get("executions", execution_id), _NOTHING)
        body = {"endpoint_version": endpoint_version}
        return document(
            await self._asking.send("POST", "executions", execution_id, "retry", body=body, key=idempotency_key)
        )

    @tool(writes=True, destroys=True, repeatable=False, calls_out=True)
    async def redrive_dead_letters(
        self,
        endpoint: str | None = None,
        job: str | None = None,
        error_type: str | None = None,
        search: Annotated[str | None, Field(description="Whose last error holds this text.")] = None,
        after: Instant = None,
        before: Instant = None,
        endpoint_version: _To = "latest",
        per_second: Annotated[int | None, Field(ge=1, le=10000, description="At most so many a second.")] = None,
        idempotency_key: _Key = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Send all dead letters that match once more, oldest first; without a filter, all of the workspace. dry_run
        counts them: always ask it first. The answer is an operation: see get_operation."""
        filters = given(endpoint=endpoint, job=job, error_type=error_type, q=search, after=after, before=before)
        body = {**filters, **given(per_second=per_second), "endpoint_version": endpoint_version}
        return await self._begin("dead-letters", "redrive", body=body, key=idempotency_key, dry_run=dry_run)

    @tool(writes=True, repeatable=False, calls_out=True)
    async def backfill_job(
        self,
        job: JobRef,
        since: Annotated[str, Field(description="The first tick is not before, such as 2026-11-01T00:00:00Z.")],
        until: Annotated[str, Field(description="The last tick is before; not in the future.")],
        include: Annotated[
            list[Literal["MISSED", "SKIPPED", "CANCELLED", "FAILED"]] | None,
            Field(description="Which ticks, by what had become of them; all but FAILED, if not given."),
        ] = None,
        max_active: Annotated[int | None, Field(ge=1, le=1000, description="Unfinished runs of it at once.")] = None,
        priority: Annotated[int | None, Field(ge=-10, le=10)] = None,
        idempotency_key: _Key = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Run the ticks of a CRON job's past window that did not run. dry_run counts them: always ask it first. The
        answer is a backfill: see get_backfill."""
        body: JsonObject = {"from": since, "to": until}
        body |= given(include=include, max_active=max_active, priority=priority)
        return await self._begin("jobs", job, "backfill", body=body, key=idempotency_key, dry_run=dry_run)

    async def _post(self, job: str, verb: str, *, body: Json = None, expected_version: int | None = None) -> Shown:
        tag = _tag(expected_version)
        return document(await self._asking.send("POST", "jobs", job, verb, body=body, if_match=tag))

    async def _begin(self, *path: str, body: JsonObject, key: str | None, dry_run: bool) -> Shown:
        """Work over many rows, or how many they would be."""
        if dry_run:
            return document(await self._asking.send("POST", *path, body={**body, "validate_only": True}), _NOTHING)
        return document(await self._asking.send("POST", *path, body=body, key=key))

    async def _would(self, action: str, job: str) -> Shown:
        """What the API says of an action that is not done, and the job as it is."""
        asked = {"action": action, "jobs": [job], "validate_only": True}
        judged = await self._asking.send("POST", "jobs:bulk", body=asked)
        return document({"would": action, "judged": judged, "job": await self._asking.get("jobs", job)}, _NOTHING)


def _tag(version: int | None) -> str | None:
    return None if version is None else f'"{version}"'
