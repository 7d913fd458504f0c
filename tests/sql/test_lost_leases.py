"""Attempts whose leases have expired end together, and none keeps the others: whatever its error is, and whoever
holds its rows.
"""

import re
import uuid
from collections.abc import Sequence

import psycopg
import pytest

from factory import EndpointRow, add_endpoint, add_executions
from moved_clock import MovedClock
from sql_factory import Connection, await_lock, records, value, values


def lose(connection: Connection, execution_ids: Sequence[uuid.UUID], *, is_last: bool = True) -> None:
    """Let a worker have died while it delivered these."""
    connection.execute(
        "update kronos.execution_live"
        "   set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = kronos.now(),"
        "       attempt_count = case when %s then max_attempts else 1 end,"
        "       visible_at = kronos.now() - interval '1 s'"
        " where execution_id = any (%s)",
        [is_last, list(execution_ids)],
    )


def test_one_that_cannot_end_stops_no_other(superuser: Connection, endpoint: EndpointRow) -> None:
    ids = add_executions(superuser, endpoint, 7)
    lose(superuser, ids[:4])
    lose(superuser, ids[4:], is_last=False)
    bad = [ids[1], ids[5]]
    superuser.execute(
        "alter table kronos.attempt add constraint no_bad check (execution_id not in ("
        + ", ".join(f"'{each}'" for each in bad)
        + ")) not valid"
    )
    MovedClock(superuser).stop()
    warnings: list[str] = []
    superuser.add_notice_handler(lambda warned: warnings.append(warned.message_primary or ""))
    assert records(superuser, "select requeued, failed from kronos.upkeep(100)") == [{"requeued": 2, "failed": 3}]
    assert sorted(re.findall(r"including ([0-9a-f-]{36}),", "\n".join(warnings))) == sorted(map(str, bad))
    waiting = values(superuser, "select execution_id from kronos.execution_live where claim_token is not null")
    assert sorted(waiting) == sorted(bad)
    superuser.execute("alter table kronos.attempt drop constraint no_bad")
    assert records(superuser, "select requeued, failed from kronos.upkeep(100)") == [{"requeued": 1, "failed": 1}]


def test_as_many_that_cannot_end_as_one_look_takes_leave_those_after_them_a_way(
    superuser: Connection, endpoint: EndpointRow
) -> None:
    *bad, good = add_executions(superuser, endpoint, 3)
    lose(superuser, [*bad, good])
    superuser.execute(
        "update kronos.execution_live set visible_at = kronos.now() - interval '1 h' where execution_id = any (%s)",
        [bad],
    )
    superuser.execute(f"alter table kronos.attempt add constraint no_bad check (execution_id = '{good}') not valid")
    looks = [value(superuser, "select failed from kronos.expire_leases(2, '-infinity')") for _ in range(40)]
    assert sum(looks) == 1
    left = values(superuser, "select execution_id from kronos.execution_live order by execution_id")
    assert left == sorted(bad)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_of_leases_that_expire_at_the_same_instant_each_has_its_turn(
    superuser: Connection, endpoint: EndpointRow, limit: int
) -> None:
    """A worker claims a batch in one statement: all of its leases expire together."""
    ids = add_executions(superuser, endpoint, 9)
    lose(superuser, ids)
    in_order = values(superuser, "select execution_id from kronos.execution_live order by visible_at, ctid")
    good = [in_order[4], in_order[8]]
    superuser.execute(
        "alter table kronos.attempt add constraint no_bad check (execution_id in ("
        + ", ".join(f"'{each}'" for each in good)
        + ")) not valid"
    )
    ended = 0
    for _ in range(2000):
        ended += value(superuser, "select failed from kronos.expire_leases(%s, '-infinity')", [limit])
        if ended == len(good):
            break
    assert ended == len(good)


def test_the_slots_of_those_that_end_are_free_and_of_one_that_cannot_is_held(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser, max_in_flight=5)
    ids = add_executions(superuser, endpoint, 3)
    lose(superuser, ids)
    superuser.execute("update kronos.execution_live set holds_slot = true")
    superuser.execute("update kronos.endpoint_gate set in_flight = 3")
    superuser.execute(f"alter table kronos.attempt add constraint no_bad check (execution_id <> '{ids[0]}') not valid")
    MovedClock(superuser).stop()
    assert value(superuser, "select failed from kronos.upkeep(100)") == 2
    assert values(superuser, "select in_flight from kronos.endpoint_gate") == [1]


def test_the_row_of_a_one_shot_that_another_session_ends_stays_free_for_it(
    superuser: Connection, database_url: str
) -> None:
    """That session holds the gate, for which this waits: with the one-shot's row, each would wait for the other."""
    endpoint = add_endpoint(superuser, max_in_flight=5)
    lost, ending = add_executions(superuser, endpoint, 2)
    lose(superuser, [lost, ending])
    superuser.execute("update kronos.execution_live set holds_slot = true")
    superuser.execute("update kronos.endpoint_gate set in_flight = 2")
    with psycopg.connect(database_url) as worker, psycopg.connect(database_url, autocommit=True) as keeper:
        worker.execute("select from kronos.execution_live where execution_id = %s for update", [ending])
        worker.execute("update kronos.endpoint_gate set in_flight = in_flight - 1")
        keeper.pgconn.send_query(b"select requeued, failed from kronos.upkeep(100)")
        await_lock(superuser, keeper)
        worker.execute("set local lock_timeout = '1ms'")
        worker.execute(
            "update kronos.jobs set status = 'COMPLETED' where job_id ="
            " (select job_id from kronos.execution_live where execution_id = %s)",
            [ending],
        )
        worker.execute("delete from kronos.execution_live where execution_id = %s", [ending])
        worker.commit()
        answer = keeper.pgconn.get_result()
        assert answer is not None
        assert answer.get_value(0, 1) == b"1"
        assert keeper.pgconn.get_result() is None
    assert values(superuser, "select in_flight from kronos.endpoint_gate") == [0]
