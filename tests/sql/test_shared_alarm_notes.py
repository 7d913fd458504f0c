"""A transaction's notes of shared entries: what it adds and removes is applied as a whole. Where no caller waits for an
answer, an error of pg_cron undoes nothing else.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sharing import add, end, share, shared_entries
from sql.test_job_operations import jobs, operation, to_the_end
from sql_factory import Connection, make_cron_job, records, uuid_of, value, values
from turning import follow, follow_all, turn

NINE = "0 9 * * *"
_HOLD = "select pg_advisory_xact_lock_shared(hashtext('kronos.alarms'), kronos.alarm_lock(kronos.alarm_name(%s)))"
_EXECUTIONS = "select count(*) from kronos.execution_live where job_id = any (%s)"


@pytest.fixture
def sharing(superuser: Connection) -> Connection:
    share(superuser)
    return superuser


@contextmanager
def away(connection: Connection, of: str = "unschedule(bigint)") -> Iterator[None]:
    """Rename one of pg_cron's functions, so that entries cannot be removed, or not be written."""
    name, _, arguments = of.partition("(")
    connection.execute(f"alter function cron.{of} rename to away".encode())
    try:
        yield
    finally:
        connection.execute(f"alter function cron.away({arguments} rename to {name}".encode())


@pytest.mark.parametrize("gives_first", [True, False])
def test_a_transaction_that_gives_an_alarm_a_job_and_takes_one_leaves_it_an_entry(
    sharing: Connection, gives_first: bool
) -> None:
    """The one that ends had no entry, because it was paused."""
    paused = make_cron_job(sharing, cron=NINE, status="PAUSED")
    with sharing.transaction():
        if gives_first:
            make_cron_job(sharing, cron=NINE, is_registered=True)
        end(sharing, paused)
        if not gives_first:
            make_cron_job(sharing, cron=NINE, is_registered=True)
    assert shared_entries(sharing) == [NINE]


def test_what_a_transaction_gives_and_takes_again_leaves_no_entry(sharing: Connection) -> None:
    with sharing.transaction():
        end(sharing, make_cron_job(sharing, cron=NINE, is_registered=True))
    assert shared_entries(sharing) == []


def test_a_ring_keeps_its_ticks_where_the_entry_of_a_job_that_ends_cannot_be_removed(
    sharing: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(sharing)
    last = add(sharing, NINE, endpoint, max_runs=1)
    other = add(sharing, "0 10 * * *", endpoint)
    sharing.execute("update kronos.pointers set next_tick_at = kronos.now() where job_id = any (%s)", [[last, other]])
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table cron.job in share mode")
        assert value(sharing, "select kronos.ring_some()") == 2
    assert value(sharing, _EXECUTIONS, [[last, other]]) == 2
    assert value(sharing, "select status from kronos.jobs where job_id = %s", [last]) == "RETIRED"
    assert NINE in shared_entries(sharing)
    value(sharing, "select kronos.reap()")
    assert NINE not in shared_entries(sharing)


def test_a_ring_does_not_wait_for_who_holds_an_alarm(sharing: Connection, database_url: str) -> None:
    last = add(sharing, NINE, max_runs=1)
    sharing.execute("update kronos.pointers set next_tick_at = kronos.now() where job_id = %s", [last])
    with psycopg.connect(database_url) as holder:  # like a session whose commit never ends
        holder.execute(_HOLD, [NINE])
        assert value(sharing, "select kronos.ring_some()") == 1
        assert value(sharing, _EXECUTIONS, [[last]]) == 1


def test_an_operation_refuses_the_job_that_pg_cron_refuses_and_changes_the_others(sharing: Connection) -> None:
    endpoint = add_endpoint(sharing)
    made = jobs(sharing, 3, endpoint)
    assert to_the_end(sharing, operation(sharing, endpoint, "PAUSE"))["done"] == 3
    sharing.execute("update kronos.jobs set alarm = '77 9 * * *' where job_id = %s", [made[1]])
    found = to_the_end(sharing, operation(sharing, endpoint, "RESUME"))
    assert (found["status"], found["done"], found["failed"]) == ("COMPLETED", 2, 1)
    assert values(sharing, "select job_id from kronos.jobs where status = 'PAUSED'") == [made[1]]
    assert shared_entries(sharing) == ["0 0 1 1 *"]


def test_an_answer_is_not_given_for_an_entry_that_could_not_be_removed(sharing: Connection) -> None:
    job_id = add(sharing, NINE)
    with away(sharing), pytest.raises(psycopg.errors.UndefinedFunction):
        end(sharing, job_id)
    assert value(sharing, "select status from kronos.jobs where job_id = %s", [job_id]) == "ACTIVE"


@pytest.mark.parametrize(
    ("to", "of"), [("suspend", "unschedule(bigint)"), ("resume", "schedule(text, text, text)")], ids=["away", "back"]
)
def test_jobs_whose_shared_entries_pg_cron_refuses_have_still_to_follow_their_workspace(
    sharing: Connection, to: str, of: str
) -> None:
    """As with entries of their own: the workspace has changed, and jobs_left says what is missing and why."""
    endpoint = add_endpoint(sharing)
    made = [add(sharing, cron, endpoint) for cron in (NINE, "0 10 * * *")]
    if to == "resume":
        turn(sharing, endpoint, "suspend")
        follow_all(sharing, endpoint)
        assert shared_entries(sharing) == []
    before = shared_entries(sharing)
    turn(sharing, endpoint, to)
    with away(sharing, of):
        for _ in range(3):
            follow(sharing, endpoint)
        (left,) = records(
            sharing, "select kronos.jobs_left(workspace_id) as jobs, last_error ->> 'type' as type from kronos.turns"
        )
    assert left == {"jobs": len(made), "type": "42883"}
    assert shared_entries(sharing) == before
    sharing.execute("update kronos.turns set next_at = '-infinity'")
    follow_all(sharing, endpoint)
    assert shared_entries(sharing) == ([] if to == "suspend" else ["0 10 * * *", NINE])


_DELETE = """
select operation_id
  from kronos.begin_deletion((select slug from kronos.workspaces where workspace_id = %s), false)
"""


def _delete(connection: Connection, endpoint: EndpointRow) -> uuid.UUID:
    """Begin a deletion, as the request does."""
    with connection.transaction():
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        return uuid_of(connection, _DELETE, [endpoint.workspace_id])


def test_no_answer_says_that_a_workspace_goes_whose_shared_entries_pg_cron_keeps(sharing: Connection) -> None:
    endpoint = add_endpoint(sharing)
    add(sharing, NINE, endpoint)
    MovedClock(sharing).stop()  # the deletion begins with what it can remove in a second
    with away(sharing), pytest.raises(psycopg.errors.UndefinedFunction):
        _delete(sharing, endpoint)
    assert shared_entries(sharing) == [NINE]
    assert value(sharing, "select status from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id]) == (
        "ACTIVE"
    )
    _delete(sharing, endpoint)
    assert shared_entries(sharing) == []


def test_a_deletions_step_that_cannot_remove_a_shared_entry_is_done_again(
    sharing: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(sharing)
    add(sharing, NINE, endpoint)
    step = "select kronos.delete_some(%s)"
    with psycopg.connect(database_url) as holder:
        holder.execute(_HOLD, [NINE])
        deletion = _delete(sharing, endpoint)
        assert not value(sharing, step, [deletion])
    found = "select phase || ' ' || (last_error ->> 'type') from kronos.deletions"
    assert values(sharing, found) == ["ENTRIES 55P03"]
    assert shared_entries(sharing) == [NINE]
    sharing.execute("update kronos.deletions set next_at = '-infinity'")
    assert value(sharing, step, [deletion])
    assert shared_entries(sharing) == []


@pytest.mark.parametrize("folded", [0, 1], ids=["shared", "folded"])
def test_a_session_plans_what_a_creation_asks_once(sharing: Connection, folded: int) -> None:
    """With an array as the parameter, PostgreSQL plans each call again, because its length gives a better estimate.
    That was a third of a creation's CPU time.
    """
    endpoint = add_endpoint(sharing)
    sharing.execute("update kronos.alarm_setting set folded = %s", [folded])
    for _ in range(7):  # five custom plans, then PostgreSQL chooses
        add(sharing, NINE, endpoint)
    planned: list[str] = []
    sharing.add_notice_handler(
        lambda each: planned.append(each.context or "") if each.message_primary == "PLANNER STATISTICS" else None
    )
    sharing.execute("set client_min_messages = log")
    sharing.execute("set log_planner_stats = on")
    add(sharing, NINE, endpoint)
    assert planned, "PostgreSQL logs what it plans"
    assert [each for each in planned if "PL/pgSQL function" in each] == []
