"""Heartbeats inserted and pinged by SQL, and a small reference model of what becomes of their ticks."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sql_factory import Connection, Record, records, value

LEAD = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatRow:
    """A heartbeat: its id, and the hash of its token."""

    heartbeat_id: uuid.UUID
    workspace_id: uuid.UUID
    name: str
    digest: bytes


def make_beat(
    connection: Connection,
    workspace_id: uuid.UUID,
    *,
    name: str | None = None,
    token: str | None = None,
    **terms: object,
) -> BeatRow:
    """Insert a heartbeat with cron, every (and anchor) or period_seconds. Defaults: grace_seconds 300, max_run_seconds
    3600.
    """
    name = name or f"beat-{uuid.uuid4().hex[:8]}"
    digest = hashlib.sha256((token or name + str(workspace_id)).encode()).digest()
    cron, every, zone = (terms.get(each) for each in ("cron", "every", "timezone"))
    with connection.transaction():
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        schedule = (
            None
            if "period_seconds" in terms
            else value(
                connection,
                "select kronos.read_schedule(%s, %s, %s::timestamptz, %s, 'SHIFT', 'FIRST')::text",
                [cron, every, terms.get("anchor"), zone or "UTC"],
            )
        )
        given: dict[str, object] = {
            "tags": [],
            "timezone": "UTC",
            "dst_gap": "SHIFT",
            "dst_overlap": "FIRST",
            "description": "test",
        }
        given |= {"grace_seconds": 300, "max_run_seconds": 3600, "schedule": schedule, "name": name, **terms}
        text = json.dumps(given, default=str)
        made = value(connection, "select outcome from kronos.put_beat(%s, %s, true, false, null, '{}')", [text, digest])
        assert made == "CREATED"
        found = value(
            connection,
            "select heartbeat_id from kronos.beats where workspace_id = %s and name = %s and deleted_at is null",
            [workspace_id, name],
        )
    return BeatRow(heartbeat_id=found, workspace_id=workspace_id, name=name, digest=digest)


def ping(
    connection: Connection,
    beat: BeatRow,
    kind: str = "SUCCESS",
    *,
    run_id: str | None = None,
    exit_code: int | None = None,
    duration_ms: int | None = None,
    log: str | None = None,
) -> str | None:
    """Ping the heartbeat. Return the outcome."""
    outcome: str | None = value(
        connection,
        "select outcome from kronos.take_ping(%s, %s, %s::smallint, %s, %s, %s, false, 'GET', null, null)",
        [beat.digest, kind, exit_code, run_id, duration_ms, log],
    )
    return outcome


def ticks_of(connection: Connection, beat: BeatRow) -> list[Record]:
    """The rows of its ticks, oldest first."""
    return records(
        connection, "select * from kronos.beat_ticks where heartbeat_id = %s order by tick_at", [beat.heartbeat_id]
    )


def statuses(connection: Connection, beat: BeatRow) -> list[tuple[datetime, str]]:
    """Each tick and its status."""
    return [(row["tick_at"], row["status"]) for row in ticks_of(connection, beat)]


def pointer_of(connection: Connection, beat: BeatRow) -> Record:
    """Its pointer."""
    (found,) = records(
        connection,
        "select next_tick_at, due_at, last_status, pings from kronos.beat_pointers where heartbeat_id = %s",
        [beat.heartbeat_id],
    )
    return found


def turn(connection: Connection, beat: BeatRow, status: str) -> None:
    """Pause or resume it."""
    with connection.transaction():
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(beat.workspace_id)])
        connection.execute("select kronos.turn_beat(%s, %s, null)", [beat.name, status])


@dataclass(slots=True)
class _Run:
    started_at: datetime
    tick: datetime | None


@dataclass(slots=True)
class Reference:
    """A reference model of an interval's ticks. It handles one tick at a time and never counts."""

    next_tick: datetime
    interval: timedelta
    grace: timedelta
    max_run: timedelta
    ticks: dict[datetime, str] = field(default_factory=dict)
    _runs: dict[str | None, _Run] = field(default_factory=dict)
    _running: dict[datetime, datetime] = field(default_factory=dict)  # tick -> when its run started

    def settle(self, now: datetime) -> None:
        """Account for everything that is over at `now`."""
        while self.next_tick + self.grace < now:
            due_at = self.next_tick + self.grace
            is_busy = any(began <= self.next_tick and began + self.max_run > due_at for began in self._running.values())
            self.ticks[self.next_tick] = "SKIPPED" if is_busy else "MISSED"
            self.next_tick += self.interval
        for tick, began in list(self._running.items()):
            if began + self.max_run <= now:
                self.ticks[tick] = "FAILED"
                del self._running[tick]
        if (own := self._runs.get(None)) is not None and own.started_at + self.max_run <= now:
            del self._runs[None]

    def ping(self, now: datetime, kind: str, run_id: str | None) -> None:
        """Receive a ping."""
        self.settle(now)
        if kind == "START":
            tick = self._claim(now, is_end=False)
            self._runs[run_id] = _Run(now, tick)
            if tick is not None:
                self.ticks[tick] = "RUNNING"
                self._running[tick] = now
            return
        run = self._runs.get(run_id) if run_id is not None else self._runs.pop(None, None)
        tick, began = (run.tick, run.started_at) if run is not None else (self._claim(now, is_end=True), now)
        if tick is None:
            return
        if kind == "FAIL":
            self.ticks[tick] = "FAILED"
        elif self.ticks.get(tick) not in ("ON_TIME", "LATE"):
            self.ticks[tick] = "ON_TIME" if began <= tick + self.grace else "LATE"
        self._running.pop(tick, None)

    def _claim(self, now: datetime, *, is_end: bool) -> datetime | None:
        lead = min(LEAD, self.interval / 4)
        open_ticks = list(self._open(now))
        if not open_ticks and now >= self.next_tick - lead:
            open_ticks = [self.next_tick]
        if not open_ticks:
            last = max(self.ticks, default=None)
            if last is None or is_end:
                return last
            return last if self.ticks[last] in ("MISSED", "SKIPPED", "FAILED") else None
        for each in open_ticks[:-1]:
            self.ticks[each] = "SKIPPED"
        self.next_tick = open_ticks[-1] + self.interval
        return open_ticks[-1]

    def _open(self, now: datetime) -> Iterator[datetime]:
        tick = self.next_tick
        while tick <= now:
            yield tick
            tick += self.interval


def account(connection: Connection) -> int:
    """Account for the ticks of all heartbeats up to now. Return how many heartbeats had any."""
    return int(value(connection, "select kronos.account_beats(1000)"))
