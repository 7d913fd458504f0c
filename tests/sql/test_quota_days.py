"""The days of a quota of executions: what a new one has, what counts towards it, and what no quota means."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from clock import Clock
from factory import add_endpoint, add_named_one_shot
from set_clock import NOON, SetClock
from sql.test_quota_counts import left, limit, limited, taken, used
from sql_factory import Connection, make_cron_job, records, value

pytestmark = pytest.mark.usefixtures("at_noon")


@pytest.mark.parametrize("days", [-1, -40])
def test_a_new_day_has_all_its_executions_again_and_no_more(shared: Connection, days: int) -> None:
    workspace_id = limited(shared, max_executions_per_day=20)
    assert taken(shared, workspace_id, 20) is None
    limit(shared, workspace_id, max_executions_per_day=18)
    shared.execute("update kronos.quota_shards set day = day + %s where workspace_id = %s", [days, workspace_id])
    (row,) = records(shared, "select executions, max_executions_per_day from kronos.usage_of()")
    assert (row["executions"], row["max_executions_per_day"], left(shared, workspace_id)) == (0, 18, 18)
    assert taken(shared, workspace_id, 19) is not None
    for number in (1, 10, 7):
        assert taken(shared, workspace_id, number) is None
    assert (left(shared, workspace_id), taken(shared, workspace_id) is None) == (0, False)
    (row,) = records(shared, "select executions from kronos.usage_of()")
    assert row["executions"] == 18


def test_a_clock_that_is_set_back_over_midnight_gives_no_execution_back(shared: Connection) -> None:
    workspace_id = limited(shared, max_executions_per_day=20)
    assert taken(shared, workspace_id, 15) is None
    shared.execute("update kronos.quota_shards set day = day + 1 where workspace_id = %s", [workspace_id])
    assert (left(shared, workspace_id), taken(shared, workspace_id, 6) is None) == (5, False)
    assert taken(shared, workspace_id, 5) is None
    days = "select count(distinct day), max(day) = '2026-11-30' from kronos.quota_shards where workspace_id = %s"
    assert shared.execute(days, [workspace_id]).fetchone() == (1, True)


def test_a_day_ends_at_midnight_of_utc_and_every_refusal_says_when(shared: Connection) -> None:
    workspace_id = limited(shared, max_executions_per_day=1)
    assert taken(shared, workspace_id) is None
    with shared.transaction(force_rollback=True):
        clock = Clock(shared)
        shared.execute("set local timezone = 'Pacific/Kiritimati'")  # a day ahead
        for after, seconds in (
            (timedelta(0), 43_200),
            (timedelta(hours=-12), 86_400),
            (timedelta(hours=12, microseconds=-1), 1),
            (timedelta(hours=12, seconds=-1), 1),
            (timedelta(hours=12, seconds=-2), 2),
        ):
            clock.stand(NOON + after)
            shared.execute("update kronos.quota_shards set day = '2026-11-29' where workspace_id = %s", [workspace_id])
            refusal = taken(shared, workspace_id)
            assert refusal is not None, after
            assert (refusal["resets_at"], refusal["retry_after_seconds"]) == ("2026-11-30T00:00:00Z", seconds)
        clock.stand(NOON + timedelta(hours=12))
        assert left(shared, workspace_id) == 1
        assert value(shared, "select kronos.day_left()") == 86_400


def one_by_one(connection: Connection, workspace_id: uuid.UUID) -> int:
    """Count executions one at a time until one is refused. Return how many there were."""
    number = 0
    while taken(connection, workspace_id) is None:
        number += 1
        assert number <= 100
    return number


def test_what_is_divided_anew_for_many_is_still_as_much_for_one_at_a_time(shared: Connection) -> None:
    workspace_id = limited(shared, max_executions_per_day=32)
    assert taken(shared, workspace_id, 20) is None
    assert one_by_one(shared, workspace_id) == 12
    shared.execute("update kronos.quota_shards set day = day - 1 where workspace_id = %s", [workspace_id])
    assert one_by_one(shared, workspace_id) == 32  # a new day is divided evenly, whatever the last one was


def test_what_is_divided_among_the_counters_that_nobody_holds_is_what_they_have(
    superuser: Connection, other: Connection
) -> None:
    """Once they have unequal shares: twelve of sixteen have one execution left each, the others none."""
    SetClock(superuser).set(NOON)
    workspace_id = limited(superuser, max_executions_per_day=32)
    assert taken(superuser, workspace_id, 20) is None
    with other.transaction(force_rollback=True):
        other.execute(
            "select from kronos.quota_shards where workspace_id = %s and share = used for update", [workspace_id]
        )
        assert taken(superuser, workspace_id, 5) is None
        assert one_by_one(superuser, workspace_id) == 7
    assert one_by_one(superuser, workspace_id) == 0


def test_of_a_day_that_only_some_counters_have_begun_all_executions_can_be_had(shared: Connection) -> None:
    """The counters of a new day begin one by one, as they are used."""
    workspace_id = limited(shared, max_executions_per_day=40)
    assert taken(shared, workspace_id, 40) is None
    shared.execute("update kronos.quota_shards set day = day - 1 where workspace_id = %s", [workspace_id])
    assert [taken(shared, workspace_id) for _ in range(3)] == [None] * 3
    days = "select count(distinct day) from kronos.quota_shards where workspace_id = %s"
    assert value(shared, days, [workspace_id]) == 2
    assert left(shared, workspace_id) == 37
    refusal = taken(shared, workspace_id, 38)
    assert refusal is not None
    assert (refusal["used"], refusal["limit"], "is_held" in refusal) == (3, 40, False)
    assert taken(shared, workspace_id, 37) is None
    assert value(shared, days, [workspace_id]) == 1
    assert used(shared, workspace_id) == 40


@pytest.mark.parametrize(("ago", "rest"), [(0, 5), (1, 17), (-1, 5)])
def test_a_quota_that_is_changed_on_a_new_day_begins_it(shared: Connection, ago: int, rest: int) -> None:
    """A day that the clock was set back from goes on."""
    workspace_id = limited(shared, max_executions_per_day=20)
    assert taken(shared, workspace_id, 12) is None
    shared.execute("update kronos.quota_shards set day = day - %s where workspace_id = %s", [ago, workspace_id])
    limit(shared, workspace_id, max_executions_per_day=17)
    assert left(shared, workspace_id) == rest
    assert one_by_one(shared, workspace_id) == rest


def test_one_workspace_s_executions_are_no_other_s(shared: Connection) -> None:
    stranger = limited(shared, max_executions_per_day=20)
    workspace_id = limited(shared, max_executions_per_day=10)
    assert taken(shared, workspace_id, 7) is None
    limit(shared, workspace_id, max_executions_per_day=8)
    assert (left(shared, stranger), used(shared, stranger)) == (20, 0)
    limit(shared, workspace_id, max_executions_per_day=None)
    assert (left(shared, stranger), one_by_one(shared, stranger)) == (20, 20)


def test_only_a_workspace_with_a_quota_per_day_is_counted(shared: Connection) -> None:
    counted = "select kronos.has_daily_quota(%s)"
    with shared.transaction(force_rollback=True):
        shared.execute("update kronos.workspaces set max_executions_per_day = null")
        other = limited(shared, max_cron_jobs=5)
        assert [value(shared, counted, [each]) for each in (None, other)] == [False, False]
        mine = limited(shared, max_executions_per_day=0)
        assert [value(shared, counted, [each]) for each in (None, other, mine)] == [True, False, True]


def test_another_run_is_refused_by_an_answer_or_in_a_request_by_an_error(shared: Connection) -> None:
    """The answer is one letter's of many (take_up_again). Without a quota there is always room."""
    another = "select kronos.count_another(%s)"
    workspace_id = limited(shared, max_executions_per_day=2)
    with shared.transaction(force_rollback=True):
        assert [value(shared, another, [workspace_id]) for _ in range(3)] == [True, True, False]
        assert used(shared, workspace_id) == 2
        shared.execute("set local kronos.quotas = 'on'")
        with pytest.raises(psycopg.Error) as refused:
            shared.execute(another, [workspace_id])
        assert refused.value.sqlstate == "KR040"
    assert value(shared, another, [limited(shared, max_cron_jobs=5)]) is True


@pytest.mark.parametrize("call", ["count_made(1, array[%s::jsonb])", "count_run(kronos.current_workspace_id(), %s)"])
def test_a_run_is_counted_once_if_its_input_fits(shared: Connection, call: str) -> None:
    workspace_id = limited(shared, max_executions_per_day=2, max_input_bytes=10)
    for given, quota, number in (
        ({"a": 1}, None, 1),
        ({"a": "long enough"}, "input_bytes", 1),
        ({"a": 1}, None, 2),
        ({"a": 1}, "executions_per_day", 2),
    ):
        if quota is None:
            shared.execute(f"select kronos.{call}", [Jsonb(given)])
        else:
            with pytest.raises(psycopg.Error) as refused:
                shared.execute(f"select kronos.{call}", [Jsonb(given)])
            assert json.loads(refused.value.diag.message_detail or "")["quota"] == quota
        assert used(shared, workspace_id) == number


def test_usage_counts_live_cron_jobs_and_nothing_else(shared: Connection) -> None:
    workspace_id = limited(shared, max_cron_jobs=9)
    shared.execute("select set_config('kronos.quotas', 'on', false)")
    endpoint = add_endpoint(shared, workspace_id)
    for status in ("ACTIVE", "ACTIVE", "PAUSED", "RETIRED"):
        make_cron_job(shared, endpoint, status=status, retired_at=NOON if status == "RETIRED" else None)
    add_named_one_shot(shared, endpoint)
    make_cron_job(shared)
    (row,) = records(shared, "select * from kronos.usage_of()")
    assert (row["cron_jobs"], row["max_cron_jobs"], row["executions"], row["in_flight"]) == (3, 9, None, None)
    assert row["resets_at"] == datetime(2026, 11, 30, tzinfo=UTC)
    assert value(shared, "select kronos.quota_room()")["cron_jobs"] == 3
    shared.execute("select set_config('kronos.quotas', '', false)")
    shared.execute(
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() where workspace_id = %s", [workspace_id]
    )
    assert records(shared, "select * from kronos.usage_of()") == []
