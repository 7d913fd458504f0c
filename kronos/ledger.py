"""The ledger of a job: whether each of its ticks is accounted for exactly once."""

from datetime import datetime
from uuid import UUID

from kronos import errors
from kronos.database import WorkspaceView
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ticks of one version of a job from `since` to `checked_until`, compared with the rows that record them.

    expected = accounted + unaccounted, accounted = delivered + missed + skipped. delivered: ticks that became an
    execution, whatever its status: failed, cancelled and waiting ones are included; last_24h counts each status
    separately. surplus: rows that match no tick, or a tick that already has a row. retained_from: history is complete
    only from this time on, so ticks before it are not checked; null: the whole window is checked.
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
    """Why a job's ticks cannot be accounted for. `failed_at` is the time of the last try, None before the first."""

    sqlstate: str
    message: str
    failed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A row of queries/ledger.sql. The ledger's columns are None for a job without a schedule, or with a malformed
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
    endpoint_health: JsonObject | None  # set if the endpoint is slowed down or disabled
    unserved_group: str | None

    @property
    def ledger(self) -> Ledger | None:
        """The last 24 hours; None if the job has no schedule."""
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
        """Why ticks cannot be accounted for; None if they can."""
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
    """Return the job's ledger of the last 24 hours. Raises JobNotFound."""
    if (found := await view.one_or_none(_STANDING, {"job": job})) is None:
        raise errors.JobNotFound(f"no job {job!r} in workspace {view.workspace}")
    return found
