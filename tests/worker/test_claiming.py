"""What a claim takes and what it leaves: limits, pauses and the floor, with many claimers."""

import threading
import uuid

import psycopg
import pytest

from depth import depth
from factory import add_endpoint, add_executions, end_leases, in_flight
from worker.protocol import EVERYTHING, FULL_LOOK, as_worker, claim, expire, finalize, run


def test_dead_leases_that_fill_a_limit_do_not_wedge_the_endpoint(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=5)
    add_executions(superuser, endpoint, 20)
    _, claimed = claim(worker, endpoint, quota=50)
    assert (len(claimed), claim(worker, endpoint, quota=50)[1], in_flight(superuser, endpoint)) == (5, [], 5)
    end_leases(superuser)
    assert expire(worker) == (5, 0)
    token, again = claim(worker, endpoint, quota=50)
    assert (len(again), in_flight(superuser, endpoint)) == (5, 5)
    finalize(worker, token, again)
    assert in_flight(superuser, endpoint) == 0


def test_a_limit_is_exact_under_eight_claimers(superuser: psycopg.Connection, database_url: str) -> None:
    endpoint, count = add_endpoint(superuser, max_in_flight=5), depth(150, deep=300)
    add_executions(superuser, endpoint, count)
    errors: list[BaseException] = []
    given_back = threading.Condition()

    def work() -> None:
        try:
            with as_worker(database_url) as connection:
                while connection.execute("select exists (select from kronos.execution_live)").fetchone() == (True,):
                    token, claimed = claim(connection, endpoint, quota=3)
                    if claimed:
                        finalize(connection, token, claimed)
                    with given_back:  # those that got nothing claim again at once when some have ended
                        given_back.notify_all() if claimed else given_back.wait(0.02)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    peak = 0
    while alive := [thread for thread in threads if thread.is_alive()]:
        alive[0].join(0.002)  # otherwise a third of the CPU would be the watching
        counted = superuser.execute(
            """
            select (select in_flight from kronos.endpoint_gate where endpoint_id = %(id)s),
                   (select count(*) from kronos.execution_live where endpoint_id = %(id)s and claim_token is not null)
            """,
            {"id": endpoint.endpoint_id},
        ).fetchone()
        assert counted is not None
        assert counted[0] == counted[1]
        peak = max(peak, counted[0])
    assert errors == []
    assert 0 < peak <= 5
    ended = superuser.execute(
        "select count(*) filter (where status = 'SUCCESS'), count(*) from kronos.execution_done"
    ).fetchone()
    assert (ended, in_flight(superuser, endpoint)) == ((count, count), 0)


def test_no_execution_is_claimed_twice(superuser: psycopg.Connection, database_url: str) -> None:
    endpoints = [add_endpoint(superuser), add_endpoint(superuser)]
    ids = [*add_executions(superuser, endpoints[0], 200), *add_executions(superuser, endpoints[1], 200)]
    claimed: list[uuid.UUID] = []

    def work() -> None:
        with as_worker(database_url) as connection:
            while connection.execute(
                "select exists (select from kronos.execution_live where claim_token is null)"
            ).fetchone() == (True,):
                claimed.extend(claim(connection, *endpoints, quota=7)[1])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(claimed) == sorted(ids)


def test_a_claim_never_waits(superuser: psycopg.Connection, worker: psycopg.Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=5)
    add_executions(superuser, endpoint, 3)
    with psycopg.connect(database_url) as locker:
        for locked in ("kronos.endpoint_gate", "kronos.execution_live"):
            locker.execute(f"select from {locked} for update")
            assert claim(worker, endpoint)[1] == []  # waiting would fail by lock_timeout: the lock stays
            locker.rollback()
    assert len(claim(worker, endpoint)[1]) == 3


def test_a_paused_endpoint_and_a_later_execution_are_not_claimed(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    paused, delayed = add_endpoint(superuser), add_endpoint(superuser)
    add_executions(superuser, paused, 2)
    add_executions(superuser, delayed, due_in_seconds=60)
    superuser.execute(
        "update kronos.endpoint_gate set paused_until = now() + interval '1 h' where endpoint_id = %s",
        [paused.endpoint_id],
    )
    assert claim(worker, paused, delayed)[1] == []
    due = {row[0]: row[1] for row in run(worker, "list_due_endpoints", FULL_LOOK)}
    assert due[paused.endpoint_id] <= 0
    assert 55_000 < due[delayed.endpoint_id] <= 60_000


def test_nothing_of_a_cancelled_job_is_claimed(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    """Its executions are ended in steps; until then they are in the queue with the others."""
    endpoint = add_endpoint(superuser)
    cancelled, other = add_executions(superuser, endpoint, 2)
    superuser.execute(
        "insert into kronos.cancelled_jobs (job_id, workspace_id, first_version_id, reason)"
        " select job_id, workspace_id, job_id, '{}' from kronos.execution_live where execution_id = %s",
        [cancelled],
    )
    superuser.execute(
        "update kronos.execution_live set job_id = gen_random_uuid() where execution_id = %s"
        " and job_id = (select job_id from kronos.cancelled_jobs)",
        [other],
    )
    assert claim(worker, endpoint)[1] == [other]
    superuser.execute("delete from kronos.cancelled_jobs")
    assert claim(worker, endpoint)[1] == [cancelled]


@pytest.mark.parametrize(
    ("timeout_ms", "lease_ms"), [(1, 15_000), (10_000, 15_000), (10_001, 15_001), (60_000, 65_000)]
)
def test_a_lease_is_the_timeout_and_a_margin_and_no_shorter_than_the_shortest(
    superuser: psycopg.Connection, worker: psycopg.Connection, timeout_ms: int, lease_ms: int
) -> None:
    """With a margin of 5 s and a minimum of 15 s. With a shorter lease, another worker would deliver it a second
    time."""
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint)
    superuser.execute("update kronos.execution_live set timeout_ms = %s", [timeout_ms])
    claim(worker, endpoint)
    lease = "select round(extract(epoch from visible_at - claimed_at) * 1000)::integer from kronos.execution_live"
    assert superuser.execute(lease).fetchall() == [(lease_ms,)]


def test_an_execution_has_started_with_its_first_claim_and_each_is_an_attempt(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    (execution_id,) = add_executions(superuser, endpoint)
    row = "select started_at, claimed_at, attempt_count from kronos.execution_live where execution_id = %s"
    claim(worker, endpoint)
    ((started, _, first),) = superuser.execute(row, [execution_id]).fetchall()
    end_leases(superuser)
    expire(worker)
    claim(worker, endpoint)
    ((still, claimed, second),) = superuser.execute(row, [execution_id]).fetchall()
    assert (still, first, second) == (started, 1, 2)
    assert claimed > started


@pytest.mark.parametrize("known", [0, 1, 4, 9])
def test_each_endpoint_with_something_to_claim_is_due_once_and_one_whose_work_is_claimed_is_not(
    superuser: psycopg.Connection, worker: psycopg.Connection, known: int
) -> None:
    """Those that a worker knows, in any order, and the others between them."""
    endpoints = [add_endpoint(superuser) for _ in range(9)]
    for endpoint in endpoints:
        add_executions(superuser, endpoint, 2)
    taken = endpoints[::3]
    assert len(claim(worker, *taken)[1]) == 6
    add_executions(superuser, endpoints[0])  # in addition to the claimed ones
    ids = [endpoint.endpoint_id for endpoint in endpoints[:known]]
    look = {"endpoint_ids": ids, "floors": [EVERYTHING] * known, "since_seconds": 3600.0}
    due = [row[0] for row in run(worker, "list_due_endpoints", look)]
    assert sorted(due) == sorted(each.endpoint_id for each in endpoints if each not in taken or each is endpoints[0])


def test_an_unlimited_endpoint_never_touches_its_gate(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    ids = add_executions(superuser, endpoint, 20)
    before = superuser.execute(
        "select xmin, xmax from kronos.endpoint_gate where endpoint_id = %s", [endpoint.endpoint_id]
    ).fetchone()
    token, _ = claim(worker, endpoint, quota=50)
    finalize(worker, token, ids)
    assert (
        superuser.execute(
            "select xmin, xmax from kronos.endpoint_gate where endpoint_id = %s", [endpoint.endpoint_id]
        ).fetchone()
        == before
    )


def test_a_limit_can_be_switched_on_and_off_while_claims_run(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 20)
    limit = "update kronos.endpoint_gate set max_in_flight = %s where endpoint_id = %s"
    uncounted, first = claim(worker, endpoint, quota=7)
    superuser.execute(limit, [4, endpoint.endpoint_id])
    counted, second = claim(worker, endpoint, quota=50)
    assert (len(second), in_flight(superuser, endpoint)) == (4, 4)
    finalize(worker, uncounted, first)
    assert in_flight(superuser, endpoint) == 4  # uncounted ones give nothing back
    superuser.execute(limit, [None, endpoint.endpoint_id])
    unlimited, third = claim(worker, endpoint, quota=5)
    finalize(worker, counted, second)
    finalize(worker, unlimited, third)
    assert (len(third), in_flight(superuser, endpoint)) == (5, 0)


def test_the_floor_is_only_a_hint(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    old = add_executions(superuser, endpoint, 3)
    row = superuser.execute("select clock_timestamp()").fetchone()
    assert row is not None
    new = add_executions(superuser, endpoint, 1)
    assert claim(worker, endpoint, floor=row[0])[1] == new
    assert claim(worker, endpoint)[1] == old
