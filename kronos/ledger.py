"""Whether a job's ticks are accounted for, each exactly once."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kronos import errors
from kronos.database import WorkspaceView
from kronos.model import JsonObject
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ticks of one version of a job from `since` to `checked_until`, against the rows that say what became of each.

    expected = accounted + unaccounted, accounted = delivered + missed + skipped. delivered: ticks that were given to
    delivery as an execution, whatever has become of it: one that failed, was cancelled or still waits is among them;
    last_24h has each status by itself. surplus: rows that no tick explains, or that tell of one a second time.
    retained_from: history is whole only from there, so the ticks from `since` to there are not looked at; None: all of
    the window is.
    """

    since: datetime
    checked_until: datetime
    expected: int
    accounted: int
    delivered: int
    missed: int
    skipped: int
    unaccounted: int
    surplus: int
    first_unaccounted: datetime | None
    first_surplus: datetime | None
    is_truncated: bool
    retained_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFault:
    """Why a job's ticks cannot be accounted for; `failed_at` is when that was last tried, None where it has not
    been."""

    sqlstate: str
    message: str
    failed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A row of queries/ledger.sql: the ledger's columns are None for a job without a schedule, or with a malformed
    one."""

    job_id: UUID
    expected: int | None
    delivered: int | None
    missed: int | None
    skipped: int | None
    accounted: int | None
    unaccounted: int | None
    surplus: int | None
    first_unaccounted: datetime | None
    first_surplus: datetime | None
    since: datetime
    checked_until: datetime | None
    is_truncated: bool | None
    retained_from: datetime | None
    overdue_seconds: float
    error: JsonObject | None
    waiting_seconds: float
    worker_sessions: int
    endpoint_health: JsonObject | None  # where the endpoint was slowed down or disabled
    unserved_group: str | None

    @property
    def ledger(self) -> Ledger | None:
        """The last 24 hours; None where there is no schedule to go by."""
        if self.expected is None or self.accounted is None or self.unaccounted is None or self.checked_until is None:
            return None
        return Ledger(
            since=self.since,
            checked_until=self.checked_until,
            expected=self.expected,
            accounted=self.accounted,
            delivered=self.delivered or 0,
            missed=self.missed or 0,
            skipped=self.skipped or 0,
            unaccounted=self.unaccounted,
            surplus=self.surplus or 0,
            first_unaccounted=self.first_unaccounted,
            first_surplus=self.first_surplus,
            is_truncated=bool(self.is_truncated),
            retained_from=self.retained_from,
        )

    @property
    def fault(self) -> JobFault | None:
        """Why ticks cannot be accounted for; None where they can."""
        if self.error is None:
            return None
        failed_at = self.error["failed_at"]
        return JobFault(
            sqlstate=self.error["sqlstate"],
            message=self.error["message"],
            failed_at=datetime.fromisoformat(failed_at) if failed_at is not None else None,
        )


_STANDING = statement("ledger.get_standing", Standing)


async def standing(view: WorkspaceView, job: str) -> Standing:
    """How the job's accounts of the last 24 hours stand. Raises JobNotFound."""
    if (found := await view.one_or_none(_STANDING, {"job": job})) is None:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    return found
