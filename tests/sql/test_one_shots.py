"""One-shots that are their executions: made many at a time, read, listed, cancelled, retried and forgotten as any job
is."""

import random
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from factory import EndpointRow, add_endpoint
from kronos import sql
from sql.plans import partitions_in, plan_of, rows_read, run_statement, seq_scans
from sql_factory import Connection, await_lock, make_cron_job, records, value, values

_DAY = timedelta(days=1)
_NONE: dict[str, object] = dict.fromkeys(
    ("endpoint", "trigger", "status", "tag", "q", "created_after", "created_before")
)


def _name(connection: Connection, endpoint: EndpointRow) -> str:
    return str(value(connection, "select name from kronos.endpoints where endpoint_id = %s", [endpoint.endpoint_id]))


def make(
    connection: Connection,
    endpoint: EndpointRow,
    count: int = 1,
    *,
    names: list[str] | None = None,
    run_at: datetime | None = None,
    is_whole: bool = False,
) -> list[dict[str, Any]]:
    """`count` one-shots by make_one_shots, as the API makes them; `names` in place of the endpoint's own."""
    names = names or [_name(connection, endpoint)] * count
    with connection.transaction():
        connection.execute("set local role kronos_api")
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        return records(
            connection,
            "select * from kronos.make_one_shots(%s, %s::jsonb[], %s::timestamptz[], %s) order by nth",
            [names, [Jsonb({"n": n}) for n in range(len(names))], [run_at] * len(names), is_whole],
        )


def finish(connection: Connection, *, status: str = "SUCCESS", where: str = "true") -> None:
    """What is unfinished has ended, as a worker's statement moves it."""
    connection.execute(
        f"""
        with ended as (delete from kronos.execution_live where {where} returning *)
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, started_at, completed_at, attempt_count,
                                               max_attempts, input)
        select execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, '{status}',
               scheduled_at, run_at,
               created_at, now(), now(), 1, max_attempts, input
          from ended
        """.encode()
    )


def get(connection: Connection, endpoint: EndpointRow, job: object) -> list[dict[str, Any]]:
    """The API's answer to a read."""
    return _run(connection, endpoint, "jobs.get_job", {"job": str(job)})


def _run(
    connection: Connection, endpoint: EndpointRow, statement: str, params: dict[str, object]
) -> list[dict[str, Any]]:
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set local role kronos_api")
        cursor.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        return cursor.execute(sql.texts()[statement].encode(), params).fetchall()


def test_many_are_made_at_once_each_one_row(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = make(superuser, endpoint, 300)
    rows = records(superuser, "select * from kronos.execution_live order by (input ->> 'n')::integer")
    assert value(superuser, "select count(*) from kronos.jobs where endpoint_id = %s", [endpoint.endpoint_id]) == 0
    assert [row["execution_id"] for row in rows] == [row["job_id"] for row in rows] == [each["job_id"] for each in made]
    assert {
        (row["endpoint_version"], row["cause"], row["max_attempts"], row["max_crashes"], row["timeout_ms"])
        for row in rows
    } == {(1, "API", endpoint.max_attempts, endpoint.max_crashes, endpoint.timeout_ms)}
    far = "select max(abs(extract(epoch from created_at - kronos.uuid7_time(execution_id)))) from kronos.execution_live"
    assert value(superuser, far) <= 0.0005, "the id rounds to milliseconds"
    assert {each["job_id"].version for each in made} == {7}
    assert {each["job_id"].variant for each in made} == {uuid.RFC_4122}


def test_one_whose_endpoint_is_not_there_fails_alone_or_with_all(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    name, neighbour = _name(superuser, endpoint), _name(superuser, add_endpoint(superuser))
    made = make(superuser, endpoint, names=[name, neighbour, name, "nobody"])
    assert [each["job_id"] is not None for each in made] == [True, False, True, False]
    with pytest.raises(psycopg.Error, match=f"no endpoint '{neighbour}'") as caught:
        make(superuser, endpoint, names=[name, neighbour, name, "nobody"], is_whole=True)
    assert (caught.value.sqlstate, value(superuser, "select count(*) from kronos.execution_live")) == ("KR012", 2)


@pytest.mark.parametrize(
    "arguments",
    [
        "array['e', 'e'], array['{}']::jsonb[], array[null]::timestamptz[]",
        "array['e'], array['[]']::jsonb[], array[null]::timestamptz[]",
        "array['e'], array[null]::jsonb[], array[null]::timestamptz[]",
        "array['e'], array['{}']::jsonb[], array['infinity']::timestamptz[]",
        "array['e'], array['{}', '{}']::jsonb[], array[null]::timestamptz[]",
    ],
)
def test_what_is_no_list_of_jobs_is_refused(superuser: Connection, arguments: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        superuser.execute(f"select kronos.make_one_shots({arguments}, false)".encode())


def test_it_is_shown_as_a_job_with_a_row_is(superuser: Connection) -> None:
    """Each column, while it waits and when it is over."""
    endpoint = add_endpoint(superuser)
    later = datetime.now(UTC) + _DAY
    for run_at, trigger in ((None, "IMMEDIATE"), (later, "DELAYED")):
        lean = make(superuser, endpoint, run_at=run_at)[0]["job_id"]
        job = {
            "job_id": (full := uuid.uuid4()),
            "endpoint": (name := _name(superuser, endpoint)),
            "trigger": trigger,
            "input": {"n": 0},
        }
        jobs = Jsonb([job | {"run_at": run_at, "tags": [], "dst_gap": "SHIFT"}], dumps=orjson.dumps)
        params = {"workspace": str(endpoint.workspace_id), "endpoints": [name], "jobs": jobs, "wake": False}
        run_statement(
            superuser, "jobs.insert_one_shot_jobs", params, role="kronos_api", workspace_id=endpoint.workspace_id
        )
        for _ in range(2):
            shown, wanted = (get(superuser, endpoint, job)[0] for job in (lean, full))
            own = {"job_id", "execution", "created_at", "retired_at", "last_run_at"}
            assert {name: told for name, told in shown.items() if name not in own} == {
                name: told for name, told in wanted.items() if name not in own
            }
            assert [shown[name] is None for name in sorted(own)] == [wanted[name] is None for name in sorted(own)]
            assert set(shown["execution"]) == set(wanted["execution"])
            assert (shown["execution"]["execution_id"], shown["execution"]["status"]) == (
                str(lean),
                wanted["execution"]["status"],
            )
            assert (
                value(superuser, "select count(*) from kronos.job_details where job_id in (%s, %s)", [lean, full]) == 2
            )
            finish(superuser)


def test_an_execution_of_a_cron_job_is_no_job(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    superuser.execute(
        """
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, scheduled_at,
                                           run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
        select kronos.tick_id(job_id, now()), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', now(), now(),
               now(), 1, 0, 1000, '{}'
          from kronos.jobs where job_id = %s
        """,
        [job_id],
    )
    execution_id = value(superuser, "select execution_id from kronos.execution_live where job_id = %s", [job_id])
    assert get(superuser, endpoint, execution_id) == []
    finish(superuser)
    assert get(superuser, endpoint, execution_id) == []


def test_another_workspaces_are_not_there(superuser: Connection) -> None:
    mine, theirs = add_endpoint(superuser), add_endpoint(superuser)
    job_id = make(superuser, theirs)[0]["job_id"]
    page: dict[str, object] = _NONE | {"before_created_at": None, "before_id": None, "limit": 50, "bytes": 1_048_576}
    for _ in range(2):
        assert get(superuser, mine, job_id) == []
        assert _run(superuser, mine, "jobs.list_jobs", page) == []
        assert [row["job_id"] for row in _run(superuser, theirs, "jobs.list_jobs", page)] == [job_id]
        finish(superuser)


class Listed:
    """300 one-shots of every kind, made over some weeks on three endpoints, and CRON jobs and one-shots with rows among
    them."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self.connection = connection
        self.chance = random.Random(seed)
        first = add_endpoint(connection)
        self.endpoint = first
        self.endpoints = [first, *(add_endpoint(connection, first.workspace_id) for _ in range(2))]
        self.names = [_name(connection, each) for each in self.endpoints]
        for weeks in (0, 1, 2, 5):
            for _ in range(12):
                self._add(weeks)

    def _add(self, weeks: int) -> None:
        """Some of one instant; then they are as old as that."""
        endpoint = self.chance.choice(self.endpoints)
        run_at = self.chance.choice([None, datetime.now(UTC) + _DAY])
        made = [each["job_id"] for each in make(self.connection, endpoint, self.chance.randint(1, 6), run_at=run_at)]
        ago = timedelta(weeks=weeks, hours=self.chance.randint(0, 100))
        self.connection.execute(
            """
            update kronos.execution_live as live
               set execution_id = moved.id, job_id = moved.id, created_at = created_at - %(ago)s,
                   scheduled_at = scheduled_at - %(ago)s
              from (select old.id as old_id,
                           (left(kronos.uuid7_floor(found.created_at - %(ago)s)::text,
                               13) || substring(old.id::text from 14))::uuid as id
                      from unnest(%(ids)s::uuid[]) as old (id)
                      join kronos.execution_live as found on found.execution_id = old.id) as moved
             where live.execution_id = moved.old_id
            """,
            {"ago": ago, "ids": made},
        )
        if self.chance.random() < 0.7:
            finish(
                self.connection,
                where=f"endpoint_id = '{endpoint.endpoint_id}' and created_at < now() - interval '1 hour'",
            )
        if self.chance.random() < 0.3:
            self.connection.execute(
                "insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, name, tags, "
                "created_at)"
                " select id, id, %s, %s, 'IMMEDIATE', 'n' || left(id::text, 8), '{tag}', now() - %s"
                " from (select gen_random_uuid() as id) as new",
                [endpoint.workspace_id, endpoint.endpoint_id, ago],
            )

    def wanted(self, filters: dict[str, Any]) -> list[uuid.UUID]:
        """All of the list, by a query that reads everything."""
        return values(
            self.connection,
            """
            select job_id from kronos.job_details
             where workspace_id = %(workspace_id)s
               and (%(endpoint)s::text is null or endpoint = %(endpoint)s)
               and (%(trigger)s::text is null or trigger = %(trigger)s) and (%(status)s::text is null
                   or status = %(status)s)
               and (%(tag)s::text is null or %(tag)s = any (tags))
               and (%(created_after)s::timestamptz is null or created_at > %(created_after)s)
               and (%(created_before)s::timestamptz is null or created_at < %(created_before)s)
               and (%(q)s::text is null or strpos(lower(name), lower(%(q)s)) > 0 or strpos(lower(endpoint),
                   lower(%(q)s)) > 0
                    or (length(%(q)s) >= 4 and starts_with(job_id::text, lower(%(q)s))))
             order by created_at desc, job_id desc
            """,
            filters | {"workspace_id": self.endpoint.workspace_id},
        )

    def paged(self, filters: dict[str, Any], *, limit: int) -> list[uuid.UUID]:
        """All of the list, page by page, by the API's statement."""
        found: list[uuid.UUID] = []
        place: dict[str, object] = {"before_created_at": None, "before_id": None}
        while True:
            page = _run(
                self.connection, self.endpoint, "jobs.list_jobs", filters | place | {"limit": limit, "bytes": 1_048_576}
            )
            found += [row["job_id"] for row in page]
            if not page or not page[-1]["_more"]:
                return found
            assert len(page) == limit
            place = {"before_created_at": page[-1]["created_at"], "before_id": page[-1]["job_id"]}


def test_pages_are_the_list_cut_in_pieces(superuser: Connection) -> None:
    listed = Listed(superuser, 5)
    everything = listed.wanted(_NONE)
    assert len(everything) > 100
    assert listed.paged(_NONE, limit=51) == everything
    chance = listed.chance
    now = datetime.now(UTC)
    for _ in range(40):
        one = str(chance.choice(everything))
        filters = _NONE | {
            "endpoint": chance.choice([None, None, listed.names[0], "nobody"]),
            "trigger": chance.choice([None, "DELAYED", "IMMEDIATE", "CRON"]),
            "status": chance.choice([None, "ACTIVE", "COMPLETED", "RETIRED"]),
            "tag": chance.choice([None, None, None, "tag"]),
            "q": chance.choice(
                [
                    None,
                    None,
                    "e-",
                    one[: chance.choice([4, 9, 12, 14, 15, 20, 36])],
                    one[:7].upper(),
                    "0000-",
                    listed.names[1],
                ]
            ),
            "created_after": chance.choice([None, None, now - timedelta(days=9)]),
            "created_before": chance.choice([None, None, now - timedelta(days=2)]),
        }
        assert listed.paged(filters, limit=chance.choice([7, 51])) == listed.wanted(filters), filters


def test_a_cancelled_one_is_retired_and_stays_so_whatever_its_attempt_comes_to(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    waiting, running = (each["job_id"] for each in make(superuser, endpoint, 2))
    superuser.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = now(), "
        "attempt_count = 1"
        " where execution_id = %s",
        [running],
    )
    for job_id in (waiting, running):
        with superuser.transaction():
            superuser.execute("set local role kronos_api")
            superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
            superuser.execute("select kronos.settle_version(%s, array[1])", [job_id])
            assert values(superuser, "select job_id from kronos.cancel_job()") == [job_id]
    finish(superuser)
    told = {row["job_id"]: row for job in (waiting, running) for row in get(superuser, endpoint, job)}
    assert {
        job: (row["status"], row["status_reason"]["code"], row["execution"]["status"]) for job, row in told.items()
    } == {
        waiting: ("RETIRED", "cancelled", "CANCELLED"),
        running: ("RETIRED", "cancelled", "SUCCESS"),
    }
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(superuser, "select kronos.retry_execution(%s)", [waiting]) == "job_cancelled"


def test_a_failed_one_is_retried_and_active_again(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make(superuser, endpoint)[0]["job_id"]
    finish(superuser, status="FAILED")
    assert [row["status"] for row in get(superuser, endpoint, job_id)] == ["COMPLETED"]
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        assert value(superuser, "select kronos.retry_execution(%s)", [job_id]) is None
    assert [(row["status"], row["execution"]["status"]) for row in get(superuser, endpoint, job_id)] == [
        ("ACTIVE", "RETRYING")
    ]


def test_an_execution_has_a_job_and_a_job_keeps_its_executions(superuser: Connection) -> None:
    """What the foreign key said, for whatever has a row."""
    endpoint = add_endpoint(superuser)
    make(superuser, endpoint)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        superuser.execute("update kronos.execution_live set job_id = gen_random_uuid()")
    superuser.execute(
        "with job as (insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger)"
        " select id, id, %s, %s, 'IMMEDIATE' from (select gen_random_uuid() as id) as new returning job_id)"
        " select job_id from job",
        [endpoint.workspace_id, endpoint.endpoint_id],
    )
    superuser.execute(
        "update kronos.execution_live set job_id = (select job_id from kronos.jobs where trigger = 'IMMEDIATE')"
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        superuser.execute("delete from kronos.jobs where trigger = 'IMMEDIATE'")


def test_an_endpoint_that_is_being_deleted_takes_none_and_one_that_has_some_is_not_deleted(
    superuser: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    name = _name(superuser, endpoint)
    with psycopg.connect(database_url) as deleting, psycopg.connect(database_url, autocommit=True) as making:
        deleting.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
        assert value(deleting, "select kronos.delete_endpoint(%s)", [name]) is True
        making.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
        with psycopg.connect(database_url, autocommit=True) as watching:
            made: list[Any] = []
            call = (
                "select job_id from kronos.make_one_shots(array[%s::text], array['{}'::jsonb], "
                "array[null::timestamptz], "
                "false)"
            )
            thread = threading.Thread(target=lambda: made.append(values(making, call, [name])))
            thread.start()
            await_lock(watching, making)
        deleting.commit()
        thread.join(20)
    assert made == [[None]]
    other = add_endpoint(superuser, endpoint.workspace_id)
    make(superuser, other)
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    assert value(superuser, "select kronos.delete_endpoint(%s)", [_name(superuser, other)]) is False
    unfinished = records(superuser, "select * from kronos.delete_workspace()")
    assert unfinished == [{"is_deleted": False, "jobs": 1, "executions": 1, "backfills": 0}]


def test_one_whose_endpoint_was_deleted_is_not_retried_though_the_clock_was_set_back(superuser: Connection) -> None:
    """Its creation lies ahead then, as if it had just been made."""
    endpoint = add_endpoint(superuser)
    (made,) = make(superuser, endpoint)
    superuser.execute("update kronos.execution_live set created_at = created_at + interval '1 hour'")
    finish(superuser, status="FAILED")
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    assert value(superuser, "select kronos.delete_endpoint(%s)", [_name(superuser, endpoint)]) is True
    with pytest.raises(psycopg.DatabaseError, match="the endpoint was deleted") as caught:
        superuser.execute("select kronos.retry_execution(%s)", [made["job_id"]])
    assert caught.value.sqlstate == "KR012"


def test_a_page_reads_what_it_shows_and_looks_where_there_is_any(superuser: Connection) -> None:
    """Two DELAYED ones among 3,000 IMMEDIATE, of one endpoint, beside as many of another, finished and not."""
    endpoint = add_endpoint(superuser)
    other = add_endpoint(superuser, endpoint.workspace_id)
    for _ in range(2):
        make(superuser, endpoint, 1500)
        make(superuser, other, 1500)
        make(superuser, other, 2, run_at=datetime.now(UTC) + _DAY)
        finish(superuser, where="(input ->> 'n')::integer % 2 = 0")
    superuser.execute("analyze kronos.execution_live, kronos.execution_done, kronos.history_weeks")
    page = _NONE | {"before_created_at": None, "before_id": None, "limit": 50, "bytes": 1_048_576}
    for filters, shown in (
        ({}, 50),
        ({"trigger": "DELAYED"}, 4),
        ({"endpoint": _name(superuser, other)}, 50),
        ({"status": "COMPLETED"}, 50),
    ):
        params: dict[str, object] = page | filters
        assert len(_run(superuser, endpoint, "jobs.list_jobs", params)) == shown
        plan = plan_of(superuser, "jobs.list_jobs", params, workspace_id=endpoint.workspace_id)
        assert seq_scans(plan, "execution_done", "execution_live", "jobs") == []
        assert max(rows_read(plan, "execution_done"), rows_read(plan, "execution_live")) <= 4 * 51
        assert len(partitions_in(plan, "execution_done")) == 1
    for table in ("execution_live", "execution_done"):
        one = value(superuser, f"select job_id from kronos.{table} order by execution_id limit 1")
        for statement in ("jobs.get_job", "jobs.settle_version", "ledger.get_standing"):
            plan = plan_of(superuser, statement, {"job": str(one), "if_match": [1]}, workspace_id=endpoint.workspace_id)
            assert max(rows_read(plan, "execution_done"), rows_read(plan, "execution_live")) <= 1


def test_a_deleted_workspace_is_kept_for_as_long_as_they_are(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    make(superuser, endpoint)
    finish(superuser)
    gone = (
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() - interval '900 days' where "
        "workspace_id = %s"
    )
    superuser.execute(gone, [endpoint.workspace_id])
    assert value(superuser, "select kronos.retain_workspaces(10, false)") == 0
    superuser.execute("delete from kronos.execution_done")
    assert value(superuser, "select kronos.retain_workspaces(10, false)") == 1


def test_the_weeks_noted_are_those_of_the_rows_however_they_came(superuser: Connection) -> None:
    """What statement after statement noted is what the rows say, and what note_partition would note of them: two at
    most."""
    listed = Listed(superuser, 7)
    job_id = make_cron_job(superuser, endpoint=listed.endpoint)
    superuser.execute(
        "insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, "
        "status,"
        " scheduled_at, run_at, created_at, started_at, completed_at, attempt_count, max_attempts, input)"
        " select kronos.tick_id(%s, at), %s, %s, %s, 1,"
        " 'SCHEDULE', 'SUCCESS', at, at, at + n * interval '50 minutes', now(), now(), 1, 1, '{}'"
        " from (select n, now() - n * interval '9 days' as at from generate_series(0, 3) as n) as made",
        [job_id, listed.endpoint.workspace_id, job_id, listed.endpoint.endpoint_id],
    )
    noted = (
        "select subject_id, status, week, least(count(*), 2) from kronos.history_weeks group by 1, 2, 3 order by "
        "1, 2, 3"
    )
    before = superuser.execute(noted).fetchall()
    assert (
        superuser.execute(
            "select subject.id, kind.status,"
            " date_trunc('week', kronos.uuid7_time(execution_id) at time zone 'UTC')::date, least(count(*), 2)"
            " from kronos.execution_done as done"
            " cross join lateral (values (workspace_id),"
            " (case when cause <> 'API' then job_id when job_id = execution_id then endpoint_id end))"
            " as subject (id)"
            " cross join lateral (values (status), (case when kronos.is_odd(created_at, scheduled_at) then 'ODD' "
            "end)) as kind (status)"
            " where subject.id is not null and kind.status is not null group by 1, 2, 3 order by 1, 2, 3"
        ).fetchall()
        == before
    )
    assert {row[3] for row in before} == {1, 2}
    superuser.execute("delete from kronos.history_weeks")
    for partition in values(superuser, "select partition from kronos.partitions() where parent = 'execution_done'"):
        superuser.execute("select kronos.note_partition(%s)", [partition])
    again = superuser.execute(noted).fetchall()  # of what the default partition holds there is none
    assert again
    assert set(again) <= set(before)
