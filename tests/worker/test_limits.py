"""Limits: rates of endpoints, and deliveries of a workspace in progress; exact with claimers that crash."""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.servers import Receiver, answer
from depth import depth
from factory import EndpointRow, add_endpoint, add_executions, add_workspace, in_flight
from kronos.worker.claims import Claim, Closed
from kronos.worker.rotation import Rotation
from kronos.worker.shares import Shares
from moved_clock import MovedClock
from sql_factory import value, values
from worker.crashing import six_claimers
from worker.protocol import as_worker, claim, claim_params, expire, finalize, run
from worker.running import Worker, until

_NOON = datetime(2040, 1, 1, 12, tzinfo=UTC)  # executions of these tests are due then


def _set_rate(connection: psycopg.Connection, endpoint: EndpointRow, count: int, seconds: int, burst: int) -> None:
    connection.execute(
        "update kronos.endpoint_gate set rate_count = %s, rate_seconds = %s, rate_burst = %s where endpoint_id = %s",
        [count, seconds, burst, endpoint.endpoint_id],
    )


def _limit(connection: psycopg.Connection, workspace_id: UUID, most: int | None) -> None:
    connection.execute(
        "update kronos.workspaces set max_concurrency = %s where workspace_id = %s", [most, workspace_id]
    )


def _counted(connection: psycopg.Connection, workspace_id: UUID) -> int | None:
    found = values(connection, "select in_flight from kronos.workspace_gate where workspace_id = %s", [workspace_id])
    return found[0] if found else None


def _closed(connection: psycopg.Connection, *endpoints: EndpointRow, quota: int = 10) -> dict[UUID, float | None]:
    """The endpoints that a claim reports as closed, and for how many ms; it takes what there is."""
    rows = run(connection, "claim_executions", claim_params(endpoints, quota))
    return {row[3]: row[-1] for row in rows if row[0] is None}


def test_a_rate_gives_its_burst_and_then_a_token_at_a_time_and_says_when(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint, clock = add_endpoint(superuser), MovedClock(superuser)
    add_executions(superuser, endpoint, 20)
    _set_rate(superuser, endpoint, 10, 60, 3)
    clock.stand(_NOON)
    assert len(claim(worker, endpoint, quota=2)[1]) == 2
    assert _closed(worker, endpoint) == {endpoint.endpoint_id: 6000}
    assert (claim(worker, endpoint)[1], _closed(worker, endpoint)) == ([], {endpoint.endpoint_id: 6000})
    clock.stand(_NOON + timedelta(seconds=5.9))
    assert _closed(worker, endpoint) == {endpoint.endpoint_id: pytest.approx(100)}
    clock.stand(_NOON + timedelta(seconds=6))
    assert len(claim(worker, endpoint)[1]) == 1
    clock.stand(_NOON + timedelta(hours=1))
    assert len(claim(worker, endpoint)[1]) == 3, "no more than the burst, however long it was quiet"
    assert in_flight(superuser, endpoint) == 0, "a rate holds no slots"


def test_a_retry_takes_a_token(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint, clock = add_endpoint(superuser), MovedClock(superuser)
    add_executions(superuser, endpoint, 1)
    _set_rate(superuser, endpoint, 1, 10, 1)
    clock.stand(_NOON)
    token, ids = claim(worker, endpoint)
    assert finalize(worker, token, ids, "FAILED") == {ids[0]: "RETRY"}
    assert claim(worker, endpoint)[1] == []
    clock.stand(_NOON + timedelta(seconds=10))
    assert claim(worker, endpoint)[1] == ids


def test_a_clock_that_is_set_back_or_forward_gives_no_flood_and_no_stop(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint, clock = add_endpoint(superuser), MovedClock(superuser)
    add_executions(superuser, endpoint, 30, due_in_seconds=-7200)
    _set_rate(superuser, endpoint, 1, 1, 2)
    clock.stand(_NOON)
    assert len(claim(worker, endpoint)[1]) == 2
    clock.stand(_NOON - timedelta(hours=1))
    assert claim(worker, endpoint)[1] == []
    clock.stand(_NOON - timedelta(hours=1) + timedelta(seconds=1))
    assert len(claim(worker, endpoint)[1]) == 1, "tokens arrive by the new clock as well"
    clock.stand(_NOON + timedelta(days=365))
    assert len(claim(worker, endpoint)[1]) == 2


@settings(max_examples=depth(8, deep=30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.tuples(st.integers(1, 100), st.integers(1, 60), st.integers(1, 12)),
    steps=st.lists(st.tuples(st.integers(-2_000, 8_000), st.integers(1, 15), st.booleans()), min_size=1, max_size=10),
)
def test_a_rate_is_a_token_bucket(
    superuser: psycopg.Connection,
    worker: psycopg.Connection,
    rate: tuple[int, int, int],
    steps: list[tuple[int, int, bool]],
) -> None:
    """Compared with a bucket in exact numbers: the clock moves by these ms, also backwards; a claimer, with or without
    another endpoint, requests this many of the due executions."""
    count, seconds, burst = rate
    endpoint, beside = add_endpoint(superuser), add_endpoint(superuser, max_in_flight=1)
    add_executions(superuser, endpoint, 150)
    _set_rate(superuser, endpoint, count, seconds, burst)
    clock, now = MovedClock(superuser), _NOON
    tokens, at = Fraction(burst), now
    for by, quota, is_alone in steps:
        now += timedelta(milliseconds=by)
        clock.stand(now)
        passed = Fraction(max(0, (now - at) // timedelta(milliseconds=1)), 1000)
        there = min(Fraction(burst), tokens + passed * count / seconds)
        _, ids = claim(worker, *([endpoint] if is_alone else [beside, endpoint]), quota=quota)
        assert len(ids) == min(quota, int(there))
        if ids or now < at:  # time that passed before the clock was set back counts where a claim has counted it
            tokens, at = there - len(ids), now


def test_limits_are_exact_over_claimers_that_crash(superuser: psycopg.Connection, database_url: str) -> None:
    """Six claimers of three endpoints of two workspaces: they finish their claims, with success or failure, give them
    back, or disappear. The limits are never exceeded, and everything is delivered."""
    workspaces = [add_workspace(superuser), add_workspace(superuser)]
    endpoints = [
        add_endpoint(superuser, workspaces[0], max_attempts=100, max_crashes=100),
        add_endpoint(superuser, workspaces[0], max_in_flight=3, max_attempts=100, max_crashes=100),
        add_endpoint(superuser, workspaces[1], max_attempts=100, max_crashes=100),
    ]
    for workspace_id, most in zip(workspaces, (5, 2), strict=True):
        _limit(superuser, workspace_id, most)
    each = depth(20, deep=60)
    for endpoint in endpoints:
        add_executions(superuser, endpoint, each)
    peaks: Counter[UUID] = Counter()

    def watch() -> None:
        for workspace_id, counted, running in superuser.execute(
            "select gate.workspace_id, gate.in_flight, (select count(*) from kronos.execution_live as live"
            " where live.workspace_id = gate.workspace_id and live.claim_token is not null)"
            " from kronos.workspace_gate as gate"
        ).fetchall():
            assert counted == running
            peaks[workspace_id] = max(peaks[workspace_id], counted)

    six_claimers(database_url, endpoints, lose=_lose, watch=watch)
    assert 0 < peaks[workspaces[0]] <= 5
    assert 0 < peaks[workspaces[1]] <= 2
    assert value(superuser, "select count(*) from kronos.execution_done where status = 'SUCCESS'") == 3 * each
    assert [_counted(superuser, one) for one in workspaces] == [0, 0]
    assert [in_flight(superuser, one) for one in endpoints] == [0, 0, 0]


def _lose(claimer: psycopg.Connection, undertaker: psycopg.Connection, execution_id: UUID) -> None:
    undertaker.execute(
        "update kronos.execution_live set visible_at = now() - interval '1 s' where execution_id = %s", [execution_id]
    )
    expire(claimer)


def test_an_endpoint_on_trial_gives_one_delivery_whatever_limits_it_has_beside(
    superuser: psycopg.Connection, worker: psycopg.Connection, database_url: str
) -> None:
    """Four claimers at once: one of its executions is in progress, and of its workspace as many as the limit allows."""
    clock, workspace_id = MovedClock(superuser), add_workspace(superuser)
    tried, sibling = add_endpoint(superuser, workspace_id, max_in_flight=5), add_endpoint(superuser, workspace_id)
    add_executions(superuser, tried, 10)
    add_executions(superuser, sibling, 10)
    _limit(superuser, workspace_id, 3)
    _set_rate(superuser, tried, 1000, 1, 100)
    token, (slowed,) = claim(worker, tried, quota=1)
    finalize(worker, token, [slowed], "FAILED", slow_ms=30_000)
    clock.step(timedelta(seconds=31))

    def take(_: int) -> list[tuple[UUID, list[UUID]]]:
        with as_worker(database_url) as connection:
            return [claim(connection, sibling, tried, quota=2) for _ in range(4)]

    with ThreadPoolExecutor(4) as claimers:
        taken = [each for all_of_one in claimers.map(take, range(4)) for each in all_of_one]
    assert (in_flight(superuser, tried), _counted(superuser, workspace_id)) == (1, 3)
    for token, ids in taken:
        finalize(worker, token, ids)
    assert (in_flight(superuser, tried), _counted(superuser, workspace_id)) == (0, 0)
    assert len(claim(worker, tried, quota=10)[1]) == 3


def test_who_gave_all_that_is_due_is_not_closed_where_slots_are_left(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    workspace_id = add_workspace(superuser)
    endpoints = [add_endpoint(superuser, workspace_id, max_in_flight=5) for _ in range(2)]
    for endpoint in endpoints:
        add_executions(superuser, endpoint, 1)
    _limit(superuser, workspace_id, 4)
    assert _closed(worker, *endpoints) == {}
    assert _counted(superuser, workspace_id) == 2


async def test_a_limit_that_was_changed_while_nobody_listened_holds_once_the_worker_listens_again(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url)
        _set_rate(superuser, endpoint, 1, 86_400, 1)
        add_executions(superuser, endpoint, 2)
        await start(poll_seconds=60).started()
        left = "select count(*) from kronos.execution_live"
        await until(lambda: value(superuser, left) == 1, "the only token")
        await until(lambda: value(superuser, "select rate_tokens < 1 from kronos.endpoint_gate"), "the claim")
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")  # without notifications
            _set_rate(superuser, endpoint, 1000, 1, 10)
        superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'kronos-worker-listen' and datname = current_database()"
        )
        await until(lambda: value(superuser, left) == 0, "the rest, at the new rate", seconds=60)


async def test_a_worker_delivers_at_the_rate_and_at_once_when_it_is_changed(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    """With a token per day, and then one per 25 ms: nothing waits for the poll."""
    async with Receiver(answer(), keep=True) as receiver:
        endpoint, free = add_endpoint(superuser, url=receiver.url), add_endpoint(superuser, url=receiver.url)
        _set_rate(superuser, endpoint, 1, 86_400, 1)
        add_executions(superuser, endpoint, 22)
        await start(poll_seconds=60).started()
        of_it = "select count(*) from kronos.execution_live where endpoint_id = %s"
        await until(lambda: value(superuser, of_it, [endpoint.endpoint_id]) == 21, "the only token")
        add_executions(superuser, free, 30, is_told=True)
        await until(lambda: value(superuser, of_it, [free.endpoint_id]) == 0, "what has no limit")
        assert value(superuser, of_it, [endpoint.endpoint_id]) == 21
        began = time.monotonic()
        _set_rate(superuser, endpoint, 40, 1, 1)
        await until(lambda: value(superuser, of_it, [endpoint.endpoint_id]) == 0, "the rest, at the new rate")
        assert time.monotonic() - began >= 0.5, "20 tokens take half a second"


def test_a_closed_endpoint_is_not_asked_until_its_time_or_a_slot_of_its_workspace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("kronos.worker.rotation.time", SimpleNamespace(monotonic=lambda: now[0]))
    rotation = Rotation(Shares(100))
    rated, full, sibling, free = (str(uuid.uuid4()) for _ in range(4))
    everyone = [rated, full, sibling, free]

    def close() -> None:
        rotation.offer(dict.fromkeys(everyone, "a"))
        wanted = rotation.next(8)
        closed = [Closed(rated, "a", 250.0), Closed(full, "b", None), Closed(sibling, "b", None)]
        rotation.claimed(wanted, [], closed)

    def turn() -> list[str]:
        return [one.endpoint_id for one in rotation.next(100)]

    rotation.claimed([], [], [Closed(rated, "a", 86_400_000.0)])
    assert rotation.opens_at == 1060.0, "no longer, because the limit may have changed by then"
    rotation.open_all()
    close()
    rotation.offer(dict.fromkeys(everyone, "a"))
    rotation.offer_first([rated, full])
    assert (turn(), rotation.opens_at) == ([free], 1000.25)
    now[0] += 0.25
    rotation.open_due()
    assert (turn(), rotation.opens_at) == ([free, rated], 1001.0)
    rotation.offer_again({free: "b"})
    assert set(turn()) == {free, rated, full, sibling}
    close()
    now[0] += 1.0
    rotation.open_due()
    assert set(turn()) == {rated, full, sibling}, "a slot that is never reported is found after a second"
    close()
    rotation.open_all()
    assert set(turn()) == {rated, full, sibling}
    assert rotation.opens_at == float("inf")


def test_of_those_that_wait_for_a_slot_the_one_that_got_none_is_first() -> None:
    rotation = Rotation(Shares(100))
    first, second = (str(uuid.uuid4()) for _ in range(2))
    rotation.offer(dict.fromkeys([first, second], "a"))
    turns = []
    for _ in range(4):
        wanted = rotation.next(3)  # two, and one that stays free
        turns.append(wanted[0].endpoint_id)
        closed = [Closed(one.endpoint_id, "a", None) for one in wanted]
        rotation.claimed(wanted, [_claimed(wanted[0].endpoint_id)], closed)
        rotation.offer_again({wanted[0].endpoint_id: "a"})
    assert turns == [first, second, first, second]


def _claimed(endpoint_id: str) -> Claim:
    return Claim(endpoint_id, "a", endpoint_id, endpoint_id, 1, 1, 5, _NOON, 1, True, "{}", _NOON)
