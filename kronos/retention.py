"""How long history is kept: each workspace's retention, and the runs that delete older history."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from kronos import database_errors, errors, owner, session
from kronos.database import WorkspaceView
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.sql import Row, Statement, statement

_RUN_SECONDS = 1.0  # per transaction: long enough to be worth a commit, short enough not to hold up vacuum
_RUNS_IN_VAIN = 10
_CHUNK = 20_000
_LOWEST = UUID(int=0)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long a workspace's history is kept, in days: successes (SUCCESS, SKIPPED, CANCELLED) and failures (FAILED,
    MISSED, EXPIRED).

    own_*: the workspace's own setting, None if it uses the instance's. retained_from: history is complete from this
    time on; None: nothing was ever deleted.
    """

    workspace: str
    success_days: int
    failure_days: int
    own_success_days: int | None
    own_failure_days: int | None
    instance_success_days: int
    instance_failure_days: int
    retained_from: datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Days; null: the instance's default."""

    success_days: int | None
    failure_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The retention in force for a workspace, its own setting, and the instance's defaults. version: counts the changes
    of its own setting."""

    workspace: str
    success_days: int
    failure_days: int
    override: Ages
    defaults: Ages
    retained_from: datetime | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The version that a change is meant for; None: any."""

    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Confirms that the setting was stored."""

    is_set: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run deleted."""

    counts: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits of a run: rows with an ID from `youngest` on are too new; `partitions` would be dropped whole."""

    youngest: UUID
    drop_days: int
    old: UUID
    partitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCount:
    """What a run would delete of a chunk of executions; last_id is None at the end."""

    last_id: UUID | None
    seen: int
    executions: int
    attempts: int
    late_results: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChunk:
    """What a run would delete of a chunk of jobs; last_at and last_id are None at the end."""

    last_at: datetime | None
    last_id: UUID | None
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemainCount:
    """What else a run would delete."""

    backfills: int
    job_faults: int
    dead_letters: int
    operations: int
    workspaces: int
    idempotency_keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetailCount:
    """What a run would delete of a chunk of cron.job_run_details."""

    last_runid: int
    run_details: int
    is_left: bool


_GET = statement("retention.get_retention", Kept)
_MATCH = statement("retention.match_retention", Matched)
_SET = statement("retention.set_retention", Set)
_RETAIN = statement("retention.retain", Run)
_BOUNDS = statement("retention.get_bounds", Bounds)
_EXECUTIONS = statement("retention.count_executions", ExecutionCount)
_JOBS = statement("retention.count_jobs", JobChunk)
_REMAINS = statement("retention.count_remains", RemainCount)
_RUN_DETAILS = statement("retention.count_run_details", RunDetailCount)


def _shown(kept: Kept) -> Retention:
    return Retention(
        workspace=kept.workspace,
        success_days=kept.success_days,
        failure_days=kept.failure_days,
        override=Ages(success_days=kept.own_success_days, failure_days=kept.own_failure_days),
        defaults=Ages(success_days=kept.instance_success_days, failure_days=kept.instance_failure_days),
        retained_from=kept.retained_from,
        version=kept.version,
    )


async def get(view: WorkspaceView) -> Retention:
    """Return how long the workspace's history is kept. Raises WorkspaceNotFound."""
    (kept,) = await view.rows(_GET, {})
    return _shown(kept)


async def put(view: WorkspaceView, ages: Ages, *, if_match: Collection[int] | None = None) -> Retention:
    """Replace the workspace's own setting. Raises WorkspaceNotFound, PreconditionFailed."""
    params = {
        "success_days": ages.success_days,
        "failure_days": ages.failure_days,
        "if_match": None if if_match is None else list(if_match),
    }
    _, _, (kept,) = await view.prepare_write_read(_MATCH, _SET, _GET, params)
    return _shown(kept)


class Retainer:
    """Deletes old history over one connection of a user who may act as kronos_owner. Raises SessionRefused."""

    def __init__(self, connection: session.Connection) -> None:
        self._connection = connection
        try:
            owner.act_as_owner(self._connection)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue) as error:
            raise errors.SessionRefused(
                f"user {connection.info.user} may not act as kronos_owner: use the same KRONOS_DATABASE_URL as for "
                "`kronos migrate`"
            ) from error

    def runs(self) -> Iterator[JsonObject]:
        """Run, one transaction at a time, until nothing is left, and yield the counts of each. Raises psycopg.Error.

        `busy`: another run is in progress. It stops early, with `is_left`, when a run failed, or when ten in a row
        could delete nothing because of locked tables.
        """
        is_anew, runs_in_vain = True, 0
        while True:
            (run,) = self._rows(_RETAIN, seconds=_RUN_SECONDS, is_anew=is_anew)
            yield run.counts
            if not run.counts["is_left"] or run.counts.get("errors"):
                return
            if run.counts.get("busy"):
                continue
            is_anew = False
            has_taken = any(count for kind, count in run.counts.items() if kind != "is_left")
            runs_in_vain = 0 if has_taken else runs_in_vain + 1
            if runs_in_vain >= _RUNS_IN_VAIN:
                return

    def preview(self) -> Iterator[JsonObject]:
        """Yield what runs would delete, counted step by step without writing. Raises psycopg.Error."""
        (bounds,) = self._rows(_BOUNDS)
        yield {"partitions_dropped": bounds.partitions}
        after: UUID | None = _LOWEST
        while after is not None:
            (found,) = self._rows(
                _EXECUTIONS,
                after=after,
                youngest=bounds.youngest,
                limit=_CHUNK,
                drop_days=bounds.drop_days,
                old=bounds.old,
            )
            yield {"executions": found.executions, "attempts": found.attempts, "late_results": found.late_results}
            after = found.last_id
        place: tuple[datetime, UUID] | None = (_BEFORE_ALL, _LOWEST)
        while place is not None:
            (jobs,) = self._rows(_JOBS, after_at=place[0], after_id=place[1], limit=_CHUNK)
            yield {"jobs": jobs.jobs}
            place = (jobs.last_at, jobs.last_id) if jobs.last_at is not None and jobs.last_id is not None else None
        (remains,) = self._rows(_REMAINS, limit=1_000_000)
        yield {
            "backfills": remains.backfills,
            "job_faults": remains.job_faults,
            "dead_letters": remains.dead_letters,
            "operations": remains.operations,
            "workspaces": remains.workspaces,
            "idempotency_keys": remains.idempotency_keys,
        }
        runid, is_left = 0, True
        while is_left:
            (details,) = self._rows(_RUN_DETAILS, after=runid, limit=_CHUNK)
            yield {"run_details": details.run_details}
            runid, is_left = details.last_runid, details.is_left

    def _rows(self, wanted: Statement[Row], **params: object) -> list[Row]:
        return session.rows(self._connection, wanted, params)


def age_out(url: str, *, is_dry: bool, report: Callable[[JsonObject], None]) -> None:
    """Delete all history that is old enough, or only count it if `is_dry`. `report` is called with each step's counts.
    Raises KronosError."""
    try:
        with session.connect(url, session.wanted(None), application_name="kronos-retention") as connection:
            retainer = Retainer(connection)
            for counts in retainer.preview() if is_dry else retainer.runs():
                report(counts)
    except psycopg.Error as error:
        raise database_errors.from_database(error) from error
