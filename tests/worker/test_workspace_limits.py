"""An exact limit on a workspace's deliveries in progress, over all of its endpoints; and locks of its gate."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg

from factory import EndpointRow, add_endpoint, add_executions, add_workspace, in_flight
from sql_factory import await_lock, values
from worker.protocol import as_worker, claim, finalize, run
from worker.test_limits import _closed, _counted, _limit


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
    assert _counted(superuser, workspace_id) == 4, (
        "those that the endpoints count; those that started without a limit do not"
    )
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


def test_batches_of_failures_over_several_workspaces_take_their_gates_in_one_order(
    superuser: psycopg.Connection, database_url: str
) -> None:
    """Their endpoints are in a different order than their workspaces."""
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
    """For each failure the endpoint's health is written separately: two such batches could wait for each other."""
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
