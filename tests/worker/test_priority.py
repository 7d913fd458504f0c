"""An endpoint's due executions of higher priority go first; a minute of waiting is worth one step of priority."""

import random
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import psycopg
import pytest

from delivery.servers import Receiver, answer
from factory import EndpointRow, add_endpoint, add_executions
from kronos.worker import rotation
from kronos.worker.claims import Claim, Wanted
from kronos.worker.rotation import Rotation
from kronos.worker.shares import Shares
from moved_clock import MovedClock
from sql_factory import value, values
from worker.protocol import FULL_LOOK, as_worker, claim, claim_params, finalize, run
from worker.running import Worker, until
from worker.test_plans import _plan

MINUTE = timedelta(minutes=1)
COLUMNS = Claim._fields


def add(connection: psycopg.Connection, endpoint: EndpointRow, priority: int, due_minutes_ago: float = 0) -> uuid.UUID:
    """Add one execution that has been due for this long."""
    (made,) = add_executions(connection, endpoint)
    connection.execute(
        "update kronos.execution_live set priority = nullif(%s, 0), visible_at = kronos.now() - %s * interval '1 min' "
        "where execution_id = %s",
        [priority, due_minutes_ago, made],
    )
    return made


def taken(worker: psycopg.Connection, endpoint: EndpointRow, count: int) -> list[uuid.UUID]:
    """The executions that a worker with one slot gets, one after the other."""
    found = []
    for _ in range(count):
        _, ids = claim(worker, endpoint, quota=1)
        found += ids
    return found


def test_the_higher_priority_goes_first_and_equal_ones_in_the_order_of_time(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    asked = [(0, 3), (5, 2), (-5, 4), (0, 2), (5, 1), (10, 0), (-10, 0)]  # priority, minutes that it has waited
    made = {place: add(superuser, endpoint, *each) for place, each in enumerate(asked)}
    order = [made[place] for place in (5, 1, 4, 0, 3, 2, 6)]
    assert taken(worker, endpoint, 8) == order


def test_a_minute_of_waiting_is_worth_a_step_so_that_none_starves(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    """Executions of priority 10 that become due in its first twenty minutes overtake one of -10; later ones do not."""
    clock, endpoint = MovedClock(superuser), add_endpoint(superuser)
    lowest = add(superuser, endpoint, -10)
    for _ in range(20):
        assert taken(worker, endpoint, 0) == []
        first = add(superuser, endpoint, 10)
        assert taken(worker, endpoint, 1) == [first]
        clock.step(MINUTE)
    clock.step(timedelta(seconds=1))
    add(superuser, endpoint, 10)
    assert taken(worker, endpoint, 1) == [lowest]


@pytest.mark.parametrize("seed", range(6))
def test_claims_take_in_the_order_of_a_sort(
    superuser: psycopg.Connection, worker: psycopg.Connection, seed: int
) -> None:
    """Whatever is waiting and whatever the claims' sizes: the order with a worker's floors is the sorted order."""
    chance = random.Random(seed)
    clock, endpoint, kept = MovedClock(superuser), add_endpoint(superuser), Rotation(Shares(100))
    kept.offer({str(endpoint.endpoint_id): "a"})
    got: list[tuple[str, int | None]] = []
    for turn in range(12):
        for _ in range(chance.randrange(6)):
            add(
                superuser,
                endpoint,
                chance.choice([-10, -1, 0, 0, 0, 3, 10]),
                chance.choice([0, 0, -3, -0.5] if turn else [0, 2, 30]),
            )
        clock.step(timedelta(seconds=chance.choice([1, 20, 90, 400])))
        expected = values(
            superuser,
            "select execution_id from kronos.execution_live where claim_token is null and visible_at <= kronos.now() "
            "order by visible_at - coalesce(priority, 0) * interval '1 minute', visible_at limit %s",
            [quota := chance.randrange(1, 5)],
        )
        rows = claimed(worker, kept, quota)
        assert {row.execution_id for row in rows} == {str(each) for each in expected}
        got += [(row.execution_id, row.priority) for row in rows]
    assert len({priority for _, priority in got}) > 2


def claimed(worker: psycopg.Connection, kept: Rotation, quota: int) -> list[Claim]:
    """A worker's claims with its floors."""
    wanted: Sequence[Wanted] = kept.next(quota + 1)  # one stays free
    params = claim_params([], quota) | {
        "endpoint_ids": [one.endpoint_id for one in wanted],
        "quotas": [one.quota for one in wanted],
        "floors": [one.floor for one in wanted],
        "ranks": [one.rank for one in wanted],
    }
    rows = [
        Claim(*row)._replace(execution_id=str(row[0]), endpoint_id=str(row[3]))
        for row in run(worker, "claim_executions", params)
    ]
    kept.claimed(wanted, rows)
    kept.offer({one.endpoint_id: "a" for one in wanted})
    return rows


def test_what_is_retried_keeps_its_priority(superuser: psycopg.Connection, worker: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    urgent = add(superuser, endpoint, 5)
    token, ids = claim(worker, endpoint)
    finalize(worker, token, ids, "FAILED")
    other = add(superuser, endpoint, 0, due_minutes_ago=4)
    assert taken(worker, endpoint, 2) == [urgent, other]


def test_a_priority_is_kept_in_the_history_and_comes_back_with_a_retry_by_hand(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    endpoint = add_endpoint(superuser)
    execution_id = add(superuser, endpoint, 5)
    token, ids = claim(worker, endpoint)
    finalize(worker, token, ids, "PERMANENT")
    assert values(superuser, "select priority from kronos.execution_done") == [5]
    superuser.execute("select kronos.take_up_again(%s, %s, 'latest')", [endpoint.workspace_id, execution_id])
    assert values(superuser, "select priority from kronos.execution_live") == [5]


def test_a_look_finds_what_is_due_first_whatever_its_priority(
    superuser: psycopg.Connection, worker: psycopg.Connection
) -> None:
    one, other = add_endpoint(superuser), add_endpoint(superuser)
    add(superuser, one, 10, due_minutes_ago=-60)
    add(superuser, one, 0, due_minutes_ago=-30)
    add(superuser, one, -10, due_minutes_ago=1)
    add(superuser, other, 3, due_minutes_ago=-5)
    found = {row[0]: round(row[1] / 60_000) for row in run(worker, "list_due_endpoints", FULL_LOOK)}
    assert found == {one.endpoint_id: -1, other.endpoint_id: 5}
    known = {"endpoint_ids": [one.endpoint_id], "floors": [value(superuser, "select kronos.now() - interval '2 h'")]}
    rows = run(worker, "list_due_endpoints", known | {"since_seconds": 3600.0})
    assert min(round(row[1] / 60_000) for row in rows if row[0] == one.endpoint_id) == -1


@pytest.mark.parametrize("priority", [10, -10])
def test_what_is_not_due_yet_stands_in_no_claims_way(
    superuser: psycopg.Connection, database_url: str, priority: int
) -> None:
    """10,000 of priority 10 for tomorrow, and twenty that are due: a claim reads a few pages."""
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 10_000, due_in_seconds=86_400, has_jobs=False)
    superuser.execute("update kronos.execution_live set priority = %s", [priority])
    due = set(add_executions(superuser, endpoint, 20))
    superuser.execute("vacuum analyze kronos.execution_live")
    with as_worker(database_url) as worker:
        claim(
            worker, endpoint, quota=5
        )  # the first one also plans, which reads some 200 pages of PostgreSQL's own tables
        top = _plan(worker, "claim_executions", claim_params([endpoint], quota=5))[0]
        assert top["Actual Rows"] == 5
        assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 400
        _, ids = claim(worker, endpoint, quota=10)
    assert set(ids) < due


def test_the_shares_are_those_of_a_sort_however_many_queues_they_are_of(superuser: psycopg.Connection) -> None:
    """For one queue, up to its end and beyond; if the first queue only has executions past their deadline; and for
    several queues, if a later queue's come before the first one's."""
    endpoint = add_endpoint(superuser)

    def shares(room: int) -> dict[int, int]:
        asked = "select queue, executions from kronos.claim_shares(%s, '-infinity', '-infinity', %s)"
        return dict(superuser.execute(asked, [endpoint.endpoint_id, room]).fetchall())

    for minutes in (3, 2, 1):
        add(superuser, endpoint, 5, minutes)
    assert [shares(room) for room in (0, 1, 2, 3, 9)] == [{}, {5: 1}, {5: 2}, {5: 3}, {5: 3}]
    late = add(superuser, endpoint, 10, 1)
    superuser.execute(
        "update kronos.execution_live set deadline_at = kronos.now() where execution_id = %s",
        [late],
    )
    assert [shares(room) for room in (1, 3, 9)] == [{5: 1}, {5: 3}, {5: 3}]
    add(superuser, endpoint, 0, 7.5)  # after the first of 5, and before its second
    add(superuser, endpoint, -10, 16.5)  # after the second, before its third
    assert [shares(room) for room in range(1, 7)] == [
        {5: 1},
        {5: 1, 11: 1},
        {5: 2, 11: 1},
        {5: 2, 11: 1, -10: 1},
        {5: 3, 11: 1, -10: 1},
        {5: 3, 11: 1, -10: 1},
    ]


def test_what_waits_behind_is_not_read_by_the_claims_of_what_goes_first(
    superuser: psycopg.Connection, database_url: str
) -> None:
    """10,000 of priority -5 are due, and each claim takes the ten of priority 0: it reads a few pages."""
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 10_000, due_in_seconds=-60, has_jobs=False)
    superuser.execute("update kronos.execution_live set priority = -5")
    due = set(add_executions(superuser, endpoint, 10))
    superuser.execute("vacuum analyze kronos.execution_live")
    with as_worker(database_url) as worker:
        top = _plan(worker, "claim_executions", claim_params([endpoint], quota=5))[0]
        assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] < 1_200  # of some 10,000
        _, ids = claim(worker, endpoint, quota=5)
    assert set(ids) < due


def test_of_queues_that_go_later_a_claim_reads_no_more_than_their_beginning(
    superuser: psycopg.Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 2_100, due_in_seconds=-60, has_jobs=False)
    superuser.execute(
        "update kronos.execution_live as live set priority = nullif(nth % 21 - 10, 0) "
        "from (select execution_id, row_number() over (order by visible_at) as nth from kronos.execution_live) as each "
        "where live.execution_id = each.execution_id"
    )
    superuser.execute("vacuum analyze kronos.execution_live")
    with as_worker(database_url) as worker:
        params = claim_params([endpoint], quota=80)
        nodes = _plan(worker, "claim_executions", params)
    (shares,) = [node for node in nodes if node.get("Function Name") == "claim_shares"]
    assert shares["Shared Hit Blocks"] + shares["Shared Read Blocks"] < 600


def test_where_nothing_has_a_priority_no_other_queue_is_looked_into(
    superuser: psycopg.Connection, database_url: str
) -> None:
    endpoints = [add_endpoint(superuser) for _ in range(3)]
    for endpoint in endpoints:
        add_executions(superuser, endpoint, 10)
    with as_worker(database_url) as worker:
        nodes = _plan(worker, "claim_executions", claim_params(endpoints, quota=5))
    asked = [node for node in nodes if node.get("Function Name") == "claim_shares"]
    assert [node["Actual Loops"] for node in asked] == [0]


async def test_a_worker_with_one_slot_delivers_in_the_order_of_priorities(
    superuser: psycopg.Connection, start: Callable[..., Worker]
) -> None:
    async with Receiver(answer(), keep=True) as receiver:
        endpoint = add_endpoint(superuser, url=receiver.url)
        made = {priority: add(superuser, endpoint, priority) for priority in (0, -10, 3, 10, -1)}
        start(worker_concurrency=1)
        await until(lambda: len(receiver.requests) == len(made), "the deliveries")
    sent = [request.headers["idempotency-key"] for request in receiver.requests]
    assert sent == [str(made[priority]) for priority in (10, 3, 0, -1, -10)]


def test_the_workers_step_is_the_databases(superuser: psycopg.Connection) -> None:
    step = value(superuser, "select kronos.rank_of('2026-01-01Z', 0) - kronos.rank_of('2026-01-01Z', 1)")
    assert step == rotation._STEP


def test_no_row_has_a_priority_out_of_bounds(superuser: psycopg.Connection) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint)
    for wrong in (11, -11, 0):
        with pytest.raises(psycopg.errors.CheckViolation, match="execution_live_priority_known"):
            superuser.execute("update kronos.execution_live set priority = %s", [wrong])
