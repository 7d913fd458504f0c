"""The pages of executions contain each row once, by (created_at, execution_id), whatever the filter and however late a
row was inserted.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from conftest import cloned
from depth import depth
from factory import add_endpoint
from kronos.model import Execution
from servers import Server
from sql.plans import run_statement
from sql_factory import Connection, make_cron_job, value, values

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
BEGAN = NOW - 70 * DAY
CREATED_AT = [each.name for each in fields(Execution)].index("created_at")
_ROWS = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, status_reason,
                                   scheduled_at, run_at, created_at, max_attempts, input)
values (kronos.uuid7(%(id_at)s), %(workspace_id)s, %(job_id)s, %(endpoint_id)s, 1, %(cause)s, %(status)s, '{}',
        %(scheduled_at)s,
        %(scheduled_at)s, %(created_at)s, 5, '{}')
"""
_UNFINISHED = """
insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    scheduled_at, run_at,
                                   created_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
values (kronos.uuid7(%(id_at)s), %(workspace_id)s, %(job_id)s, %(endpoint_id)s, 1, %(cause)s, %(scheduled_at)s,
        %(scheduled_at)s,
        %(created_at)s, %(scheduled_at)s, 5, 3, 1000, '{}')
"""
ZONES = ("UTC", "Pacific/Auckland", "America/Los_Angeles")
_STATUSES = ("SUCCESS", "SUCCESS", "SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED")


def _row(chance: random.Random) -> dict[str, Any]:
    """A row as Kronos makes them: for a tick, on time or late; by hand, from a machine with a wrong clock; for a
    backfill; DELAYED.
    """
    at = BEGAN + DAY + chance.random() * 68 * DAY
    if chance.random() < 0.3:
        at = at.replace(hour=0, minute=0, second=0)  # many share an instant, at the boundary of a day
    late = chance.choice([0 * HOUR, 0.01 * HOUR, 0.99 * HOUR, 1.01 * HOUR, 5 * HOUR, 25 * HOUR, 20 * DAY, 40 * DAY])
    kind = chance.choice(["on time", "on time", "on time", "late", "by hand", "backfill", "delayed"])
    times = {
        "on time": (at, at, at + chance.random() * timedelta(seconds=90), "SCHEDULE"),
        "late": (at, at, at + late, "CATCH_UP"),
        "by hand": (at + chance.choice([-1, 1]) * late, at, at, "MANUAL"),
        "backfill": (at, at - chance.random() * 60 * DAY, at + late, "BACKFILL"),
        "delayed": (at, at + late, at, "MANUAL"),
    }
    id_at, scheduled_at, created_at, cause = times[kind]
    return {
        "id_at": id_at,
        "scheduled_at": scheduled_at,
        "created_at": min(created_at, NOW),
        "cause": cause,
        "status": chance.choice(_STATUSES),
    }


class Past:
    """A workspace with two jobs and 1,500 executions of ten weeks, and a neighbor with some."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        chance = random.Random(17)
        for size in (300, 1500):
            endpoint = add_endpoint(connection)
            self.workspace_id = endpoint.workspace_id
            connection.execute(
                "update kronos.workspaces set created_at = %s where workspace_id = %s", [BEGAN, self.workspace_id]
            )
            self.jobs = [make_cron_job(connection, endpoint, created_at=BEGAN, ticks_from=BEGAN) for _ in range(2)]
            with connection.cursor() as cursor:
                rows = [
                    _row(chance)
                    | {
                        "workspace_id": self.workspace_id,
                        "endpoint_id": endpoint.endpoint_id,
                        "job_id": chance.choice(self.jobs),
                    }
                    for _ in range(size)
                ]
                cursor.executemany(_ROWS, rows[10:])
                cursor.executemany(_UNFINISHED, rows[:10])

    def wanted(
        self, job_id: uuid.UUID | None, status: str | None, after: datetime | None, before: datetime | None
    ) -> list[uuid.UUID]:
        """The whole list, by a query that reads everything."""
        return values(
            self.connection,
            """
            select execution_id from kronos.executions
             where workspace_id = %(workspace_id)s
               and (%(job_id)s::uuid is null or job_id = %(job_id)s) and (%(status)s::text is null
                   or status = %(status)s)
               and (%(after)s::timestamptz is null or scheduled_at > %(after)s)
               and (%(before)s::timestamptz is null or scheduled_at < %(before)s)
             order by created_at desc, execution_id desc
            """,
            {"workspace_id": self.workspace_id, "job_id": job_id, "status": status, "after": after, "before": before},
        )

    def paged(
        self,
        job_id: uuid.UUID | None,
        status: str | None,
        after: datetime | None,
        before: datetime | None,
        *,
        limit: int,
    ) -> list[Any]:
        """The whole list, page by page, by the API's statement."""
        found: list[Any] = []
        place: tuple[Any, Any] = (None, None)
        name = "executions.list_executions" if job_id is None else "executions.list_job_executions"
        while True:
            params = {
                "status": status,
                "scheduled_after": after,
                "scheduled_before": before,
                "limit": limit,
                "job": str(job_id),
            }
            params |= {"bytes": 1_048_576, "before_created_at": place[0], "before_id": place[1]}
            with self.connection.transaction(force_rollback=True):
                page = run_statement(self.connection, name, params, role="kronos_api", workspace_id=self.workspace_id)
            found += [row[0] for row in page]
            if not page or not page[-1][-1]:
                return found
            assert len(page) == limit
            place = (page[-1][CREATED_AT], page[-1][0])


@pytest.fixture(scope="module")
def past(server: Server, template: str) -> Iterator[Past]:
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        yield Past(connection)


@pytest.mark.parametrize("seed", range(depth(9, deep=24)))
def test_pages_are_the_list_cut_in_pieces(past: Past, seed: int) -> None:
    """With the weeks of all executions noted, of those since an upgrade, or of none; in any session time zone."""
    chance = random.Random(seed)
    past.connection.execute(f"set timezone = '{ZONES[seed // 3 % 3]}'")
    past.connection.execute(
        "update kronos.retention set weeks_from = %s", [("-infinity", BEGAN + 35 * DAY, "infinity")[seed % 3]]
    )
    job_id = chance.choice([None, *past.jobs])
    status = chance.choice([None, None, "SUCCESS", "FAILED", "MISSED", "QUEUED", "PENDING"])
    after = chance.choice([None, None, BEGAN + chance.random() * 70 * DAY])
    before = chance.choice([None, None, (after or BEGAN) + chance.random() * 40 * DAY])
    wanted = past.wanted(job_id, status, after, before)
    assert past.paged(job_id, status, after, before, limit=chance.choice([depth(23, deep=7), 50, 201])) == wanted


def test_the_whole_list_is_there_in_pages_of_any_size(past: Past) -> None:
    wanted = past.wanted(None, None, None, None)
    assert len(wanted) == 1500
    assert past.paged(None, None, None, None, limit=100) == wanted
    assert past.paged(None, None, None, None, limit=201) == wanted


def test_days_are_noted_for_rows_that_were_made_at_another_time_than_their_ids(past: Past) -> None:
    query = """
    select count(*) from kronos.execution_done as done
     where (done.created_at - kronos.uuid7_time(done.execution_id)) not between interval '-1 hour' and interval '1 hour'
       and not exists (select from kronos.late_days as late where late.workspace_id = done.workspace_id
                          and late.id_day = (kronos.uuid7_time(done.execution_id) at time zone 'UTC')::date
                          and late.created_day = (done.created_at at time zone 'UTC')::date)
    """
    assert value(past.connection, query) == 0
    assert value(past.connection, "select count(*) from kronos.late_days") > 100


def test_weeks_are_noted_of_each_workspace_and_job_by_the_first_two(past: Past) -> None:
    query = """
    with finished as (
        select unnest(array[workspace_id, job_id]) as subject_id, status,
               date_trunc('week', kronos.uuid7_time(execution_id) at time zone 'UTC')::date as week, execution_id
          from kronos.execution_done
    ), wanted as (
        select subject_id, status, week, least(count(*), 2) as notes from finished group by subject_id, status, week
    ), noted as (
        select subject_id, status, week, count(*) as notes
          from kronos.history_weeks join finished using (subject_id, status, week, execution_id)
         group by subject_id, status, week
    )
    select count(*), count(*) filter (where wanted.notes = 1), count(*) filter (where wanted.notes is distinct
           from noted.notes)
      from wanted full join noted using (subject_id, status, week)
    """
    ((weeks, of_one, wrong),) = past.connection.execute(query).fetchall()
    assert (weeks > 400, of_one > 50, wrong) == (True, True, 0)


def test_a_one_shot_notes_a_week_of_its_workspace_alone(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    row = {
        "workspace_id": endpoint.workspace_id,
        "endpoint_id": endpoint.endpoint_id,
        "job_id": job_id,
        "status": "SUCCESS",
    }
    row |= {"id_at": NOW, "created_at": NOW, "scheduled_at": NOW}
    superuser.execute(_ROWS, row | {"cause": "API"})
    assert values(superuser, "select subject_id from kronos.history_weeks") == [endpoint.workspace_id]
    superuser.execute(_ROWS, row | {"cause": "MANUAL"})
    assert set(values(superuser, "select subject_id from kronos.history_weeks")) == {endpoint.workspace_id, job_id}


def test_a_one_shot_that_was_made_before_the_clock_was_set_back_has_its_executions(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    row = {
        "workspace_id": endpoint.workspace_id,
        "endpoint_id": endpoint.endpoint_id,
        "job_id": uuid.uuid4(),
        "status": "SUCCESS",
    }
    row |= {"cause": "API"} | dict.fromkeys(("id_at", "created_at", "scheduled_at"), datetime.now(UTC) + HOUR)
    superuser.execute("update kronos.retention set weeks_from = '-infinity'")
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, created_at)
        values (%(job_id)s, %(job_id)s, %(workspace_id)s, %(endpoint_id)s, 'IMMEDIATE', %(created_at)s)
        """,
        row,
    )
    superuser.execute(_ROWS, row)
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    query = (
        "select count(*) from kronos.find_executions(array[%(job_id)s::uuid], %(status)s, null, null, null, null, 5)"
    )
    assert [value(superuser, query, row | {"status": status}) for status in (None, "SUCCESS", "FAILED")] == [1, 1, 0]


def test_what_was_given_another_status_by_hand_is_in_the_lists(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, created_at=NOW - DAY)
    row = {
        "workspace_id": endpoint.workspace_id,
        "endpoint_id": endpoint.endpoint_id,
        "job_id": job_id,
        "status": "FAILED",
    }
    superuser.execute("update kronos.retention set weeks_from = '-infinity'")
    superuser.execute(_ROWS, row | {"cause": "SCHEDULE"} | dict.fromkeys(("id_at", "created_at", "scheduled_at"), NOW))
    superuser.execute("update kronos.execution_done set status = 'SUCCESS' where job_id = %s", [job_id])
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    query = "select count(*) from kronos.find_executions(%s::uuid[], %s, null, null, null, null, 5)"
    found = [
        value(superuser, query, [job_ids, status])
        for job_ids in ([job_id], None)
        for status in ("SUCCESS", None, "FAILED")
    ]
    assert found == [1, 1, 0, 1, 1, 0]


def test_prompt_rows_note_no_day(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    row = {
        "workspace_id": endpoint.workspace_id,
        "endpoint_id": endpoint.endpoint_id,
        "job_id": job_id,
        "status": "SUCCESS",
    }
    row |= {"id_at": NOW, "created_at": NOW + 0.9 * HOUR}
    for cause, scheduled_at in (
        ("SCHEDULE", NOW),
        ("API", NOW + 30 * DAY),
        ("BACKFILL", NOW - 30 * DAY),
        ("MANUAL", NOW),
    ):
        superuser.execute(_ROWS, row | {"cause": cause, "scheduled_at": scheduled_at})
    assert values(superuser, "select id_day from kronos.late_days") == []
    superuser.execute(_ROWS, row | {"cause": "SCHEDULE", "scheduled_at": NOW - 2 * DAY, "id_at": NOW - 2 * DAY})
    assert values(superuser, "select id_day from kronos.late_days") == [(NOW - 2 * DAY).date()]


def test_transactions_that_note_the_same_days_wait_for_none_of_each_other(
    superuser: Connection, database_url: str
) -> None:
    """Two firings, each with two late days in opposite orders, used to deadlock."""
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    superuser.execute("update kronos.workspaces set created_at = %s", [BEGAN])
    row: dict[str, Any] = {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id, "job_id": job_id}
    row |= {"cause": "CATCH_UP", "status": "MISSED", "created_at": NOW}
    days = [NOW - 40 * DAY, NOW - 400 * DAY]  # old notes of the second day are not trusted
    with psycopg.connect(database_url) as one, psycopg.connect(database_url) as two:
        for connection in (one, two):
            connection.execute("set lock_timeout = '1ms'")
        for nth in (0, 1):
            for connection, at in ((one, days[nth]), (two, days[1 - nth])):
                connection.execute(_ROWS, row | {"id_at": at, "scheduled_at": at})
    noted = "select id_day, count(*)::integer from kronos.late_days group by id_day order by id_day"
    assert superuser.execute(noted).fetchall() == [(at.date(), 2) for at in reversed(days)]
    for at in days:  # as many notes as there were concurrent transactions, and no more
        superuser.execute(_ROWS, row | {"id_at": at, "scheduled_at": at})
    assert {row[1] for row in superuser.execute(noted).fetchall()} == {2}
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    listed = "select execution_id from kronos.find_executions(null, null, null, null, null, null, 10)"
    assert sorted(values(superuser, listed)) == sorted(
        values(superuser, "select execution_id from kronos.execution_done")
    )


def test_an_attached_partition_is_noted_as_its_rows_would_have_been(superuser: Connection) -> None:
    """Ticks, one-shots with and without a row in jobs, and late rows, restored by a DBA after retention forgot their
    weeks.
    """
    endpoint = add_endpoint(superuser)
    began = datetime(2024, 3, 4, tzinfo=UTC)
    job_id = make_cron_job(superuser, endpoint, created_at=began, ticks_from=began)
    superuser.execute("update kronos.workspaces set created_at = %s", [began])
    superuser.execute("update kronos.retention set weeks_from = '-infinity'")
    row: dict[str, Any] = {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id}
    for day, cause, status, late in (
        (0, "SCHEDULE", "SUCCESS", 0),
        (1, "SCHEDULE", "SUCCESS", 5),
        (2, "MANUAL", "FAILED", 0),
        (3, "API", "SUCCESS", 0),
    ):
        at = began + day * DAY
        made = {
            "id_at": at,
            "scheduled_at": at,
            "created_at": at + late * DAY,
            "job_id": job_id,
            "cause": cause,
            "status": status,
        }
        superuser.execute(_ROWS, row | made)
    superuser.execute("update kronos.execution_done set job_id = execution_id where cause = 'API'")
    notes = "select subject_id, status, week, count(*) from kronos.history_weeks group by 1, 2, 3 order by 1, 2, 3"
    days = "select distinct workspace_id, id_day, created_day from kronos.late_days order by 1, 2, 3"
    noted = [superuser.execute(query).fetchall() for query in (notes, days)]
    superuser.execute(
        """
        create table kronos.restored (like kronos.execution_done including all);
        with moved as (delete from kronos.execution_done returning *) insert into kronos.restored select * from moved;
        select kronos.forget_notes(100);
        alter table kronos.execution_done attach partition kronos.restored
              for values from ('018e06c2-9800-0000-0000-000000000000') to ('018e2acf-1c00-0000-0000-000000000000');
        """
    )
    assert value(superuser, "select count(*) from kronos.history_weeks") == 0
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    listed = "select count(*) from kronos.find_executions(null, null, null, null, null, null, 10)"
    assert value(superuser, listed) == 0
    assert values(superuser, "select * from kronos.unnoted_partitions()") == ["restored"]
    assert value(superuser, "select kronos.note_partition('restored')") == sum(row[3] for row in noted[0])
    assert [superuser.execute(query).fetchall() for query in (notes, days)] == noted
    assert values(superuser, "select * from kronos.unnoted_partitions()") == []
    assert value(superuser, listed) == 4
    assert value(superuser, "select kronos.note_partition('restored')") == 0
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="has no partition gone"):
        superuser.execute("select kronos.note_partition('gone')")
