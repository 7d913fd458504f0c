"""Releasing runs that wait under an overlap key: how many keys are checked, what is returned, and which runs are seen:
those from the oldest unfinished one on, inclusive.
"""

import uuid
from collections.abc import Callable

import psycopg
import pytest

from overlap_runs import Ticking, waiting
from sql_factory import Connection, value


def _held(ticking: Callable[..., Ticking]) -> tuple[Ticking, uuid.UUID]:
    """A job with a running execution and one that waits for it."""
    one = ticking("QUEUE")
    under_way = one.one_tick()["execution_id"]
    assert one.claim()[1] == [under_way]
    one.one_tick()
    assert len(waiting(one)) == 1
    return one, under_way


def _end_unseen(one: Ticking, execution_id: uuid.UUID) -> None:
    """End the run without the trigger that releases the next one."""
    one.connection.execute("set session_replication_role = replica")
    one.connection.execute("delete from kronos.execution_live where execution_id = %s", [execution_id])
    one.connection.execute("set session_replication_role = origin")


def test_only_what_waits_is_let_go_and_that_is_what_is_answered(ticking: Callable[..., Ticking]) -> None:
    one, under_way = _held(ticking)
    release = "select kronos.release_next(%s)"
    assert value(one.connection, release, [one.job_id]) is False  # one is running
    _end_unseen(one, under_way)
    assert value(one.connection, release, [one.job_id]) is True
    assert waiting(one) == []
    assert value(one.connection, release, [one.job_id]) is False  # none is waiting


def test_no_more_keys_are_looked_at_than_asked_for(ticking: Callable[..., Ticking], superuser: Connection) -> None:
    for one, under_way in [_held(ticking) for _ in range(3)]:
        _end_unseen(one, under_way)
    released = [value(superuser, "select kronos.release_held(1, true)") for _ in range(4)]
    assert released == [1, 1, 1, 0]


def test_what_waits_under_an_older_version_is_let_go_by_the_newest_ones_lock(ticking: Callable[..., Ticking]) -> None:
    one, under_way = _held(ticking)
    one.connection.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, version, workspace_id, endpoint_id, trigger, status, cron,
                                 timezone, schedule, alarm, description, overlap, retired_at)
        select gen_random_uuid(), first_version_id, 0, workspace_id, endpoint_id, trigger, 'RETIRED', cron, timezone,
               schedule, alarm, description, overlap, now()
          from kronos.jobs where job_id = %s
        """,
        [one.job_id],
    )
    _end_unseen(one, under_way)
    assert value(one.connection, "select kronos.release_next(%s)", [one.job_id]) is True
    assert waiting(one) == []


def test_nothing_is_let_go_while_another_session_holds_the_newest_version(
    ticking: Callable[..., Ticking], database_url: str
) -> None:
    """That session may be adding a run to the key. The older version's row is free, and guards nothing."""
    one, under_way = _held(ticking)
    _end_unseen(one, under_way)
    with psycopg.connect(database_url) as other:
        other.execute("select from kronos.jobs where job_id = %s for no key update", [one.job_id])
        assert value(one.connection, "select kronos.release_next(%s)", [one.job_id]) is False
        assert len(waiting(one)) == 1
    assert value(one.connection, "select kronos.release_next(%s)", [one.job_id]) is True
    assert waiting(one) == []


def test_the_oldest_unfinished_run_is_in_the_way_of_another(ticking: Callable[..., Ticking]) -> None:
    """Its number is where searches begin."""
    one, _ = _held(ticking)
    one.connection.execute(
        "update kronos.pointers set runs_from = (select min(overlap_nth) from kronos.execution_live where job_id = %s)"
        " where job_id = %s",
        [one.job_id, one.job_id],
    )
    with pytest.raises(psycopg.errors.UniqueViolation, match="its runs must not overlap"):
        one.connection.execute(
            "update kronos.execution_live set visible_at = now() where job_id = %s and visible_at = 'infinity'",
            [one.job_id],
        )
