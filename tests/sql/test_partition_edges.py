"""Which weeks of history need a partition, at the turn of weeks, months and years."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from clock import Clock
from cron_texts import utc
from factory import add_endpoint
from sql.truths import differing
from sql_factory import Connection, make_cron_job, records, value, values

DAY, WEEK, MOMENT = timedelta(days=1), timedelta(days=7), timedelta(microseconds=1)


def missing(connection: Connection, ahead: timedelta = 8 * WEEK) -> dict[str, list[tuple[datetime, datetime]]]:
    """The weeks of each table that have no partition, in the order in which they are made."""
    found = records(connection, "select * from kronos.missing_partitions(%s)", [ahead])
    weeks: dict[str, list[tuple[datetime, datetime]]] = {}
    for row in found:
        weeks.setdefault(row["parent"], []).append((row["from_at"], row["to_at"]))
    return weeks


@pytest.mark.parametrize(
    ("now", "first"),
    [
        ("2087-03-05 12:00:00", "2087-03-03"),  # a Wednesday
        ("2087-03-09 23:59:59.999999", "2087-03-03"),  # the last moment of its week
        ("2087-03-10 00:00:00", "2087-03-03"),  # Monday: yesterday was in the week before
        ("2087-03-10 23:59:59.999999", "2087-03-03"),
        ("2087-03-11 00:00:00", "2087-03-10"),
        ("2087-05-01 00:00:00", "2087-04-28"),  # a month that begins within a week
        ("2088-02-29 12:00:00", "2088-02-23"),
        ("2086-12-31 23:59:59", "2086-12-30"),  # and a year
        ("2087-01-01 00:00:00", "2086-12-30"),
    ],
)
def test_the_weeks_from_yesterdays_to_the_eighth_ahead_need_a_partition(
    undone: Connection, now: str, first: str
) -> None:
    """Years ahead of all that there are. In a session whose time zone is far from UTC."""
    at = utc(now)
    Clock(undone).stand(at)
    undone.execute("set local timezone = 'Pacific/Kiritimati'")
    begins, last = utc(first), at + 8 * WEEK
    expected = []
    while begins <= last:
        expected.append((begins, begins + WEEK))
        begins += WEEK
    assert missing(undone) == {"execution_done": expected, "attempt": expected}
    assert [week.weekday() for week, _ in expected] == [0] * len(expected)
    assert len(expected) in (9, 10)
    only = expected[: 2 if (at - DAY).isocalendar()[1] != at.isocalendar()[1] else 1]
    assert missing(undone, timedelta()) == {"execution_done": only, "attempt": only}


def test_executions_have_their_weeks_partition_before_attempts_do(undone: Connection) -> None:
    Clock(undone).stand(utc("2087-05-01 00:00:00"))
    found = records(undone, "select parent, from_at from kronos.missing_partitions('2 weeks')")
    assert [row["parent"] for row in found] == ["execution_done", "attempt"] * 3
    assert [row["from_at"] for row in found] == sorted(row["from_at"] for row in found)


APRIL, MAY = ("2087-04-28", "2087-05-05"), ("2087-05-05", "2087-05-12")


@pytest.mark.parametrize(
    ("there", "left"),
    [
        ([], [APRIL, MAY]),
        ([APRIL], [MAY]),
        ([MAY], [APRIL]),
        ([APRIL, MAY], []),
        # days of an earlier release: the week goes on where the last of them ends
        ([("2087-04-28", "2087-04-29"), ("2087-04-29", "2087-05-01")], [("2087-05-01", "2087-05-05"), MAY]),
        ([("2087-04-20", "2087-05-02")], [("2087-05-02", "2087-05-05"), MAY]),
        # one that reaches into the next week, or to its end
        ([("2087-04-28", "2087-05-07")], [("2087-05-07", "2087-05-12")]),
        ([("2087-04-28", "2087-05-12")], []),
        # months
        ([("2087-04-01", "2087-05-01")], [("2087-05-01", "2087-05-05"), MAY]),
        ([("2087-04-01", "2087-05-01"), ("2087-05-01", "2087-06-01")], []),
        # those that end where the weeks begin, and begin where they end
        ([("2087-04-21", "2087-04-28"), ("2087-05-12", "2087-05-19")], [APRIL, MAY]),
    ],
)
def test_only_the_part_of_a_week_after_its_last_partition_is_missing(
    undone: Connection, there: list[tuple[str, str]], left: list[tuple[str, str]]
) -> None:
    Clock(undone).stand(utc("2087-05-01 00:00:00"))
    for since, until in there:
        make(undone, "execution_done", since, until)
    found = missing(undone, timedelta(days=4))
    assert found.get("execution_done", []) == [(utc(since), utc(until)) for since, until in left]
    assert found["attempt"] == [(utc(since), utc(until)) for since, until in (APRIL, MAY)]  # it has none of these


def make(connection: Connection, parent: str, since: str, until: str) -> str:
    """Make a partition of these days. Return its name."""
    name = f"{parent}_{since.replace('-', '')}"
    low, high = (value(connection, "select kronos.uuid7_floor(%s)", [utc(each)]) for each in (since, until))
    connection.execute(
        f"create table kronos.{name} partition of kronos.{parent} for values from ('{low}') to ('{high}')"
    )
    return name


def bounds(connection: Connection, name: str) -> tuple[datetime, datetime] | None:
    """The instants between which the ids of a partition are."""
    found = connection.execute(
        "select kronos.uuid7_time(from_id), kronos.uuid7_time(to_id) from kronos.partitions() where partition = %s",
        [name],
    ).fetchone()
    return None if found is None else (found[0], found[1])


def store(connection: Connection, at: datetime, *, ended: datetime | None = None) -> None:
    """Insert an execution with an id of that instant."""
    connection.execute(
        "insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,"
        " status, scheduled_at, run_at, created_at, completed_at, max_attempts, input)"
        " select kronos.uuid7_floor(%(at)s), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'FAILED', %(at)s,"
        "        %(at)s, %(at)s, %(ended)s, 1, '{}' from kronos.jobs where job_id = %(job)s",
        {"at": at, "ended": ended or at, "job": make_cron_job(connection, add_endpoint(connection))},
    )


def test_a_partition_is_named_by_its_first_day_and_begins_after_the_rows_that_came_before_it(
    undone: Connection,
) -> None:
    """Rows that came while there was none stay in the default partition, with their whole day."""
    add = "select kronos.add_partition('execution_done', %s, %s)"
    week = [utc("2087-04-28"), utc("2087-05-05")]
    store(undone, week[0] - timedelta(milliseconds=1))
    store(undone, week[1])
    with undone.transaction(force_rollback=True):
        assert value(undone, add, week)
        assert bounds(undone, "execution_done_20870428") == tuple(week)
    for newest, first in (
        (utc("2087-04-28"), "2087-04-29"),
        (utc("2087-04-30 23:59:59.999"), "2087-05-01"),
        (utc("2087-05-01"), "2087-05-02"),
        (utc("2087-05-03 23:59"), "2087-05-04"),
    ):
        store(undone, newest)
        with undone.transaction(force_rollback=True):
            assert value(undone, add, week), newest
            name = f"execution_done_{first.replace('-', '')}"
            assert bounds(undone, name) == (utc(first), week[1]), newest
    store(undone, utc("2087-05-04"))
    assert not value(undone, add, week)  # nothing of the week is left
    assert value(undone, "select count(*) from kronos.execution_done_default") == 7


def test_the_oldest_day_is_that_of_the_first_partition_or_of_an_older_row(undone: Connection) -> None:
    oldest = "select kronos.oldest_day()"
    first: datetime = value(undone, "select min(kronos.uuid7_time(from_id)) from kronos.partitions()"
                                    " where parent = 'execution_done'")  # fmt: skip
    assert value(undone, oldest) == first.date()
    undone.execute("set local timezone = 'Pacific/Kiritimati'")
    make(undone, "attempt", "2001-01-01", "2001-01-02")  # attempts do not count
    assert value(undone, oldest) == first.astimezone(UTC).date()
    make(undone, "execution_done", "2019-12-30", "2020-01-06")
    assert value(undone, oldest).isoformat() == "2019-12-30"
    store(undone, utc("2020-01-06"))  # in the default partition, and younger
    assert value(undone, oldest).isoformat() == "2019-12-30"
    store(undone, utc("2019-12-29 23:59:59.999"))
    assert value(undone, oldest).isoformat() == "2019-12-29"


def test_a_partition_is_too_old_once_nothing_in_it_ended_within_the_age(undone: Connection) -> None:
    """To the microsecond. In it is also what ended long after the time in its id, and what has not ended."""
    name = make(undone, "execution_done", "2019-12-30", "2020-01-06")
    now: datetime = value(undone, "select now()")
    (row,) = records(undone, "select partition, from_id, to_id from kronos.partitions() where partition = %s", [name])

    def is_droppable(days: int) -> bool:
        given = [row["partition"], row["from_id"], row["to_id"], days]
        return bool(value(undone, "select kronos.is_droppable(%s, %s, %s, %s)", given))

    assert is_droppable(1)
    store(undone, utc("2019-12-31"), ended=now - 30 * DAY)
    assert not is_droppable(30)
    assert is_droppable(29)
    undone.execute(f"update kronos.{name} set completed_at = now() - interval '30 days 1 microsecond'")
    assert is_droppable(30)
    undone.execute(f"update kronos.{name} set completed_at = now() - interval '30 days' + interval '1 microsecond'")
    assert not is_droppable(30)
    undone.execute(f"delete from kronos.{name}")
    add = """
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
            scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
        select %s, workspace_id, job_id, endpoint_id, 1, 'API', now(), now(), now(), 1, 0, 1000, '{}'
          from kronos.jobs where job_id = %s
    """
    job_id = make_cron_job(undone)
    for execution_id, is_in_it in ((row["from_id"], True), (row["to_id"], False)):
        with undone.transaction(force_rollback=True):
            undone.execute(add, [execution_id, job_id])
            assert is_droppable(1) is not is_in_it


def test_of_the_oldest_partitions_those_are_dropped_that_are_wholly_below_the_bound(undone: Connection) -> None:
    weeks = [("2019-12-30", "2020-01-06"), ("2020-01-06", "2020-01-13"), ("2020-01-13", "2020-01-20")]
    names = [make(undone, "execution_done", *week) for week in weeks]
    undone.execute("alter table kronos.attempt_default owner to kronos_owner")
    for name in names:
        undone.execute(f"alter table kronos.{name} owner to kronos_owner")

    def old(below: str, most: int = 16) -> list[str]:
        return values(undone, "select partition from kronos.old_partitions(1, kronos.uuid7_floor(%s), %s)",
                      [utc(below), most])  # fmt: skip

    assert old("2020-01-20") == names
    assert old("2020-01-19 23:59:59.999") == names[:2]
    assert old("2020-01-06") == names[:1]
    assert old("2020-01-05 23:59:59.999") == []
    assert old("2020-01-20", 2) == names[:2]
    assert old("2020-01-20", 1) == names[:1]
    store(undone, utc("2020-01-01"), ended=value(undone, "select now()"))
    assert old("2020-01-20") == names[1:]  # one that is kept keeps no other
    undone.execute(f"alter table kronos.{names[1]} owner to current_user")
    assert old("2020-01-20") == names[2:]


def test_an_id_tells_its_instant_and_bounds_keep_the_order_of_theirs(shared: Connection) -> None:
    facts = [
        ("1970-01-01 00:00:00+00", "00000000-0000-0000-0000-000000000000"),
        ("1970-01-01 00:00:00.001+00", "00000000-0001-0000-0000-000000000000"),
        ("1969-12-31 23:59:59+00", "00000000-0000-0000-0000-000000000000"),
        ("-infinity", "00000000-0000-0000-0000-000000000000"),
        ("2026-11-30 00:00:00+00", "01a229c0-5400-0000-0000-000000000000"),
        ("10889-08-02 05:31:50.655+00", "ffffffff-ffff-0000-0000-000000000000"),
        ("10889-08-02 05:31:50.656+00", "ffffffff-ffff-0000-0000-000000000000"),
        ("infinity", "ffffffff-ffff-0000-0000-000000000000"),
        (None, None),
    ]
    assert differing(shared, "kronos.uuid7_floor(%s::timestamptz)::text", facts) == []
    back = "kronos.uuid7_time(%s::uuid) = %s::timestamptz"
    inside = [("01a229c0-5400-7fff-bfff-ffffffffffff", "2026-11-30 00:00:00+00", True)]
    inside += [(floor, at, True) for at, floor in facts[:2] if at and floor]
    assert differing(shared, back, inside) == []
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        shared.execute("select kronos.uuid7_time('x')")
