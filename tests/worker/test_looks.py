"""When a worker looks for work, and what it requests: its rotation of endpoints, its wakes, its slots."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, add_executions
from kronos.delivery.egress import EgressPolicy
from kronos.delivery.http import HttpTransport
from kronos.delivery.streams import Streams
from kronos.worker import claims
from kronos.worker.link import Link, Outage
from kronos.worker.loop import Loop
from kronos.worker.rotation import Rotation
from kronos.worker.shares import Shares
from kronos.worker.wake import Wake
from stopped_clock import StoppedClock
from told import all_told


def test_the_ring_shares_exactly_what_is_free_and_everyone_has_a_turn() -> None:
    rotation, endpoints = Rotation(Shares(100)), ids(150)
    rotation.offer(dict.fromkeys(endpoints, "a"))
    first = rotation.next(110)
    assert ([one.endpoint_id for one in first], sum(one.quota for one in first)) == (endpoints[:64], 100)
    second, third = rotation.next(11), rotation.next(110)
    assert [one.endpoint_id for one in [*second, *third]] == endpoints[64:138]
    assert (sum(one.quota for one in second), sum(one.quota for one in third)) == (10, 100)
    assert {one.quota for one in second} == {1}
    assert Rotation(Shares(100)).next(5) == []


def test_an_endpoint_that_came_up_short_returns_when_one_of_its_runs_ends() -> None:
    rotation, (limited, other) = Rotation(Shares(100)), ids(2)
    rotation.offer({limited: limited})
    rotation.claimed(rotation.next(5), [])
    assert not rotation
    rotation.offer_again({other: other})
    assert not rotation
    rotation.offer_again({limited: limited})
    assert [one.endpoint_id for one in rotation.next(5)] == [limited]


def test_what_is_due_before_all_clocks_has_no_floor_above_it() -> None:
    """It is shown as of 1970, wherever it is in the index."""
    rotation, first = Rotation(Shares(100)), datetime(1970, 1, 1, tzinfo=UTC)
    seen, taken = ids(2)
    rotation.look_fully([claims.DueEndpoint(seen, -1e12, first, "a")])
    rotation.claimed([], [_claim(taken, first)])
    assert rotation.floors == dict.fromkeys((seen, taken), claims.EVERYTHING)


def test_a_look_begins_where_the_claims_of_the_last_endpoints_ended_and_where_old_work_waits() -> None:
    rotation, now = Rotation(Shares(100)), datetime(2026, 11, 28, 8, tzinfo=UTC)
    fresh, old, *claimed = ids(102)
    found = [(fresh, -1.0, now), (old, -3_600_000.0, now - timedelta(hours=1))]
    rotation.look_fully([claims.DueEndpoint(one, ms, at, "a") for one, ms, at in found])
    assert rotation.floors == {old: now - timedelta(hours=1, seconds=1)}
    for endpoint_id in claimed:
        rotation.claimed([], [_claim(endpoint_id, now)])
    assert rotation.floors == {old: now - timedelta(hours=1, seconds=1)} | dict.fromkeys(
        claimed[-64:], now - timedelta(seconds=1)
    )
    rotation.claimed([], [_claim(claimed[0], now - timedelta(hours=2))])
    assert rotation.floors.keys() == {old, claimed[0], *claimed[-63:]}
    assert rotation.floors[claimed[0]] == now - timedelta(seconds=1), "a floor is never lowered"
    rotation.look_fully([])
    assert rotation.floors == {}


def ids(count: int) -> list[str]:
    return [str(uuid4()) for _ in range(count)]


def _claim(endpoint_id: str, due_at: datetime) -> claims.Claim:
    (some,) = ids(1)
    return claims.Claim(
        execution_id=some,
        workspace_id=some,
        job_id=some,
        endpoint_id=endpoint_id,
        endpoint_version=1,
        attempt_count=1,
        max_attempts=5,
        scheduled_at=due_at,
        timeout_ms=1,
        holds_slot=False,
        input="{}",
        due_at=due_at,
    )


def test_a_wake_is_followed_by_two_more_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StoppedClock()  # after a stall of 50 ms, two looks would count as one
    monkeypatch.setattr("kronos.worker.wake.time", clock)
    wake = Wake(poll_seconds=30)
    wake.looked(clock.now, None)
    assert not wake.is_due
    wake.now()
    assert wake.is_due
    looks, started = [], clock.now
    for millisecond in range(200):
        clock.now = started + millisecond / 1000
        if wake.is_due:
            looks.append(millisecond)
            wake.looked(clock.now, None)
    assert looks == [0, 15, 50]


def test_looks_that_were_asked_for_do_not_multiply_the_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StoppedClock()
    monkeypatch.setattr("kronos.worker.wake.time", clock)
    wake = Wake(poll_seconds=1)
    wake.now()
    for milliseconds in (20, 100, 300):
        wake.within(milliseconds / 1000)
    looks = []
    for millisecond in range(20_000):
        clock.now = 1000 + millisecond / 1000
        if wake.is_due:
            looks.append(millisecond)
            wake.looked(clock.now, None)
    assert len([look for look in looks if look >= 10_000]) <= 10 / 0.7


async def test_who_waits_for_a_look_goes_on_when_it_is_time() -> None:
    wake = Wake(poll_seconds=30)
    wake.looked(time.monotonic(), 0.05)
    async with asyncio.timeout(60):
        while not wake.is_due:
            await wake.wait(for_look=True)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    """The worker's clock."""
    made = StoppedClock()
    monkeypatch.setattr("kronos.worker.wake.time", made)
    monkeypatch.setattr("kronos.worker.loop.time", made)
    return made


def _loop(link: Link, wake: Wake, concurrency: int = 1) -> Loop:
    transport = HttpTransport(EgressPolicy())
    return Loop(
        claiming=link,
        finalizing=link,
        transport=transport,
        streams=Streams(EgressPolicy()),
        worker_id="w",
        concurrency=concurrency,
        lease=timedelta(seconds=15),
        wake=wake,
    )


def _add_old_work(superuser: psycopg.Connection, endpoint: EndpointRow) -> None:
    add_executions(superuser, endpoint)
    superuser.execute("update kronos.execution_live set visible_at = now() - interval '1 hour'")


class AwayLink(Link):
    """PostgreSQL is down for ten minutes, by the given clock, at the nth request for a connection."""

    def __init__(self, database_url: str, clock: StoppedClock, *, nth: int) -> None:
        super().__init__(database_url, "test", Outage())
        self._clock, self._nth = clock, nth

    async def connected(self) -> psycopg.AsyncConnection[Any]:
        self._nth -= 1
        if self._nth == 0:
            self._clock.now += 600
        return await super().connected()


@pytest.mark.parametrize("nth", [1, 2, 3], ids=["before a look", "before its upkeep", "before its question"])
async def test_how_long_postgresql_was_away_does_not_put_off_the_looks_that_follow(
    superuser: psycopg.Connection, database_url: str, clock: StoppedClock, nth: int
) -> None:
    endpoint = add_endpoint(superuser)
    link, wake = AwayLink(database_url, clock, nth=nth), Wake(poll_seconds=1)
    loop = _loop(link, wake)
    await loop._look()
    clock.now += 5
    assert wake.is_due
    _add_old_work(superuser, endpoint)
    clock.now += 25
    await loop._look()
    assert loop._rotation, "older work that started to wait is found half a minute later at the latest"
    await link.close()


async def test_what_is_due_is_looked_for_though_upkeep_fails(
    superuser: psycopg.Connection, link: Link, clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever error a part of upkeep meets, such as a broken row: otherwise no worker would deliver anything."""
    superuser.execute(
        "create or replace function kronos.seal_audit(p_limit integer) returns integer language plpgsql as"
        " $$ begin raise 'it is broken'; end $$"
    )
    _add_old_work(superuser, add_endpoint(superuser))
    loop = _loop(link, Wake(poll_seconds=1))
    for _ in range(2):
        await loop._look()
    assert loop._rotation
    messages = {each["message"] for each in all_told(caplog, "upkeep.failed")}
    assert [each.endswith("held executions: it is broken") for each in messages] == [True]
    superuser.execute(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where application_name like '%worker%' and datname = current_database()"
    )
    clock.now += 10
    for _ in range(2):  # the first may meet the end of the connection, which ends it
        await loop._look()
    assert link.is_connected


async def test_leases_end_at_each_full_look_though_another_part_of_upkeep_fails(
    superuser: psycopg.Connection, link: Link, clock: StoppedClock
) -> None:
    """Full looks used to come only when upkeep was not tried, and the other way round: a lease that had expired more
    than three seconds ago waited half a minute."""
    superuser.execute(
        "create or replace function kronos.seal_audit(p_limit integer) returns integer language plpgsql as"
        " $$ begin raise 'it is broken'; end $$"
    )
    endpoint, loop = add_endpoint(superuser), _loop(link, Wake(poll_seconds=1))
    for seconds in (0, 3.5, 3.5, 3.5):
        clock.now += seconds
        (lost,) = add_executions(superuser, endpoint)
        superuser.execute(
            "update kronos.execution_live set claim_token = gen_random_uuid(), claimed_at = now() - interval '1 hour',"
            " worker_id = 'gone', attempt_count = 1, visible_at = now() - interval '1 minute' where execution_id = %s",
            [lost],
        )
        await loop._look()
        row = superuser.execute(
            "select claim_token, crashes from kronos.execution_live where execution_id = %s", [lost]
        )
        assert row.fetchone() == (None, 1)


async def test_what_waited_in_a_workspace_is_looked_for_as_soon_as_it_is_resumed(
    superuser: psycopg.Connection, database_url: str, link: Link, clock: StoppedClock
) -> None:
    endpoint, wake = add_endpoint(superuser), Wake(poll_seconds=1)
    loop = _loop(link, wake)
    await loop._look()
    _add_old_work(superuser, endpoint)
    superuser.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [endpoint.workspace_id],
    )
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("listen kronos_work")
        with superuser.transaction():
            superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
            superuser.execute("select kronos.resume_workspace()")
        (told,) = listener.notifies(timeout=60, stop_after=1)
    wake.now()
    await loop._look()
    assert not loop._rotation, "a look that is not full only reads rows newer than the last full one"
    wake.now(is_old=told.payload == "old")
    await loop._look()
    assert loop._rotation


def end(loop: Loop, held: int) -> None:
    """End one delivery, so that this many are left."""
    loop._shares.ended("a")
    loop._held = held
    loop._slot_freed()


def test_a_claim_waits_for_half_of_the_slots_or_for_three_milliseconds(link: Link) -> None:
    async def run() -> None:
        loop, clock = _loop(link, Wake(poll_seconds=30), concurrency=100), asyncio.get_running_loop()
        assert loop._has_room, "a lone execution is claimed immediately"
        loop._shares.began(["a"] * 100)
        loop._has_room, loop._held = False, 100
        for held in range(99, 50, -1):
            end(loop, held)
            assert not loop._has_room
        assert loop._room_timer is not None
        assert loop._room_timer.when() - clock.time() <= 0.003
        end(loop, 50)
        assert loop._has_room
        loop._shares.began(["a"] * 50)
        loop._has_room = False
        end(loop, 99)
        async with asyncio.timeout(60):
            while not loop._has_room:
                await loop._wake.wait(for_look=False)

    asyncio.run(run())
