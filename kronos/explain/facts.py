"""What is known of a job around an instant, and what is made of it: rows and answers, no I/O."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from kronos.alert_rows import OpenAlert
from kronos.model import JobStatus, Json, JsonObject, OnDisabled, Overlap, Trigger, WorkspaceStatus

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
    """A row of queries/explain.sql: the version that the instant is a matter of, and everything around it.

    `tick` is the tick of the instant's minute that this version answers for; `tick_out_of_force` one that its schedule
    has in that minute, whether or not it was in force; `asked_tick` one that the schedule of the version asked about
    has.
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
    turns: list[datetime] | None  # when it was suspended and resumed, in turn, as far as jobs have still to follow
    is_to_be_skipped: bool
    closure: JsonObject | None  # what calendars make of the tick: its reason, empty where it is open, run_at and due_at
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
        """Whether the tick is one that nobody has accounted for yet: it lies at the pointer or after it."""
        return (
            self.tick is not None and self.is_live and self.next_tick_at is not None and self.tick >= self.next_tick_at
        )

    @property
    def turned_at(self) -> datetime | None:
        """The last suspension or resumption of the workspace, where that is what the tick is still to be accounted for
        by."""
        return (
            self.turns[-1]
            if self.turns and self.is_overdue and self.tick is not None and self.tick <= self.turns[-1]
            else None
        )

    @property
    def was_suspended(self) -> bool:
        """Whether the workspace was suspended at the tick; where nobody knows, whether it is now."""
        if self.turned_at is not None and self.turns is not None and self.tick is not None:
            return sum(at < self.tick for at in self.turns) % 2 == 1
        return self.workspace_status != "ACTIVE"

    @property
    def is_past(self) -> bool:
        """Whether the tick's time has come: that of the day on which it runs, in its turn."""
        return self.turn_at is not None and self.turn_at <= self.now

    @property
    def rolled_at(self) -> datetime | None:
        """When the tick runs, where calendars move it to another day, or it waits for one before it that they move."""
        moved = document(self.closure)
        return instant(moved.get("run_at")) if moved.get("code") in ("rolled", "in_turn") else None

    @property
    def turn_at(self) -> datetime | None:
        """When the tick is to be accounted for: when it runs, or when it is skipped, and not before those before it."""
        return instant(document(self.closure).get("due_at")) or self.due_at

    @property
    def is_overdue(self) -> bool:
        """Whether the tick is due and waits to be accounted for."""
        return self.is_pending and self.is_past and self.run is None

    @property
    def reason(self) -> JsonObject:
        """What the execution's row says of its end."""
        return document((self.run or {}).get("status_reason"))

    @property
    def standing(self) -> JsonObject:
        """What the version's row says of its status."""
        return document(self.status_reason)

    @property
    def run_error(self) -> JsonObject:
        """What the execution's row says of its last error."""
        return document((self.run or {}).get("error"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was looked at on the way to the decision: whether it lets the tick run, and how that is known."""

    step: str
    holds: bool
    detail: str
    evidence: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision with its stable code and one sentence of why."""

    decision: Decision
    code: str
    because: str


Judged = tuple[Step | None, Verdict | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a job did or did not run at an instant. `tick`: the nominal tick in question; None where the minute of `at`
    has none. `alerts`: the job's incidents that are not over, or were not at the instant."""

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
    """What a row's JSON document says, no matter who wrote it: nothing where it is no object, and no code but a
    text."""
    if not isinstance(value, dict):
        return {}
    return {name: member for name, member in value.items() if name != "code" or isinstance(member, str)}


def said(at: Json | datetime) -> str:
    """An instant in a sentence; what is none, as it was written."""
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
    """A span in a sentence."""
    if span < 120:
        return f"{span:.3g} s"
    if span < 7200:
        return f"{span / 60:.0f} min"
    return f"{span / 3600:.1f} h" if span < 172_800 else f"{span / 86_400:.1f} days"


def instant(value: str | None) -> datetime | None:
    """A time within a JSON document of facts."""
    return datetime.fromisoformat(value) if value is not None else None
