"""The reaper with many differences: each run repairs some, a few runs repair all, and no firing is delayed; and its
cost with none.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest

from depth import depth
from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from repeated import repeated
from scale import buffers, fill_cron_jobs, fill_one_shots, unaudited
from sql_factory import Connection, Record, fire, job, live, make_cron_job, once, value, values

JOBS = depth(1000, deep=5000)
MINUTE = timedelta(minutes=1)
_DIFFERENCES = "select count(*) from kronos.pg_cron_drift()"


@pytest.fixture(scope="module")
def filled(module_database_url: str) -> Iterator[tuple[psycopg.Connection, EndpointRow]]:
    """A database with thousands of registered jobs; each test rolls back what it does."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute(
            "select kronos.reap()"
        )  # a copied database's entries name the database that they were copied from
        # that many jobs would share entries
        connection.execute("update kronos.alarm_setting set wanted = 'own'")
        with unaudited(connection, "jobs"):
            endpoint = fill_cron_jobs(connection, JOBS)
        connection.execute("analyze kronos.jobs, cron.job")
        yield connection, endpoint


@pytest.fixture
def many(filled: tuple[psycopg.Connection, EndpointRow]) -> Iterator[Connection]:
    connection, _ = filled
    with connection.transaction(force_rollback=True):
        yield connection


def reap(connection: Connection, budget: str) -> Record:
    output: Record = value(connection, "select kronos.reap(%s)", [budget])
    return output


@pytest.mark.parametrize(
    ("harm", "counted"),
    [
        ("delete from cron.job", "registered"),
        ("update cron.job set nodeport = 1 where jobname like 'kronos:%'", "corrected"),
        ("update cron.job set schedule = '0 0 1 1 *' where jobname like 'kronos:%'", "corrected"),
        ("update cron.job set jobname = 'kronos:' || gen_random_uuid() where jobname like 'kronos:%'", "unscheduled"),
        (
            "update kronos.jobs set status = 'RETIRED' where job_id in (select job_id from kronos.jobs where name is "
            "null)",
            "unscheduled",
        ),
    ],
    ids=["missing", "other_port", "other_schedule", "strays", "retired"],
)
def test_however_many_differences_there_are_each_run_mends_some_and_tells_how_many_are_left(
    many: Connection, harm: str, counted: str
) -> None:
    many.execute(harm.encode())
    before = value(many, _DIFFERENCES)
    assert before >= JOBS
    left, runs = before, 0
    while left:
        output = reap(many, "20 milliseconds")
        assert output[counted] > 0 or output["registered"] > 0
        assert output["failed"] == 0
        assert output["left"]["entries"] < left
        left, runs = output["left"]["entries"], runs + 1
        assert runs <= before / 200 + 5
    assert runs > 1
    assert value(many, _DIFFERENCES) == 0


def test_an_entry_is_looked_up_and_not_looked_for(many: Connection) -> None:
    pages = value(many, "select pg_relation_size('cron.job') / 8192")
    mend = """
        select kronos.mend_pg_cron_entries(array_agg(job_id), array_agg(null::bigint), array_agg(alarm),
               place.database, place.nodename,
                                           place.nodeport)
          from (select job_id, alarm from kronos.jobs where name is null order by job_id limit 200) as chosen,
               kronos.entry_place() as place
         group by place.database, place.nodename, place.nodeport
    """
    assert buffers(many, mend) < 200 * 10 + 2 * pages  # finding the 200 jobs takes some of it


def test_differences_that_cannot_be_mended_keep_no_other_from_its_turn(many: Connection) -> None:
    many.execute("delete from cron.job where jobname like 'kronos:%'")
    broken = many.execute(
        "update kronos.jobs set alarm = 'never'"
        " where job_id in (select job_id from kronos.jobs where name is null order by job_id limit 120)"
    ).rowcount
    repeated(lambda: reap(many, "1 second"), lambda output: bool(output["left"]["entries"] == broken))
    tried: set[str] = set()

    def retry() -> Record:
        output = reap(many, "10 minutes")
        tried.update(error["job_id"] for error in output["errors"])
        return output

    # Nothing else is left, and each has its turn: half a second of a batch's failures, drawn anew.
    for output in repeated(retry, lambda _: len(tried) >= broken):
        assert output["left"]["entries"] == broken
        assert 0 < output["failed"] <= broken
        assert len(output["errors"]) == min(100, output["failed"])
        assert {error["type"] for error in output["errors"]} == {"22023"}
    assert len(tried) == broken


def test_a_firing_is_not_delayed_by_the_repair_of_its_entry(
    superuser: Connection, database_url: str, tick: datetime
) -> None:
    """The reaper's transaction is still open. A firing skips the rows that it holds."""
    superuser.execute("select kronos.reap()")
    endpoint = fill_cron_jobs(superuser, 500, is_registered=False)
    due = make_cron_job(superuser, endpoint, cron=once(tick), next_tick_at=tick)
    soon = make_cron_job(
        superuser, endpoint, cron=once(tick), next_tick_at=value(superuser, "select now() + interval '14 seconds'")
    )
    minutely = make_cron_job(superuser, endpoint, next_tick_at=tick)
    with psycopg.connect(database_url) as reaper:
        output = value(reaper, "select kronos.reap('1 minute')")
        assert (output["registered"], output["left"]["entries"]) == (501, 2)
        assert fire(superuser, due) == 1
        assert [run["scheduled_at"] for run in live(superuser, due)] == [tick]
        assert values(superuser, "select job_id from kronos.jobs where job_id = %s for update nowait", [soon]) == [soon]
        assert (
            values(superuser, "select job_id from kronos.jobs where job_id = %s for update skip locked", [minutely])
            == []
        )
        reaper.commit()
    superuser.execute(
        "update tests.jobs set next_tick_at = now() + interval '10 minutes' where job_id = any (%s)", [[due, soon]]
    )
    assert value(superuser, "select kronos.reap()")["registered"] == 2


def test_jobs_that_end_together_end_run_by_run(superuser: Connection) -> None:
    fill_cron_jobs(superuser, 250)
    superuser.execute(
        "update tests.jobs set ends_at = now() - interval '1 minute', next_tick_at = null where name is null"
    )
    superuser.execute("update kronos.jobs set starts_at = ends_at - interval '1 day' where name is null")
    ended = [value(superuser, "select kronos.end_jobs(now(), now())") for _ in range(4)]
    assert ended == [100, 100, 50, 0]


def test_the_reaper_says_how_many_are_still_to_end_or_to_resume(superuser: Connection) -> None:
    endpoint = fill_cron_jobs(superuser, 250)
    superuser.execute("update kronos.jobs set ends_at = now() - interval '1 minute' where name is null")
    assert reap(superuser, "0 seconds")["left"]["ended"] == 150
    more = fill_cron_jobs(superuser, 250)
    assert more != endpoint
    superuser.execute(
        "update kronos.jobs set status = 'PAUSED', resume_at = now() - interval '1 second', status_reason = '{}' "
        "where endpoint_id = %s",
        [more.endpoint_id],
    )
    output = reap(superuser, "0 seconds")
    assert (output["left"]["resumed"], output["resumed"]) == (150, 100)
    output = reap(superuser, "0 seconds")
    assert (output["left"]["resumed"], output["left"]["ended"]) == (50, 0)


def test_one_shots_at_a_local_time_are_asked_again_run_by_run(superuser: Connection) -> None:
    """So many of them, each at its own time, would hold rows for seconds."""
    endpoint = add_endpoint(superuser)
    superuser.execute(
        """
        with job as (
            insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, run_at,
                run_at_local, timezone)
            select job_id, job_id, %(workspace_id)s, %(endpoint_id)s, 'DELAYED', at,
                   at at time zone 'UTC' + interval '7 minutes', 'Asia/Kolkata'
              from generate_series(1, 700) as n
             cross join lateral (select gen_random_uuid() as job_id, timestamptz '2090-01-01 00:00:00+00' + n
                 * interval '1 minute' as at
                                  where n > 0) as new
            returning job_id, run_at
        )
        insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, scheduled_at, run_at,
                                           visible_at, max_attempts, max_crashes, timeout_ms, input)
        select kronos.uuid7(), %(workspace_id)s, job_id, %(endpoint_id)s, 1, 'API', run_at, run_at, run_at, 5,
               3, 5000, '{}' from job
        """,
        {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id},
    )
    wrong = (
        "select count(*) from kronos.jobs where run_at_local is not null"
        " and run_at <> kronos.local_instant(run_at_local, timezone, dst_gap)"
    )
    left = [value(superuser, wrong)]
    assert left == [700]
    while left[-1]:
        assert reap(superuser, "0 seconds")["failed"] == 0
        left.append(value(superuser, wrong))
        assert 0 < left[-2] - left[-1] <= 400
    assert len(left) > 2


def test_a_job_that_cannot_be_resumed_stops_none_of_its_batch(superuser: Connection) -> None:
    """The clock stands, because halves of the batch are tried until a time (test_busy_machine)."""
    MovedClock(superuser).stop()
    endpoint = fill_cron_jobs(superuser, 50)
    broken: list[uuid.UUID] = values(
        superuser, "select job_id from kronos.jobs where endpoint_id = %s limit 2", [endpoint.endpoint_id]
    )
    superuser.execute(
        "create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$"
    )
    superuser.execute(
        f"create trigger refuse before update on kronos.jobs for each row when (new.job_id in ('{broken[0]}', "
        f"'{broken[1]}')"
        " and new.status = 'ACTIVE') execute function public.refuse()"
    )
    superuser.execute(
        "update kronos.jobs set status = 'PAUSED', resume_at = kronos.now(), status_reason = '{}' "
        "where endpoint_id = %s",
        [endpoint.endpoint_id],
    )
    (resumed, busy, errors) = (
        superuser.execute("select * from kronos.resume_jobs_in_time(kronos.now())").fetchone() or ()
    )
    assert (resumed, busy) == (48, 0)
    assert {error["job_id"] for error in errors} == {str(each) for each in broken}


def test_what_is_asked_each_minute_does_not_read_what_is_over(
    many: Connection, filled: tuple[psycopg.Connection, EndpointRow]
) -> None:
    asked = {
        "right": ("select kronos.is_pg_cron_right()", 1.1),
        "health": ("select * from kronos.pg_cron_health()", 1.1),
        "silence": ("select kronos.pg_cron_silence()", 1.1),
        "zones": ("select * from kronos.zones_in_use()", 1.5),
    }
    many.execute("analyze kronos.jobs")
    pages = value(many, "select pg_relation_size('kronos.jobs') / 8192")
    before = {name: buffers(many, query) for name, (query, _) in asked.items()}
    fill_one_shots(many, filled[1], 8 * JOBS)
    many.execute("analyze kronos.jobs")
    after = {name: buffers(many, query) for name, (query, _) in asked.items()}
    assert value(many, "select pg_relation_size('kronos.jobs') / 8192") - pages > before["right"] * 0.2 + 20
    assert {name: pages for name, pages in after.items() if pages > before[name] * asked[name][1] + 20} == {}
    assert after["health"] < 250  # four internal jobs, each with its entry, and the catalog rows of functions
    assert after["silence"] < 50


def test_a_job_whose_alarm_pg_cron_refuses_does_not_keep_its_workspace_suspended(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    sound, broken = (
        make_cron_job(superuser, endpoint, is_registered=True),
        make_cron_job(superuser, endpoint, is_registered=True),
    )
    for turn in ("suspend", "resume"):
        with superuser.transaction():
            superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
            superuser.execute(f"select kronos.{turn}_workspace()".encode())
        superuser.execute("select kronos.turn_all(clock_timestamp() + interval '1 minute')")
        superuser.execute("update kronos.jobs set alarm = 'never' where job_id = %s", [broken])
    assert [job(superuser, each)["status"] for each in (sound, broken)] == ["ACTIVE", "ACTIVE"]
    registered = values(
        superuser,
        "select jobname::text from cron.job where jobname::text = any (%s)",
        [[f"kronos:{sound}", f"kronos:{broken}"]],
    )
    assert registered == [f"kronos:{sound}"]
    assert value(superuser, "select kronos.reap()")["errors"][0]["job_id"] == str(broken)
