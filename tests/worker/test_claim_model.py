"""Claims against a model: random executions, priorities, keys, limits, rates, ends and changes, while the clock stands
still and is stepped. Each claim takes exactly the model's executions, in its order. No limit is ever exceeded, counters
match the rows, and in the end everything has been delivered."""

import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from factory import EndpointRow, add_endpoint, add_executions, add_workspace, end_leases
from kronos.delivery import template
from moved_clock import MovedClock
from sql_factory import records, value
from worker.protocol import claim, expire, finalize, release

_KEY = "{{input.k}}"
_PRIORITIES = (None, None, -10, -3, 4, 10)
_ENDS = ("SUCCESS", "SUCCESS", "FAILED", "PERMANENT", "release", "lost", "cancel", "stay")


@dataclass(slots=True, kw_only=True)
class _Run:
    """An execution, in the model. With a `token` it is in progress."""

    execution_id: UUID
    key: str
    priority: int
    due_at: datetime
    token: UUID | None = None
    claimed_key: str | None = None


@dataclass(slots=True, kw_only=True)
class _Place:
    """An endpoint, with its limits, and the tokens of its rate at an instant."""

    row: EndpointRow
    max_in_flight: int | None = None
    key_max: int | None = None
    rate: tuple[int, int, int] | None = None  # count, seconds, burst
    tokens: float = 0.0
    tokens_at: datetime | None = None
    runs: dict[UUID, _Run] = field(default_factory=dict)

    @property
    def under_way(self) -> list[_Run]:
        return [run for run in self.runs.values() if run.token is not None]


class _World:
    """The database and its model, changed together."""

    def __init__(self, superuser: psycopg.Connection, worker: psycopg.Connection, seed: int) -> None:
        self.superuser, self.worker, self.chance = superuser, worker, random.Random(seed)
        self.clock, self.now = MovedClock(superuser), datetime(2030, 1, 1, tzinfo=UTC)
        self.clock.stand(self.now)
        self.shared = {add_workspace(superuser): 4, add_workspace(superuser): None}
        limited, free = self.shared
        superuser.execute("update kronos.workspaces set max_concurrency = 4 where workspace_id = %s", [limited])
        self.places = [
            self._place(free),
            self._place(free, max_in_flight=2),
            self._place(free, rate=(3, 2, 2)),
            self._place(free, key_max=1),
            self._place(limited),
            self._place(limited, key_max=2, max_in_flight=3),
        ]

    def _place(
        self,
        workspace_id: UUID,
        *,
        rate: tuple[int, int, int] | None = None,
        max_in_flight: int | None = None,
        key_max: int | None = None,
    ) -> _Place:
        row = add_endpoint(
            self.superuser,
            workspace_id,
            max_attempts=100,
            max_crashes=100,
            timeout_ms=900_000,
            max_in_flight=max_in_flight,
        )
        place = _Place(row=row, rate=rate, max_in_flight=max_in_flight, key_max=key_max)
        if rate is not None:
            place.tokens, place.tokens_at = rate[2], self.now
        self._set_limits(place)
        return place

    def _set_limits(self, place: _Place) -> None:
        key = [_KEY, Jsonb(template.key_parts(_KEY)), place.key_max] if place.key_max else [None] * 3
        self.superuser.execute(
            "update kronos.endpoint_gate set max_in_flight = %s, key_template = %s, key_parts = %s, key_max = %s,"
            " rate_count = %s, rate_seconds = %s, rate_burst = %s where endpoint_id = %s",
            [place.max_in_flight, *key, *(place.rate or [None] * 3), place.row.endpoint_id],
        )

    def add(self) -> None:
        place, ago = self.chance.choice(self.places), self.chance.randint(-20, 300)
        for _ in range(self.chance.randint(1, 6)):
            key, priority = self.chance.choice("abc"), self.chance.choice(_PRIORITIES)
            (made,) = add_executions(self.superuser, place.row, input={"k": key})
            due_at = self.now - timedelta(seconds=ago, microseconds=self.chance.randint(0, 10**6))
            self.superuser.execute(
                "update kronos.execution_live set visible_at = %s, priority = %s where execution_id = %s",
                [due_at, priority, made],
            )
            place.runs[made] = _Run(execution_id=made, key=key, priority=priority or 0, due_at=due_at)

    def step(self) -> None:
        self.now += timedelta(milliseconds=self.chance.randint(1, 2_000))
        self.clock.stand(self.now)

    def change(self) -> None:
        place = self.chance.choice(self.places)
        if place.key_max is not None:
            place.key_max = self.chance.randint(1, 3)
        elif place.max_in_flight is not None:
            place.max_in_flight = self.chance.randint(0, 3)
        self._set_limits(place)
        limited = next(iter(self.shared))
        self.shared[limited] = self.chance.randint(1, 5)
        self.superuser.execute(
            "update kronos.workspaces set max_concurrency = %s where workspace_id = %s", [self.shared[limited], limited]
        )

    def room(self, place: _Place, quota: int) -> int:
        """How many deliveries may begin there."""
        most = self.shared[place.row.workspace_id]
        of_workspace = sum(
            len(each.under_way) for each in self.places if each.row.workspace_id == place.row.workspace_id
        )
        bounds = [quota]
        if place.max_in_flight is not None:
            bounds.append(place.max_in_flight - len(place.under_way))
        if most is not None:
            bounds.append(most - of_workspace)
        if place.rate is not None and place.tokens_at is not None:
            count, seconds, burst = place.rate
            passed = (self.now - place.tokens_at).total_seconds()
            place.tokens, place.tokens_at = min(burst, place.tokens + passed * count / seconds), self.now
            bounds.append(int(place.tokens + 1e-6))
        return max(0, min(bounds))

    def claim(self, place: _Place | None = None, quota: int | None = None) -> None:
        place, quota = place or self.chance.choice(self.places), quota or self.chance.randint(1, 8)
        room = self.room(place, quota)
        parked = self._parked(place)
        ranked = sorted(
            (run for run in place.runs.values() if run.token is None and run.due_at <= self.now),
            key=lambda run: run.due_at - timedelta(minutes=run.priority),
        )
        held, expected = Counter(run.claimed_key for run in place.under_way), list[_Run]()
        for run in ranked:
            if len(expected) == room or run.execution_id in parked:
                continue
            if place.key_max is not None:
                if held[run.key] >= place.key_max:
                    continue
                held[run.key] += 1
            expected.append(run)
        token, ids = claim(self.worker, place.row, quota=quota)
        assert set(ids) == {run.execution_id for run in expected}
        for run in expected:
            run.token, run.claimed_key = token, run.key
        if place.rate is not None:
            place.tokens -= len(expected)

    def _parked(self, place: _Place) -> set[UUID]:
        """The executions parked for their key. None is parked while its key has room that no due execution has
        taken."""
        expire(self.worker)
        self.superuser.execute("select kronos.release_all_parked(true)")
        rows = records(
            self.superuser,
            "select execution_id, concurrency_key as key, parked_at, claim_token from kronos.execution_live"
            " where endpoint_id = %s and concurrency_key is not null and (visible_at <= kronos.now()"
            " or parked_at is not null or claim_token is not null)",
            [place.row.endpoint_id],
        )
        parked = {row["execution_id"]: row["key"] for row in rows if row["parked_at"] is not None}
        there = Counter(row["key"] for row in rows if row["parked_at"] is None)
        assert all(there[key] >= (place.key_max or 0) for key in parked.values())
        return set(parked)

    def end(self, place: _Place | None = None, hows: Sequence[str] = _ENDS) -> None:
        place = place or self.chance.choice(self.places)
        for run in place.under_way:
            assert run.token is not None
            one = [run.execution_id]
            match self.chance.choice(hows):
                case "stay":
                    continue
                case "release":
                    release(self.worker, run.token, one)
                    run.due_at = self.now
                case "lost":
                    end_leases(self.superuser, one)
                    self.superuser.execute(
                        "update kronos.execution_live set visible_at = kronos.now() where execution_id = any (%s)",
                        [one],
                    )
                    self.superuser.execute("select kronos.expire_leases(1000, '-infinity')")
                    run.due_at = self.now
                case "FAILED":
                    wait = timedelta(milliseconds=self.chance.choice([0, 0, 700, 5_000]))
                    finalize(self.worker, run.token, one, "FAILED", retry=wait)
                    run.due_at = self.now + wait
                case "cancel":
                    self.superuser.execute('select kronos.cancel_executions(%s, \'{"code": "by_hand"}\')', [one])
                    finalize(self.worker, run.token, one, "FAILED")
                    del place.runs[run.execution_id]
                case status:
                    finalize(self.worker, run.token, one, status)
                    del place.runs[run.execution_id]
            run.token = run.claimed_key = None

    def cancel_waiting(self) -> None:
        place = self.chance.choice(self.places)
        waiting = [run.execution_id for run in place.runs.values() if run.token is None][:2]
        self.superuser.execute('select kronos.cancel_executions(%s, \'{"code": "by_hand"}\')', [waiting])
        for each in waiting:
            del place.runs[each]

    def check(self) -> None:
        """Assert that the counters match the rows."""
        gates: dict[UUID, int] = dict(
            self.superuser.execute("select endpoint_id, in_flight from kronos.endpoint_gate").fetchall()
        )
        for place in self.places:
            is_counted = place.max_in_flight is not None or place.key_max is not None
            is_counted = is_counted or self.shared[place.row.workspace_id] is not None
            assert gates[place.row.endpoint_id] == (len(place.under_way) if is_counted else 0)
        limited = next(iter(self.shared))
        counted = value(
            self.superuser, "select in_flight from kronos.workspace_gate where workspace_id = %s", [limited]
        )
        assert counted == sum(len(each.under_way) for each in self.places if each.row.workspace_id == limited)


# KRONOS_TEST_SEEDS=100 for more of them
@pytest.mark.parametrize("seed", range(int(os.environ.get("KRONOS_TEST_SEEDS", "1"))))
def test_each_claim_takes_what_the_model_says_and_all_is_delivered_in_the_end(
    superuser: psycopg.Connection, worker: psycopg.Connection, seed: int
) -> None:
    world = _World(superuser, worker, seed)
    acts = [world.add, world.claim, world.claim, world.claim, world.end, world.end, world.step]
    rare = [world.change, world.cancel_waiting]
    for _ in range(90):
        world.chance.choice(rare if world.chance.random() < 0.08 else acts)()
        world.check()
    limited = next(iter(world.shared))
    world.shared[limited] = 4
    superuser.execute("update kronos.workspaces set max_concurrency = 4 where workspace_id = %s", [limited])
    for place in world.places:
        if place.max_in_flight is not None:
            place.max_in_flight = 3
        world._set_limits(place)
    for _ in range(100):
        if not any(place.runs for place in world.places):
            break
        world.step()
        for place in world.places:
            world.claim(place, 8)
            world.end(place, ["SUCCESS"])
        world.check()
    assert [len(place.runs) for place in world.places] == [0] * 6
