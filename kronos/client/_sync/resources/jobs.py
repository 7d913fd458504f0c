"""Jobs. Made by bin/client."""

from datetime import datetime
from typing import Literal, Unpack
from uuid import UUID

from kronos.client._core.calls import AUTO, all_keyed, path_of, read, with_key, with_keys, write
from kronos.client._sync.listing import Listing
from kronos.client._sync.resource import Resource
from kronos.client.bodies.jobs import JobBatch, JobBulk, JobCreate, JobPatch, JobPause, JobSkipNext, TriggerRequest
from kronos.client.bodies.words import ExecutionStatus, JobTrigger
from kronos.client.models.executions import Execution
from kronos.client.models.jobs import (
    BulkCount,
    BulkDone,
    Explanation,
    FireDiff,
    Glances,
    Job,
    JobsMade,
    JobState,
    Preview,
    TickDays,
    Ticks,
)


class JobsResource(Resource):
    """What to run and when: IMMEDIATE, DELAYED or CRON."""

    def create(self, **fields: Unpack[JobCreate]) -> Job:
        """Create a job. With a known idempotency key, return the job created before.

        Needs the role `operator`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "jobs"), body=with_key(fields), repeat="keyed"), Job
        )

    def list(
        self,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        endpoint: str | None = None,
        trigger: JobTrigger | None = None,
        status: Literal["ACTIVE", "PAUSED", "RETIRED", "COMPLETED", "LIVE"] | None = None,
        tag: str | None = None,
        q: str | None = None,
        created_after: datetime | str | None = None,
        created_before: datetime | str | None = None,
        sort: Literal["created", "name", "next_run"] | None = None,
    ) -> Listing[Job]:
        """List the jobs of a workspace, newest first or in the order given by `sort`.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport,
            read(
                path_of(*self._base, "jobs"),
                {
                    "limit": page_size,
                    "cursor": cursor,
                    "endpoint": endpoint,
                    "trigger": trigger,
                    "status": status,
                    "tag": tag,
                    "q": q,
                    "created_after": created_after,
                    "created_before": created_before,
                    "sort": sort,
                },
            ),
            Job,
        )

    def get(self, job: UUID | str) -> Job:
        """Get a job.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "jobs", job)), Job)

    def edit(self, job: UUID | str, *, if_match: int | str | None = None, **fields: Unpack[JobPatch]) -> Job:
        """Change a CRON job: retire its current version and create the next one, in one transaction.

        Needs the role `operator`.

        Where its answer is lost it is sent again only with `if_match`.
        """
        return self._transport.call(
            write(
                "PATCH",
                path_of(*self._base, "jobs", job),
                body=fields,
                repeat="always" if if_match is not None else "never",
                if_match=if_match,
            ),
            Job,
        )

    def cancel(self, job: UUID | str, *, if_match: int | str | None = None) -> Job:
        """Cancel a job: retire it and remove its pg_cron entry, in one transaction.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("DELETE", path_of(*self._base, "jobs", job), repeat="always", if_match=if_match), Job
        )

    def diff(self, job: UUID | str, **fields: Unpack[JobPatch]) -> FireDiff:
        """Preview how a change would affect a CRON job's runs in the next 7 days. Nothing is written.

        Needs the role `viewer`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "jobs", job, "diff"), body=fields, repeat="always"), FireDiff
        )

    def pause(self, job: UUID | str, *, if_match: int | str | None = None, **fields: Unpack[JobPause]) -> Job:
        """Pause a CRON job until it is resumed, or until a given time.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "jobs", job, "pause"), body=fields, repeat="always", if_match=if_match),
            Job,
        )

    def resume(self, job: UUID | str, *, if_match: int | str | None = None) -> Job:
        """Resume a paused job.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "jobs", job, "resume"), repeat="always", if_match=if_match), Job
        )

    def skip_next(self, job: UUID | str, *, if_match: int | str | None = None, **fields: Unpack[JobSkipNext]) -> Job:
        """Skip the given number of a CRON job's next ticks.

        Needs the role `operator`.

        Where its answer is lost it is not sent again: look whether it was done.
        """
        return self._transport.call(
            write(
                "POST", path_of(*self._base, "jobs", job, "skip-next"), body=fields, repeat="never", if_match=if_match
            ),
            Job,
        )

    def trigger(
        self, job: UUID | str, *, idempotency_key: str | None = AUTO, **fields: Unpack[TriggerRequest]
    ) -> Execution:
        """Run a CRON job once now, outside its schedule. With a known idempotency key, return the run
        created before.

        Needs the role `operator`.

        Where its answer is lost it is sent again under its `idempotency_key`: one is made unless that is
        None.
        """
        return self._transport.call(
            write(
                "POST",
                path_of(*self._base, "jobs", job, "trigger"),
                body=fields,
                repeat="keyed",
                idempotency_key=idempotency_key,
            ),
            Execution,
        )

    def executions(
        self,
        job: UUID | str,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        status: ExecutionStatus | None = None,
        scheduled_after: datetime | str | None = None,
        scheduled_before: datetime | str | None = None,
    ) -> Listing[Execution]:
        """List a job's executions, newest first.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport,
            read(
                path_of(*self._base, "jobs", job, "executions"),
                {
                    "limit": page_size,
                    "cursor": cursor,
                    "status": status,
                    "scheduled_after": scheduled_after,
                    "scheduled_before": scheduled_before,
                },
            ),
            Execution,
        )

    def versions(self, job: UUID | str, *, page_size: int | None = None, cursor: str | None = None) -> Listing[Job]:
        """List a job's versions, newest first.

        Needs the role `viewer`.
        """
        return Listing(
            self._transport,
            read(path_of(*self._base, "jobs", job, "versions"), {"limit": page_size, "cursor": cursor}),
            Job,
        )

    def status(self, job: UUID | str) -> JobState:
        """Get a job's health and the outcome of its last 24 hours.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "jobs", job, "status")), JobState)

    def next_runs(self, job: UUID | str, *, count: int | None = None) -> Preview:
        """List a CRON job's next runs.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "jobs", job, "next-runs"), {"count": count}), Preview)

    def explain(self, job: UUID | str, *, at: datetime | str | None = None) -> Explanation:
        """Explain why a job did or did not run at an instant.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "jobs", job, "explain"), {"at": at}), Explanation)

    def ticks(
        self,
        job: UUID | str,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        limit: int | None = None,
    ) -> Ticks:
        """List a CRON job's ticks in a window, and the outcome of each.

        Needs the role `viewer`.
        """
        return self._transport.call(
            read(path_of(*self._base, "jobs", job, "ticks"), {"from": from_, "to": to, "limit": limit}), Ticks
        )

    def tick_days(
        self,
        job: UUID | str,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        timezone: str | None = None,
    ) -> TickDays:
        """Count a CRON job's ticks in a window, by day and outcome.

        Needs the role `viewer`.
        """
        return self._transport.call(
            read(path_of(*self._base, "jobs", job, "ticks", "days"), {"from": from_, "to": to, "timezone": timezone}),
            TickDays,
        )

    def batch(self, **batch: Unpack[JobBatch]) -> JobsMade:
        """Create up to 1,000 jobs: all or none, or each separately.

        Needs the role `operator`.

        Where its answer is lost it is sent again if each thing that it does has an idempotency key, or
        needs none.
        """
        return self._transport.call(
            write(
                "POST",
                path_of(*self._base, "jobs:batch"),
                body={**batch, "jobs": with_keys(batch["jobs"])},
                repeat="always" if all_keyed(batch["jobs"]) else "never",
            ),
            JobsMade,
        )

    def bulk(self, **bulk: Unpack[JobBulk]) -> BulkDone:
        """Pause, resume, cancel or trigger many jobs, up to 500 per call.

        The jobs are listed, or match a filter. Each is changed separately. With validate_only, only count
        them.

        Needs the role `operator`.

        Where its answer is lost it is sent again if each thing that it does has an idempotency key, or
        needs none.
        """
        return self._transport.call(
            write(
                "POST",
                path_of(*self._base, "jobs:bulk"),
                body={**bulk, "validate_only": False},
                repeat="keyed" if bulk.get("action") == "trigger" else "always",
            ),
            BulkDone,
        )

    def count_bulk(self, **bulk: Unpack[JobBulk]) -> BulkCount:
        """Only count, or judge; nothing is done. Pause, resume, cancel or trigger many jobs, up to 500 per
        call.

        The jobs are listed, or match a filter. Each is changed separately. With validate_only, only count
        them.

        Needs the role `operator`.

        Where its answer is lost it is sent again.
        """
        return self._transport.call(
            write("POST", path_of(*self._base, "jobs:bulk"), body={**bulk, "validate_only": True}, repeat="always"),
            BulkCount,
        )

    def glances(self, *, ids: str) -> Glances:
        """List the last 20 runs of each of the given CRON jobs, with their success rate and durations.

        Needs the role `viewer`.
        """
        return self._transport.call(read(path_of(*self._base, "jobs:glance"), {"ids": ids}), Glances)
