"""Tools that change something. Each has a dry run, which shows what the call would do."""

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
_DryRun = Annotated[bool, Field(description="Only show what would happen; nothing is written.")]
_Key = Annotated[
    str | None,
    Field(
        pattern=r"^[!-~]{1,120}$",
        description="A word of your choice for this one action: repeating the call with it does nothing twice.",
    ),
]
_Version = Annotated[
    int | None, Field(ge=1, description="Make the change only if the job still has this version (from get_job).")
]
_To = Annotated[
    Literal["latest", "same"],
    Field(description="latest: the endpoint as it is now; same: the version that the run used."),
]
_NewJob = Annotated[JsonObject, Shaped(JobCreate), Field(description="The job.")]


class Changing:
    """Tools for an operator."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @tool(writes=True, repeatable=False, calls_out=True)
    async def create_job(self, job: _NewJob, idempotency_key: _Key = None, dry_run: _DryRun = False) -> Shown:
        """Create a job. Trigger CRON needs cron or every (and a timezone). DELAYED needs run_at. IMMEDIATE needs
        neither and is delivered immediately. The endpoint must exist (list_endpoints). dry_run previews the runs and
        shows the endpoint; it does not check the input, the name or quotas."""
        if not dry_run:
            return document(await self._asking.send("POST", "jobs", body=job, key=idempotency_key))
        name = job.get("endpoint")
        if not isinstance(name, str) or re.fullmatch(ENDPOINT_NAME, name) is None:
            raise ToolError("the job's endpoint is not a valid endpoint name: see list_endpoints")
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
        """Change fields of a CRON job. This retires its current version, and a new version takes its place. dry_run
        shows which runs of the next 7 days are added, removed and moved, as diff_job does. Repeating the call creates
        one more identical version. Pass expected_version to have a repeated call rejected."""
        if dry_run:
            return document(await self._asking.send("POST", "jobs", job, "diff", body=change), _NOTHING)
        return document(await self._asking.send("PATCH", "jobs", job, body=change, if_match=_tag(expected_version)))

    @tool(writes=True, destroys=True)
    async def pause_job(
        self,
        job: JobRef,
        until: Annotated[
            str | None, Field(description="When the job resumes automatically; if omitted, only resume_job resumes it.")
        ] = None,
        note: Annotated[str | None, Field(description="The reason, recorded for later.")] = None,
        expected_version: _Version = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Pause a CRON job. Its ticks do not run until it is resumed. On a paused job, this changes note and until."""
        if dry_run:
            return await self._would("pause", job)
        body = given(until=until, note=note)
        return await self._post(job, "pause", body=body, expected_version=expected_version)

    @tool(writes=True, calls_out=True)
    async def resume_job(self, job: JobRef, expected_version: _Version = None, dry_run: _DryRun = False) -> Shown:
        """Resume a paused job. Ticks of the pause stay SKIPPED, and are not delivered later."""
        if dry_run:
            return await self._would("resume", job)
        return await self._post(job, "resume", expected_version=expected_version)

    @tool(writes=True, destroys=True)
    async def skip_next_runs(
        self,
        job: JobRef,
        count: Annotated[int, Field(ge=0, le=10000, description="How many; replaces an earlier count; 0: none.")] = 1,
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
        input: Annotated[JsonObject | None, Field(description="Input for this run, instead of the job's own.")] = None,
        priority: Annotated[int | None, Field(ge=-10, le=10)] = None,
        deadline_seconds: Annotated[
            int | None, Field(ge=1, description="Do not deliver the run later than this.")
        ] = None,
        idempotency_key: _Key = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Run a CRON job once, now, in addition to its schedule. Its receiver gets a real delivery."""
        if dry_run:
            return await self._would("trigger", job)
        body = given(input=input, priority=priority, deadline_seconds=deadline_seconds)
        return document(await self._asking.send("POST", "jobs", job, "trigger", body=body, key=idempotency_key))

    @tool(writes=True, destroys=True)
    async def cancel_job(self, job: JobRef, expected_version: _Version = None, dry_run: _DryRun = False) -> Shown:
        """Cancel a job permanently: a CRON job's ticks, or a one-shot that has not started. Its history is kept."""
        if dry_run:
            return await self._would("cancel", job)
        return document(await self._asking.send("DELETE", "jobs", job, if_match=_tag(expected_version)))

    @tool(writes=True, destroys=True)
    async def cancel_execution(self, execution_id: Id, dry_run: _DryRun = False) -> Shown:
        """Cancel one execution. If it is waiting, it is not sent. If it is being sent, the request is ended, but the
        receiver may already have acted. An execution that has ended cannot be cancelled."""
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
        """Deliver a failed execution again. It keeps its id."""
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
        search: Annotated[
            str | None, Field(description="Only dead letters whose last error contains this text.")
        ] = None,
        after: Instant = None,
        before: Instant = None,
        endpoint_version: _To = "latest",
        per_second: Annotated[int | None, Field(ge=1, le=10000, description="Maximum number per second.")] = None,
        idempotency_key: _Key = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Deliver all matching dead letters again, oldest first; without a filter, all of the workspace. dry_run counts
        them: always call with dry_run first. Returns an operation: see get_operation."""
        filters = given(endpoint=endpoint, job=job, error_type=error_type, q=search, after=after, before=before)
        body = {**filters, **given(per_second=per_second), "endpoint_version": endpoint_version}
        return await self._begin("dead-letters", "redrive", body=body, key=idempotency_key, dry_run=dry_run)

    @tool(writes=True, repeatable=False, calls_out=True)
    async def backfill_job(
        self,
        job: JobRef,
        since: Annotated[str, Field(description="Start of the window, inclusive, such as 2026-11-01T00:00:00Z.")],
        until: Annotated[str, Field(description="End of the window, exclusive; not in the future.")],
        include: Annotated[
            list[Literal["MISSED", "SKIPPED", "CANCELLED", "FAILED"]] | None,
            Field(description="Which ticks to run, by outcome; default: all but FAILED."),
        ] = None,
        max_active: Annotated[
            int | None, Field(ge=1, le=1000, description="Maximum number of unfinished runs of this backfill.")
        ] = None,
        priority: Annotated[int | None, Field(ge=-10, le=10)] = None,
        idempotency_key: _Key = None,
        dry_run: _DryRun = False,
    ) -> Shown:
        """Run ticks of a CRON job's past window that did not run. dry_run counts them: always call with dry_run first.
        Returns a backfill: see get_backfill."""
        body: JsonObject = {"from": since, "to": until}
        body |= given(include=include, max_active=max_active, priority=priority)
        return await self._begin("jobs", job, "backfill", body=body, key=idempotency_key, dry_run=dry_run)

    async def _post(self, job: str, verb: str, *, body: Json = None, expected_version: int | None = None) -> Shown:
        tag = _tag(expected_version)
        return document(await self._asking.send("POST", "jobs", job, verb, body=body, if_match=tag))

    async def _begin(self, *path: str, body: JsonObject, key: str | None, dry_run: bool) -> Shown:
        """Start work over many rows, or count the rows."""
        if dry_run:
            return document(await self._asking.send("POST", *path, body={**body, "validate_only": True}), _NOTHING)
        return document(await self._asking.send("POST", *path, body=body, key=key))

    async def _would(self, action: str, job: str) -> Shown:
        """Return the API's verdict on an action without doing it, and the job as it is."""
        asked = {"action": action, "jobs": [job], "validate_only": True}
        judged = await self._asking.send("POST", "jobs:bulk", body=asked)
        return document({"would": action, "judged": judged, "job": await self._asking.get("jobs", job)}, _NOTHING)


def _tag(version: int | None) -> str | None:
    return None if version is None else f'"{version}"'
