"""Limits: rates of endpoints, how many deliveries of a workspace are under way; exact under claimers that crash."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clock import Clock
from delivery.servers import Receiver, answer
from factory import EndpointRow, add_endpoint, add_executions, add_workspace, in_flight
from kronos.worker.claims import Claim, Closed
from kronos.worker.rotation import Rotation
from kronos.worker.shares import Shares
from sql_factory import await_lock, value, values
from worker.protocol import as_worker, claim, claim_params, expire, finalize, release, run
from worker.running import Worker, until

_NOON = datetime(2040, 1, 1, 12, tzinfo=UTC)  # what tests make is due then


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
    """Which endpoints a claim says are closed, and for how many ms; it takes what there is."""
    rows = run(connection, "claim_executions", claim_params(endpoints, quota))
    return {row[3]: row[-1] for row in rows if row[0] is None}


def test_a_rate_gives_its_burst_and_then_a_token_at_a_time_and_says_when(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint, clock = add_endpoint(superuser), Clock(superuser)
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
    endpoint, clock = add_endpoint(superuser), Clock(superuser)
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
    endpoint, clock = add_endpoint(superuser), Clock(superuser)
    add_executions(superuser, endpoint, 30, due_in_seconds=-7200)
    _set_rate(superuser, endpoint, 1, 1, 2)
    clock.stand(_NOON)
    assert len(claim(worker, endpoint)[1]) == 2
    clock.stand(_NOON - timedelta(hours=1))
    assert claim(worker, endpoint)[1] == []
    clock.stand(_NOON - timedelta(hours=1) + timedelta(seconds=1))
    assert len(claim(worker, endpoint)[1]) == 1, "tokens come on the new time as well"
    clock.stand(_NOON + timedelta(days=365))
    assert len(claim(worker, endpoint)[1]) == 2


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    """Against a bucket in exact numbers: the clock moves by so many ms, back as well; so many are wanted of what is
    due, by a claimer with or without another endpoint."""
    count, seconds, burst = rate
    endpoint, beside = add_endpoint(superuser), add_endpoint(superuser, max_in_flight=1)
    add_executions(superuser, endpoint, 150)
    _set_rate(superuser, endpoint, count, seconds, burst)
    clock, now = Clock(superuser), _NOON
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


def test_a_workspaces_endpoints_share_its_limit_in_turn(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    workspace_id = add_workspace(superuser)
    full, few, other = (
        add_endpoint(superuser, workspace_id),
        add_endpoint(superuser, workspace_id),
        add_endpoint(superuser),
    )
    add_executions(superuser, full, 50, due_in_seconds=-60)
    add_executions(superuser, few, 2)
    add_executions(superuser, other, 10)
    _limit(superuser, workspace_id, 5)
    token, ids = claim(worker, full, few, other)
    by = Counter(
        values(superuser, "select endpoint_id from kronos.execution_live where execution_id = any (%s)", [ids])
    )
    assert by == {full.endpoint_id: 3, few.endpoint_id: 2, other.endpoint_id: 10}
    assert (_counted(superuser, workspace_id), in_flight(superuser, full), in_flight(superuser, other)) == (5, 3, 0)
    assert _closed(worker, full, few) == {full.endpoint_id: None, few.endpoint_id: None}
    finalize(worker, token, ids)
    assert (_counted(superuser, workspace_id), in_flight(superuser, full)) == (0, 0)


def test_what_a_cancelled_job_has_waiting_takes_no_share_of_a_workspaces_room(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    workspace_id = add_workspace(superuser)
    cancelled, other = add_endpoint(superuser, workspace_id), add_endpoint(superuser, workspace_id)
    add_executions(superuser, cancelled, 6, due_in_seconds=-60)
    waiting = add_executions(superuser, other, 6)
    superuser.execute(
        "insert into kronos.cancelled_jobs (job_id, workspace_id, first_version_id, reason)"
        " select job_id, workspace_id, job_id, '{\"code\": \"x\"}'"
        " from kronos.execution_live where endpoint_id = %s", [cancelled.endpoint_id]
    )  # fmt: skip
    _limit(superuser, workspace_id, 4)
    assert claim(worker, cancelled, other)[1] == waiting[:4]


def test_a_workspaces_limit_is_lowered_raised_and_taken_away_while_deliveries_are_under_way(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    workspace_id = add_workspace(superuser)
    free, limited = add_endpoint(superuser, workspace_id), add_endpoint(superuser, workspace_id, max_in_flight=4)
    add_executions(superuser, free, 30)
    add_executions(superuser, limited, 30)
    before, first = claim(worker, free, limited, quota=6)
    assert len(first) == 10
    _limit(superuser, workspace_id, 6)
    assert _counted(superuser, workspace_id) == 4, "what the endpoints count; what ran without a limit is not"
    token, second = claim(worker, free, limited, quota=6)
    assert (len(second), _counted(superuser, workspace_id)) == (2, 6)
    _limit(superuser, workspace_id, 3)
    finalize(worker, token, second)
    assert (claim(worker, free, limited)[1], _counted(superuser, workspace_id)) == ([], 4)
    _limit(superuser, workspace_id, 7)
    again, third = claim(worker, free, limited)
    assert (len(third), _counted(superuser, workspace_id)) == (3, 7)
    _limit(superuser, workspace_id, None)
    assert (_counted(superuser, workspace_id), len(claim(worker, free, quota=5)[1])) == (None, 5)
    finalize(worker, before, first)
    _limit(superuser, workspace_id, 9)
    assert _counted(superuser, workspace_id) == len(third)
    finalize(worker, again, third)
    assert _counted(superuser, workspace_id) == 0


def test_limits_are_exact_over_claimers_that_crash(superuser: psycopg.Connection, database_url: str) -> None:
    """Six claimers of three endpoints of two workspaces: they end what they took, well or badly, give it back, or are
    never heard of again. At no moment more than the limits are under way, and all is delivered."""
    workspaces = [add_workspace(superuser), add_workspace(superuser)]
    endpoints = [
        add_endpoint(superuser, workspaces[0], max_attempts=100, max_crashes=100),
        add_endpoint(superuser, workspaces[0], max_in_flight=3, max_attempts=100, max_crashes=100),
        add_endpoint(superuser, workspaces[1], max_attempts=100, max_crashes=100),
    ]
    for workspace_id, most in zip(workspaces, (5, 2), strict=True):
        _limit(superuser, workspace_id, most)
    for endpoint in endpoints:
        add_executions(superuser, endpoint, 60)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            with as_worker(database_url) as connection, psycopg.connect(database_url, autocommit=True) as undertaker:
                left = "select exists (select from kronos.execution_live)"
                while not failures and connection.execute(left).fetchone() == (True,):
                    chance.shuffle(wanted := list(endpoints))
                    token, ids = claim(connection, *wanted, quota=3)
                    _end(connection, undertaker, chance, token, ids)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(6)]
    for thread in threads:
        thread.start()
    peaks: Counter[UUID] = Counter()
    while any(thread.is_alive() for thread in threads):
        for workspace_id, counted, running in superuser.execute(
            "select gate.workspace_id, gate.in_flight, (select count(*) from kronos.execution_live as live"
            " where live.workspace_id = gate.workspace_id and live.claim_token is not null)"
            " from kronos.workspace_gate as gate"
        ).fetchall():
            assert counted == running
            peaks[workspace_id] = max(peaks[workspace_id], counted)
    assert failures == []
    assert 0 < peaks[workspaces[0]] <= 5
    assert 0 < peaks[workspaces[1]] <= 2
    assert value(superuser, "select count(*) from kronos.execution_done where status = 'SUCCESS'") == 180
    assert [_counted(superuser, one) for one in workspaces] == [0, 0]
    assert [in_flight(superuser, one) for one in endpoints] == [0, 0, 0]


def _end(
    connection: psycopg.Connection,
    undertaker: psycopg.Connection,
    chance: random.Random,
    token: UUID,
    ids: Sequence[UUID],
) -> None:
    for execution_id in ids:
        match chance.choices(["SUCCESS", "FAILED", "RELEASE", "CRASH"], [6, 1, 1, 1])[0]:
            case "RELEASE":
                release(connection, token, [execution_id])
            case "CRASH":
                undertaker.execute(
                    "update kronos.execution_live set visible_at = now() - interval '1 s' where execution_id = %s",
                    [execution_id],
                )
                expire(connection)
            case status:
                finalize(connection, token, [execution_id], status)


def test_batches_of_failures_over_several_workspaces_take_their_gates_in_one_order(
    superuser: psycopg.Connection, database_url: str
) -> None:
    """Their endpoints' order is another than their workspaces'."""
    low, high = sorted([add_workspace(superuser), add_workspace(superuser)])
    for workspace_id in (low, high):
        _limit(superuser, workspace_id, 10)
    batches: list[list[EndpointRow]] = [[], []]
    for batch, order in zip(batches, ((low, high), (high, low)), strict=True):
        batch.append(add_endpoint(superuser, order[0]))
        while len(batch) < 2:
            made = add_endpoint(superuser, order[1])
            batch += [made] * (made.endpoint_id > batch[0].endpoint_id)
    for endpoint in (*batches[0], *batches[1]):
        add_executions(superuser, endpoint)
    failures: list[BaseException] = []

    def end(connection: psycopg.Connection, token: UUID, ids: list[UUID]) -> None:
        try:
            finalize(connection, token, ids, "FAILED")
        except psycopg.Error as error:
            failures.append(error)

    with (
        psycopg.connect(database_url) as holder,
        as_worker(database_url) as first,
        as_worker(database_url) as second,
    ):
        claims = [claim(first, *batch) for batch in batches]
        assert [len(ids) for _, ids in claims] == [2, 2]
        holder.execute("select from kronos.workspace_gate where workspace_id = %s for update", [low])
        threads = []
        for connection, (token, ids) in zip((first, second), claims, strict=True):
            threads.append(threading.Thread(target=end, args=[connection, token, ids]))
            threads[-1].start()
            await_lock(superuser, connection)
        holder.rollback()
        for thread in threads:
            thread.join()
    assert failures == []
    assert [_counted(superuser, one) for one in (low, high)] == [0, 0]


def test_another_claimers_lock_on_a_workspaces_gate_is_not_waited_for(
    superuser: psycopg.Connection, worker: psycopg.Connection, other: psycopg.Connection
) -> None:
    workspace_id = add_workspace(superuser)
    limited, free = add_endpoint(superuser, workspace_id), add_endpoint(superuser)
    running = add_executions(superuser, limited, 1)
    _limit(superuser, workspace_id, 5)
    token, claimed = claim(worker, limited)
    assert claimed == running
    add_executions(superuser, limited, 3)
    add_executions(superuser, free, 2)
    other.execute("select from kronos.workspace_gate where workspace_id = %s for update", [workspace_id])
    _, ids = claim(worker, limited, free)
    assert len(ids) == 2
    asked = {"execution_ids": [*running, *ids], "failed_ids": []}
    assert [row[0] for row in run(worker, "list_locked", asked)] == running
    other.rollback()
    assert (run(worker, "list_locked", asked), len(claim(worker, limited)[1])) == ([], 3)
    finalize(worker, token, running)


def test_what_ends_in_two_workspaces_takes_their_gates_in_one_order(
    superuser: psycopg.Connection, worker: psycopg.Connection, other: psycopg.Connection, database_url: str
) -> None:
    """Failures, whose endpoints' health is written one by one: two such batches would wait for each other."""
    first, last = sorted([add_workspace(superuser), add_workspace(superuser)])
    endpoints = [add_endpoint(superuser, last), add_endpoint(superuser, first)]
    while endpoints[0].endpoint_id > endpoints[1].endpoint_id:
        endpoints = [add_endpoint(superuser, last), add_endpoint(superuser, first)]
    for endpoint in endpoints:
        _limit(superuser, endpoint.workspace_id, 5)
        add_executions(superuser, endpoint, 1)
    token, claimed = claim(worker, *endpoints)
    other.execute("select from kronos.workspace_gate where workspace_id = %s for update", [first])
    with ThreadPoolExecutor() as beside:
        ending = beside.submit(finalize, worker, token, claimed, "FAILED")
        await_lock(superuser, worker)
        free = values(superuser, "select workspace_id from kronos.workspace_gate for update skip locked")
        other.rollback()
        assert set(ending.result().values()) == {"RETRY"}
    assert free == [last]
    assert [_counted(superuser, one) for one in (first, last)] == [0, 0]


def test_an_endpoint_on_trial_gives_one_delivery_whatever_limits_it_has_beside(
    superuser: psycopg.Connection, worker: psycopg.Connection, database_url: str
) -> None:
    """Four claimers at once: one of its executions is under way, and of its workspace as many as may be."""
    clock, workspace_id = Clock(superuser), add_workspace(superuser)
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
            superuser.execute("set local session_replication_role = replica")  # nobody is notified
            _set_rate(superuser, endpoint, 1000, 1, 10)
        superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'kronos-worker-listen' and datname = current_database()"
        )
        await until(lambda: value(superuser, left) == 0, "the rest, at the new rate", seconds=40)


async def test_a_worker_delivers_at_the_rate_and_at_once_when_it_is_changed(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    """With a token a day, and then one in 25 ms: nothing of it waits for the poll."""
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
    monkeypatch.setattr("kronos.worker.rotation.time.monotonic", lambda: now[0])
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
    assert rotation.opens_at == 1060.0, "no longer, for a limit may be another by then"
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
    assert set(turn()) == {rated, full, sibling}, "a slot that nobody reports is found after a second"
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
