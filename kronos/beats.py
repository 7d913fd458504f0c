"""Heartbeats: what is expected of jobs that run elsewhere, and the pings they send. PostgreSQL accounts for their ticks
(sql/functions/beats)."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from kronos import errors, schedules
from kronos.database import InstanceView, WorkspaceView
from kronos.errors import Fault
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.schedules import ScheduleRead, ScheduleText
from kronos.sql import statement

TOKEN_FORM = r"hb_[A-Za-z0-9_-]{32}"  # noqa: S105  # a pattern
PingKind: TypeAlias = Literal["START", "SUCCESS", "FAIL", "LOG"]
BeatTickStatus: TypeAlias = Literal["ON_TIME", "LATE", "MISSED", "FAILED", "RUNNING", "UNKNOWN", "SKIPPED"]
HeartbeatState: TypeAlias = Literal["NEW", "UP", "RUNNING", "LATE", "DOWN", "UNKNOWN", "PAUSED"]
_TOKEN_BYTES = 24


class HeartbeatNotFound(errors.NotFound):
    """This workspace has no such heartbeat, or no heartbeat has this ping URL."""

    code = "heartbeat_not_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What is expected of a job that runs elsewhere, and its state.

    `state` is NEW until the first ping or tick. Then it is UP, RUNNING, LATE (a tick has passed without a ping yet),
    DOWN (after a MISSED tick or a FAILED run), UNKNOWN (after a tick when no ping could be received), or PAUSED.
    `next_tick_at` is the first tick that is not accounted for.
    """

    heartbeat_id: UUID
    workspace: str
    name: str
    status: Literal["ACTIVE", "PAUSED"]
    state: HeartbeatState
    note: str | None
    tags: list[str]
    cron: str | None
    every: str | None
    anchor: datetime | None
    anchor_local: str | None
    timezone: str
    dst_gap: Literal["SHIFT", "SHIFT_BY_GAP", "SKIP"]
    dst_overlap: Literal["FIRST", "BOTH"]
    period_seconds: int | None
    description: str
    grace_seconds: int
    max_run_seconds: int
    version: int
    token_version: int
    next_tick_at: datetime | None
    last_status: BeatTickStatus | None
    last_ping_at: datetime | None
    last_success_at: datetime | None
    last_duration_ms: int | None
    running_since: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHeartbeat(Heartbeat):
    """A heartbeat with its ping URL. The URL is shown only when it was just created or replaced; otherwise null."""

    ping_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of a heartbeat: a schedule, or a ping within `period_seconds` of the previous one."""

    schedule: ScheduleText | None
    period_seconds: int | None
    grace_seconds: int
    max_run_seconds: int
    tags: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """What a job reports about itself. `log` is the end of its output."""

    kind: PingKind
    exit_code: int | None
    run_id: str | None
    duration_ms: int | None
    log: str | None
    is_log_cut: bool
    method: str
    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPing:
    """A received ping. `tick_at` is the tick that it counted for; null if none. `log` is set only if requested."""

    number: int
    at: datetime
    kind: PingKind
    exit_code: int | None
    run_id: str | None
    tick_at: datetime | None
    duration_ms: int | None
    log: str | None
    has_log: bool
    is_log_cut: bool
    method: str
    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatTick:
    """The outcome of a tick, or of `tick_count` ticks from `tick_at` to `until_at`."""

    tick_at: datetime
    status: BeatTickStatus
    reason: str | None
    tick_count: int
    until_at: datetime
    run_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    exit_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTick(HeartbeatTick):
    """A tick in a list, with the id of its heartbeat."""

    _heartbeat_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The outcomes of a heartbeat's last ticks, oldest first."""

    heartbeat_id: UUID
    statuses: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatStored:
    """The outcome of creating or changing a heartbeat (put_beat)."""

    outcome: str
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatVersion:
    """The version of the heartbeat that was changed; None if it does not exist."""

    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatDeleted:
    """Whether the heartbeat existed and was deleted."""

    is_deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PingTaken:
    """The outcome of a ping. None: no heartbeat has this token."""

    outcome: Literal["TAKEN", "REPEATED", "PAUSED", "RATE_LIMITED"] | None
    retry_after_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorHeld:
    """Whether there was a gap in which no ping could be received."""

    was_gap: bool


_SET = statement("heartbeats.set_heartbeat", BeatStored)
_GET = statement("heartbeats.get_heartbeats", Heartbeat)
_LIST = statement("heartbeats.list_heartbeats", Heartbeat)
_TURN = statement("heartbeats.turn_heartbeat", BeatVersion)
_ROTATE = statement("heartbeats.replace_token", BeatVersion)
_DELETE = statement("heartbeats.delete_heartbeat", BeatDeleted)
_PINGS = statement("heartbeats.list_pings", KeptPing)
_TICKS = statement("heartbeats.list_ticks", ListedTick)
_STRIPS = statement("heartbeats.list_strips", Strip)
_TAKE = statement("heartbeats.insert_ping", PingTaken)
_DOOR = statement("heartbeats.update_door", DoorHeld)


def new_token() -> str:
    """Return the token for a ping URL: 192 random bits."""
    return f"hb_{secrets.token_urlsafe(_TOKEN_BYTES)}"


def digest_of(token: str) -> bytes:
    """Return the digest under which a token is stored and found."""
    return hashlib.sha256(token.encode()).digest()


async def put(
    view: WorkspaceView,
    name: str,
    wanted: Expectation,
    *,
    token: str,
    must_be_new: bool = False,
    must_exist: bool = False,
    if_match: Collection[int] | None = None,
    if_none_match: Collection[int] | None = (),
) -> tuple[Heartbeat, bool]:
    """Create the heartbeat, or give it these terms. Return it, and whether it is new; only then is `token` its token.

    Raises Unprocessable (invalid_cron, invalid_timezone, invalid_interval; quota_exceeded), Conflict,
    PreconditionFailed.
    """
    read = None if wanted.schedule is None else await schedules.read(view, wanted.schedule)
    params = {
        "terms": Jsonb(terms_of(name, wanted, read), dumps=orjson.dumps),
        "digest": digest_of(token),
        "must_be_new": must_be_new,
        "must_exist": must_exist,
        "if_match": None if if_match is None else list(if_match),
        "if_none_match": None if if_none_match is None else list(if_none_match),
    }
    (stored,), found = await view.write_then_read(_SET, params, _GET, {"names": [name]})
    if stored.outcome == "TAKEN":
        fault = Fault(
            pointer="/name", detail="a heartbeat has this name", hint="Choose another name, or change that heartbeat."
        )
        raise errors.Conflict(f"the heartbeat {name!r} already exists", faults=(fault,))
    if stored.outcome == "ABSENT":
        raise errors.PreconditionFailed(f"the heartbeat {name!r} does not exist, so If-Match cannot match")
    if stored.outcome == "EXCLUDED":
        detail = f"the heartbeat {name!r} is already at version {stored.version}, which the precondition excludes"
        raise errors.PreconditionFailed(detail)
    if stored.outcome == "FULL":
        raise errors.Conflict("the workspace already has 10000 heartbeats, the most it may have: delete some first")
    return found[0], stored.outcome == "CREATED"


def terms_of(name: str, wanted: Expectation, read: ScheduleRead | None) -> JsonObject:
    """Return the columns of kronos.beats that describe what is expected. `read` is the parsed schedule; None: a
    period."""
    terms: JsonObject = {
        "name": name,
        "tags": wanted.tags,
        "grace_seconds": wanted.grace_seconds,
        "max_run_seconds": wanted.max_run_seconds,
        "period_seconds": wanted.period_seconds,
    }
    if wanted.schedule is None or read is None:
        nothing = ScheduleText(cron=None)
        description = f"Within {wanted.period_seconds} s of the previous ping"
        return terms | asdict(nothing) | {"schedule": None, "description": description}
    return terms | asdict(wanted.schedule) | {"schedule": read.schedule, "description": read.description}


async def get(view: WorkspaceView, name: str) -> Heartbeat:
    """Return the heartbeat as it is now. Raises HeartbeatNotFound."""
    if (found := await view.one_or_none(_GET, {"names": [name]})) is None:
        raise _not_found(view, name)
    return found


async def of_names(view: WorkspaceView, names: Sequence[str]) -> dict[str, Heartbeat]:
    """Return the heartbeats of these names that exist, by name."""
    found = await view.rows(_GET, {"names": list(names)}) if names else []
    return {each.name: each for each in found}


async def list_page(
    view: WorkspaceView, *, tag: str | None, state: str | None, limit: int, before: tuple[datetime, UUID] | None
) -> list[Heartbeat]:
    """Return up to `limit` heartbeats and one more, newest first, after the position `before`."""
    created_at, heartbeat_id = before or (None, None)
    params = {"tag": tag, "state": state, "limit": limit, "before_created_at": created_at, "before_id": heartbeat_id}
    return await view.rows(_LIST, params)


async def turn(view: WorkspaceView, name: str, status: Literal["ACTIVE", "PAUSED"], note: str | None) -> Heartbeat:
    """Pause the heartbeat, with a note, or make it ACTIVE again, and return it. Raises HeartbeatNotFound."""
    params = {"name": name, "status": status, "note": note}
    _, found = await view.write_then_read(_TURN, params, _GET, {"names": [name]})
    if not found:
        raise _not_found(view, name)
    return found[0]


async def rotate(view: WorkspaceView, name: str, token: str) -> Heartbeat:
    """Replace the heartbeat's token and return the heartbeat. Raises HeartbeatNotFound."""
    params = {"name": name, "digest": digest_of(token)}
    _, found = await view.write_then_read(_ROTATE, params, _GET, {"names": [name]})
    if not found:
        raise _not_found(view, name)
    return found[0]


async def delete(view: WorkspaceView, name: str, *, if_match: Collection[int] | None = None) -> None:
    """Delete a heartbeat with its pings and ticks. Raises HeartbeatNotFound, PreconditionFailed."""
    params = {"name": name, "if_match": None if if_match is None else list(if_match)}
    (deleted,) = await view.rows(_DELETE, params)
    if not deleted.is_deleted:
        raise _not_found(view, name)


async def pings(view: WorkspaceView, name: str, *, limit: int, before: int | None, with_log: bool) -> list[KeptPing]:
    """Return up to `limit` pings and one more, newest first, before a ping number. Raises HeartbeatNotFound."""
    params = {"name": name, "limit": limit, "before": before, "with_log": with_log}
    found, beat = await view.write_then_read(_PINGS, params, _GET, {"names": [name]})
    if not beat:
        raise _not_found(view, name)
    return found


async def ticks(
    view: WorkspaceView, name: str, *, status: str | None, limit: int, before: datetime | None
) -> list[ListedTick]:
    """Return up to `limit` ticks and one more, newest first, before an instant. Raises HeartbeatNotFound."""
    params = {"name": name, "limit": limit, "before": before, "status": status}
    found, beat = await view.write_then_read(_TICKS, params, _GET, {"names": [name]})
    if not beat:
        raise _not_found(view, name)
    return found


async def strips(view: WorkspaceView, heartbeats: Sequence[Heartbeat], *, count: int) -> dict[UUID, list[str]]:
    """Return the outcomes of the last `count` ticks of each heartbeat."""
    ids = [each.heartbeat_id for each in heartbeats]
    found = await view.rows(_STRIPS, {"heartbeat_ids": ids, "count": count})
    return {each.heartbeat_id: each.statuses for each in found}


async def take(view: WorkspaceView, token: str, ping: Ping) -> PingTaken:
    """Record a ping and return its outcome, in one statement. The token determines the workspace. Raises
    DatabaseUnavailable, OutcomeUnknown."""
    (taken,) = await view.run_entering(_TAKE, asdict(ping) | {"digest": digest_of(token)})
    return taken


async def hold_door_open(view: InstanceView) -> bool:
    """Record that pings can be received now. Return whether there was a gap in which they could not. Raises
    DatabaseUnavailable."""
    (held,) = await view.rows(_DOOR, {})
    return held.was_gap


def _not_found(view: WorkspaceView, name: str) -> HeartbeatNotFound:
    return HeartbeatNotFound(f"no heartbeat {name!r} in workspace {view.workspace}")
