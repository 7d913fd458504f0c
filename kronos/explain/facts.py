"""The facts about a job around an instant, and the types of an explanation. No I/O."""

from dataclasses import field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from kronos.alert_rows import OpenAlert
from kronos.model import JobStatus, Json, JsonObject, OnDisabled, Overlap, Trigger, WorkspaceStatus
from kronos.records import dataclass

Decision = Literal[
    "RAN",
    "RUNNING",
    "WAITING",
    "WILL_RUN",
    "WILL_BE_SKIPPED",
    "NOT_DUE",
    "SKIPPED",
    "MISSED",
    "FAILED",
    "CANCELLED",
    "OVERDUE",
    "UNACCOUNTED",
    "UNKNOWN",
    "ERROR",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A row of queries/explain.sql: the version that accounts for the instant, and everything around it.

    `tick` is the tick in the instant's minute that this version covers. `tick_out_of_force` is a tick that its schedule
    has in that minute, whether or not the version was in force. `asked_tick` is a tick of the requested version's
    schedule.
    """

    job_id: UUID
    asked_version: int
    asked_tick: datetime | None
    at: datetime
    now: datetime
    tick: datetime | None
    tick_out_of_force: datetime | None
    one_shot_at: datetime | None
    is_in_force: bool
    has_begun: bool
    version_id: UUID
    version: int
    trigger: Trigger
    status: JobStatus
    status_reason: JsonObject | None
    cron: str | None
    every: str | None
    timezone: str | None
    description: str | None
    ticks_from: datetime
    ticks_until: datetime | None
    created_at: datetime
    retired_at: datetime | None
    run_at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    runs: int
    max_runs: int | None
    overlap: Overlap
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"]
    dst_overlap: Literal["FIRST", "BOTH"]
    jitter_seconds: int
    offset_seconds: int
    catch_up_policy: Literal["SKIP", "LATEST", "ALL"]
    catch_up_window_seconds: int
    next_tick_at: datetime | None
    skip_next: int
    resume_at: datetime | None
    replaced_by_id: UUID | None
    reading: JsonObject | None
    workspace: str
    workspace_status: WorkspaceStatus
    suspended_at: datetime | None
    turns: list[datetime] | None  # when it was suspended and resumed, alternately, until all jobs have followed
    is_to_be_skipped: bool
    closure: JsonObject | None  # what calendars do to the tick: the reason, empty if it is open, run_at and due_at
    is_beyond_max_runs: bool
    fault: JsonObject | None
    retained_from: datetime | None
    run: JsonObject | None
    attempts: Json
    endpoint: str
    in_flight: int | None
    max_in_flight: int | None
    gate_paused_until: str | None
    is_gate_paused: bool
    endpoint_health: JsonObject
    on_disabled: OnDisabled
    worker_sessions: int
    pg_cron: JsonObject | None
    is_entry_right: bool | None
    alarm: str | None
    pg_cron_silent_seconds: float
    is_held: bool
    pg_cron_failure: str | None
    limits: JsonObject | None
    worker_group: str | None
    is_group_served: bool

    @property
    def due_at(self) -> datetime | None:
        """The nominal tick in question: the schedule's, or a one-shot's time."""
        return self.tick or self.one_shot_at

    @property
    def is_live(self) -> bool:
        """Whether the version is in force now."""
        return self.status in ("ACTIVE", "PAUSED")

    @property
    def is_pending(self) -> bool:
        """Whether the tick is not accounted for yet: it is at the pointer or after it."""
        return (
            self.tick is not None and self.is_live and self.next_tick_at is not None and self.tick >= self.next_tick_at
        )

    @property
    def turned_at(self) -> datetime | None:
        """The workspace's last suspension or resumption, if the tick still has to be accounted for under the status
        before it."""
        return (
            self.turns[-1]
            if self.turns and self.is_overdue and self.tick is not None and self.tick <= self.turns[-1]
            else None
        )

    @property
    def was_suspended(self) -> bool:
        """Whether the workspace was suspended at the tick; if that is not known, whether it is now."""
        if self.turned_at is not None and self.turns is not None and self.tick is not None:
            return sum(at < self.tick for at in self.turns) % 2 == 1
        return self.workspace_status != "ACTIVE"

    @property
    def is_past(self) -> bool:
        """Whether the tick's time has come: on the day on which it runs, and in its turn."""
        return self.turn_at is not None and self.turn_at <= self.now

    @property
    def rolled_at(self) -> datetime | None:
        """When the tick runs, if calendars move it to another day, or if it waits for an earlier tick that they
        move."""
        moved = document(self.closure)
        return instant(moved.get("run_at")) if moved.get("code") in ("rolled", "in_turn") else None

    @property
    def turn_at(self) -> datetime | None:
        """When the tick is to be accounted for: when it runs or is skipped, and not before earlier ticks."""
        return instant(document(self.closure).get("due_at")) or self.due_at

    @property
    def is_overdue(self) -> bool:
        """Whether the tick is due but not accounted for yet."""
        return self.is_pending and self.is_past and self.run is None

    @property
    def reason(self) -> JsonObject:
        """The reason in the execution's row for how it ended."""
        return document((self.run or {}).get("status_reason"))

    @property
    def standing(self) -> JsonObject:
        """The reason in the version's row for its status."""
        return document(self.status_reason)

    @property
    def run_error(self) -> JsonObject:
        """The last error in the execution's row."""
        return document((self.run or {}).get("error"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One check on the way to the decision: whether it lets the tick run, and the evidence."""

    step: str
    holds: bool
    detail: str
    evidence: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision with its stable code and one sentence that explains it."""

    decision: Decision
    code: str
    because: str


Judged = tuple[Step | None, Verdict | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a job did or did not run at an instant. `tick`: the nominal tick in question; null if the minute of `at` has
    none. `alerts`: the job's incidents that are open now or were open at the instant."""

    job_id: UUID
    version_id: UUID
    at: datetime
    tick: datetime | None
    decision: Decision
    code: str
    because: str
    steps: list[Step]
    alerts: list[OpenAlert]


def document(value: Json) -> JsonObject:
    """Return a row's JSON object, whatever its origin: empty if it is not an object, and with a code only if that is a
    text."""
    if not isinstance(value, dict):
        return {}
    return {name: member for name, member in value.items() if name != "code" or isinstance(member, str)}


def said(at: Json | datetime) -> str:
    """Return an instant for a sentence; anything else as it was written."""
    if at is None:
        return "never"
    try:
        instant = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    except ValueError:
        return str(at)
    if instant.tzinfo is None:
        return str(at)
    text = instant.astimezone(UTC).isoformat(timespec="microseconds" if instant.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def seconds(span: float) -> str:
    """Return a duration for a sentence."""
    if span < 120:
        return f"{span:.3g} s"
    if span < 7200:
        return f"{span / 60:.0f} min"
    return f"{span / 3600:.1f} h" if span < 172_800 else f"{span / 86_400:.1f} days"


def instant(value: str | None) -> datetime | None:
    """Return a time from a JSON document of facts."""
    return datetime.fromisoformat(value) if value is not None else None
