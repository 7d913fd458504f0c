"""Years of history cost a ring or a request what ten days do: reads and locks with 400 partitions, 750 with --deep, and
20,000 jobs."""

import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from conftest import await_condition, cloned
from depth import depth
from factory import EndpointRow, add_endpoint
from kronos import idempotency, sql
from servers import Server
from sql.plans import locks, partitions_in, plan_of, rows_read, run_statement, seq_scans, told_plans
from sql_factory import Connection, make_cron_job, records, value
from worker.protocol import claim_params, finalize_params, run

DAYS = depth(400, deep=750)
DAY = timedelta(days=1)

_PARTITIONS = """
do $$
declare
    v_day   date;
    v_table text;
begin
    for v_day in      -- up to the first week that there is
        select (kronos.uuid7_time(oldest.from_id) at time zone 'UTC')::date - day
          from (select from_id from kronos.partitions() where parent = 'execution_done' order by from_id
               limit 1) as oldest
         cross join generate_series(1, %d) as day
    loop
        foreach v_table in array array['execution_done', 'attempt'] loop
            execute format('create table kronos.%%I partition of kronos.%%I for values from (%%L) to (%%L)',
                           v_table || '_' || to_char(v_day, 'YYYYMMDD'), v_table,
                               kronos.uuid7_floor(v_day::timestamptz),
                           kronos.uuid7_floor((v_day + 1)::timestamptz));
        end loop;
        if extract(day from v_day) in (10, 20) then      -- the locks of what was made are given back
            commit;
        end if;
    end loop;
end
$$
"""
_JOBS = f"""
with made as (
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, status, name, cron,
    timezone, schedule, alarm,
                         description, created_at, ticks_from, tags, retired_at)
select new.job_id, new.job_id, workspace_id, endpoint_id, kind.trigger, kind.status, case when n % 4 = 0
       then 'job-' || n end,
       case when n % 4 = 0 then cron end, case when n % 4 = 0 then timezone end, case when n % 4 = 0 then schedule end,
       case when n % 4 = 0 then alarm end, case when n % 4 = 0 then description end,
       made.at, made.at,
       case when n % 200 = 0 then array['rare'] else '{{}}' end, case when kind.status = 'COMPLETED' then made.at end
  from kronos.jobs as job
 cross join generate_series(1, 20000) as n
 cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
 cross join lateral (select case when n % 4 = 0 then 'CRON' else 'IMMEDIATE' end as trigger,
                            case when n % 4 = 0 then 'ACTIVE' else 'COMPLETED' end as status) as kind
 cross join lateral (select now() - n * interval '{4 * DAYS} seconds' as at) as made
 where job.job_id = $1
returning job_id, workspace_id, trigger
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, now() + interval '1 day' + row_number() over () * interval '4 s' from made
       where trigger = 'CRON'
"""
_EXECUTIONS = f"""
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    status, scheduled_at, run_at,
                                   created_at, started_at, max_attempts, input)
select kronos.tick_id(job.job_id, tick.at), job.workspace_id, job.job_id, job.endpoint_id, 1,
       case when job.trigger = 'CRON' then 'SCHEDULE' else 'API' end,
       case when n % 10 = 0 then 'FAILED' else 'SUCCESS' end, tick.at, tick.at, tick.at, tick.at, 5, '{{}}'
  from (select *, row_number() over (order by created_at) as nth
          from kronos.jobs where trigger = 'IMMEDIATE' or job_id = $1) as job
 cross join lateral (select job.created_at as at, job.nth as n where job.trigger = 'IMMEDIATE'
                      union all
                     select date_trunc('minute', now()) - n * interval '1 hour', n
                       from generate_series(1, {24 * DAYS - 10}) as n where job.trigger = 'CRON') as tick
"""


class Old:
    """A workspace that is years old: 15,000 finished one-shots, 5,000 CRON jobs, one of which ran each hour."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.endpoint: EndpointRow = add_endpoint(connection)
        self.workspace_id = self.endpoint.workspace_id
        connection.execute("set timezone = 'UTC'")
        connection.execute((_PARTITIONS % DAYS).encode())
        made: dict[str, Any] = {
            "created_at": datetime.now(UTC) - DAYS * DAY,
            "ticks_from": datetime.now(UTC) - DAYS * DAY,
        }
        self.job_id = make_cron_job(connection, self.endpoint, cron="0 * * * *", name="hourly", **made)
        connection.execute("update kronos.workspaces set created_at = %s", [made["created_at"]])
        self._fill(_JOBS)
        self._fill(_EXECUTIONS)
        connection.execute(
            """
            insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status,
                started_at, worker_id)
            select execution_id, gen_random_uuid(), workspace_id, 1, 'SUCCESS', started_at, 'w1'
                   from kronos.execution_done
            """
        )
        connection.execute("vacuum analyze kronos.jobs")
        connection.execute("analyze kronos.execution_done")

    def _fill(self, statement: str) -> None:
        self.connection.execute(statement.replace("$1", f"'{self.job_id}'").encode())

    def an_execution(self) -> Mapping[str, Any]:
        """One of half a year ago, of the hourly job."""
        (found,) = records(
            self.connection,
            "select execution_id, created_at, scheduled_at from kronos.execution_done"
            " where job_id = %s and created_at < now() - interval '180 days' order by created_at desc limit 1",
            [self.job_id],
        )
        return found


@pytest.fixture(scope="module")
def old_url(server: Server, template: str) -> Iterator[str]:
    with cloned(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def old(old_url: str) -> Iterator[Old]:
    with psycopg.connect(old_url, autocommit=True) as connection:
        yield Old(connection)


_PAGE = dict.fromkeys(("status", "scheduled_after", "scheduled_before", "before_created_at", "before_id")) | {
    "limit": 50,
    "bytes": 1_048_576,
}
_FILTERS = (
    "endpoint",
    "trigger",
    "status",
    "tag",
    "q",
    "created_after",
    "created_before",
    "before_created_at",
    "before_id",
)
_JOBS_PAGE = dict.fromkeys(_FILTERS) | {"limit": 50, "bytes": 1_048_576}
_TICKS = {"job": "job_id", "from_at": datetime.now(UTC) - 200 * DAY, "to_at": datetime.now(UTC) - 196 * DAY}
_READS: dict[
    str, tuple[str, dict[str, Any], int]
] = {  # and how many partitions of execution_done it may look into at most
    "an execution": ("executions.get_execution", {"execution_id": "execution_id"}, 1),
    "its attempts": (
        "executions.list_attempts",
        {"execution_id": "execution_id", "after": 0, "limit": 50, "bytes": 1_048_576},
        1,
    ),
    "executions": ("executions.list_executions", _PAGE, 20),
    "executions of a place": (
        "executions.list_executions",
        _PAGE | {"before_created_at": "created_at", "before_id": "execution_id"},
        20,
    ),
    "executions of a status": ("executions.list_executions", _PAGE | {"status": "FAILED"}, 40),
    "a job's executions": ("executions.list_job_executions", _PAGE | {"job": "job_id"}, 20),
    "a job's of a status": ("executions.list_job_executions", _PAGE | {"job": "job_id", "status": "FAILED"}, 70),
    "a job": ("job_reads.get_job", {"job": "job_id"}, 0),
    "a job's last day": ("job_reads.get_job_statistics", {"job": "job_id"}, 10),
    "a job's standing": ("ledger.get_standing", {"job": "job_id"}, 10),
    "jobs' last runs": ("job_reads.list_recent_runs", {"ids": "job_ids", "limit": 20}, 10),
    "explain": ("explain.get_facts", {"job": "job_id", "at": "scheduled_at"}, 10),
    "a job's ticks": ("explain.list_ticks", _TICKS | {"limit": 101}, 10),
    "a job's days": ("explain.count_tick_days", _TICKS | {"zone": None}, 10),
    "what became of an hour": ("overview.list_outcomes", {"minutes": 60, "most": 20_000}, 10),
    "what is unfinished": (
        "overview.get_unfinished",
        {"minutes": 60, "most": 1000, "longer_than": timedelta(seconds=60), "longest": 10},
        0,
    ),
    "what is overdue": ("overview.list_overdue", {"limit": 10}, 0),
    "what fails": ("overview.list_failing", {"most": 1000, "limit": 10}, 4),
    "the load of a week": ("load.list_load", {"minutes": 10_080, "schedules": 5000}, 0),
    "jobs of a minute": ("load.list_jobs_at", {"at": "scheduled_at", "schedules": 5000, "limit": 200}, 0),
    "jobs": ("job_reads.list_jobs", _JOBS_PAGE, 10),
    "jobs of a trigger": ("job_reads.list_jobs", _JOBS_PAGE | {"trigger": "CRON"}, 0),
    "jobs of an endpoint": ("job_reads.list_jobs", _JOBS_PAGE | {"endpoint": "none"}, 0),
    "jobs of a status": ("job_reads.list_jobs", _JOBS_PAGE | {"status": "PAUSED"}, 0),
    "jobs of a tag": ("job_reads.list_jobs", _JOBS_PAGE | {"tag": "rare", "trigger": "CRON"}, 0),
    "jobs by text": ("job_reads.list_jobs", _JOBS_PAGE | {"q": "job-17"}, 0),
    "jobs by no text": ("job_reads.list_jobs", _JOBS_PAGE | {"q": "nothing"}, 0),
}


@pytest.mark.parametrize("plan", ["custom", "generic"])
def test_days_are_counted_without_going_through_one_list_for_each_row_of_another(old: Old, plan: str) -> None:
    """As a plan that is kept for any array does: 43,000 ticks of a month against as many rows are a minute."""
    name, params, _ = _READS["a job's days"]
    plans = plan_of(old.connection, name, _params(old, params), workspace_id=old.workspace_id, plan=plan)
    (counting,) = [each for each in plans.split("Query Text: ") if each.startswith("with each as materialized")]
    assert "Nested Loop" not in counting
    assert "Hash" in counting


# From 17 on PostgreSQL locks a partitioned table's own indexes too, when it plans; they are seven, however old the
# history is.
_LOCKED_PARENT_INDEXES = """
select count(*) from pg_locks join pg_class on pg_class.oid = relation
 where pid = pg_backend_pid() and locktype = 'relation' and relkind = 'I'
"""


def _params(old: Old, params: Mapping[str, Any]) -> dict[str, Any]:
    known = {**old.an_execution(), "job_id": str(old.job_id), "job_ids": f"{{{old.job_id}}}"}
    return {name: known.get(given, given) if isinstance(given, str) else given for name, given in params.items()}


@pytest.mark.parametrize("plan", ["custom", "generic"])
@pytest.mark.parametrize("read", _READS)
def test_a_read_scans_no_history_and_looks_into_few_partitions(old: Old, read: str, plan: str) -> None:
    name, params, partitions = _READS[read]
    plans = plan_of(old.connection, name, _params(old, params), workspace_id=old.workspace_id, plan=plan)
    # Of jobs, explain's share is pg_cron_silence's, which reads no job of a user (tests/sql/test_reap.py).
    assert seq_scans(plans, "execution_done", "attempt", *([] if read == "explain" else ["jobs"])) == []
    assert len(partitions_in(plans, "execution_done")) <= partitions
    assert len(partitions_in(plans, "attempt")) <= 1


@pytest.mark.parametrize("read", ["overview.list_overdue", "system.get_status"])
def test_who_looks_for_what_is_overdue_reads_no_pointer_of_what_is_not(old: Old, read: str) -> None:
    plans = plan_of(old.connection, read, {"limit": 10}, workspace_id=old.workspace_id)
    assert rows_read(plans, "pointers") <= 10


@pytest.mark.parametrize("read", _READS)
def test_a_read_holds_few_locks(old: Old, read: str) -> None:
    name, params, _ = _READS[read]
    given = _params(old, params)
    with old.connection.transaction(force_rollback=True):
        run_statement(old.connection, name, given, role="kronos_api", workspace_id=old.workspace_id)
        held, of_parents = locks(old.connection), value(old.connection, _LOCKED_PARENT_INDEXES)
        assert held - of_parents <= 120


@pytest.mark.parametrize(
    "filters",
    [
        {"status": "EXPIRED"},
        {"scheduled_after": datetime(2999, 1, 1, tzinfo=UTC)},
        {"scheduled_before": datetime(1999, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_filter_that_nothing_matches_comes_to_its_end_by_index(old: Old, filters: dict[str, Any]) -> None:
    with told_plans(old.connection) as plans:
        found = run_statement(
            old.connection,
            "executions.list_executions",
            _PAGE | filters,
            role="kronos_api",
            workspace_id=old.workspace_id,
        )
        held = locks(old.connection)
    assert (found, seq_scans("\n".join(plans), "execution_done")) == ([], [])
    assert held <= 60
    assert len(partitions_in("\n".join(plans), "execution_done")) >= DAYS


@pytest.mark.parametrize("of", ["workspace", "job"])
def test_what_is_rare_is_looked_for_in_the_weeks_that_have_it(old: Old, of: str) -> None:
    """Of all partitions those of two weeks, long ago; and of what is not there, none."""
    name, params = {
        "workspace": ("executions.list_executions", _PAGE),
        "job": ("executions.list_job_executions", _PAGE | {"job": str(old.job_id)}),
    }[of]
    rare = """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, status_reason,
                                           scheduled_at, run_at, created_at, max_attempts, input)
        select kronos.uuid7(at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'EXPIRED', '{}', at, at, at, 5, '{}'
          from kronos.jobs, unnest(array[now() - 0.4 * %s, now() - 0.8 * %s]) as at
               where job_id = %s
    """
    found = {}
    for what in ("nothing", "rare"):
        with told_plans(old.connection) as plans:
            old.connection.execute("update kronos.retention set weeks_from = '-infinity'")
            if what == "rare":
                old.connection.execute(rare, [DAYS * DAY, DAYS * DAY, old.job_id])
            plans.clear()
            rows = run_statement(
                old.connection, name, params | {"status": "EXPIRED"}, role="kronos_api", workspace_id=old.workspace_id
            )
            found[what] = len(rows), len(partitions_in("\n".join(plans), "execution_done"))
    assert found["nothing"] == (0, 0)
    assert found["rare"][0] == 2
    assert found["rare"][1] <= 2 * 8


@pytest.mark.parametrize("edge", ["scheduled_after", "scheduled_before"])
def test_where_rows_are_prompt_a_scheduled_time_names_the_partitions(old: Old, edge: str) -> None:
    """Of all partitions those about it, and the one with a run that was asked for long before."""
    at = datetime.now(UTC) + (DAY if edge == "scheduled_after" else -DAYS * DAY / 2)
    odd = """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status,
                                           scheduled_at, run_at, created_at, max_attempts, input)
        select kronos.uuid7(made.at), workspace_id, job_id, endpoint_id, 1, 'MANUAL', 'SUCCESS',
               %(scheduled_at)s, made.at, made.at, 5, '{}'
          from kronos.jobs, (values (%(made_at)s)) as made (at) where job_id = %(job_id)s
    """
    made = {
        "job_id": old.job_id,
        "made_at": datetime.now(UTC) - DAYS * DAY * 0.27,
        "scheduled_at": at + (DAY if edge == "scheduled_after" else -DAY),
    }
    with told_plans(old.connection) as plans:
        old.connection.execute("update kronos.retention set weeks_from = '-infinity'")
        old.connection.execute(odd, made)
        plans.clear()
        rows = run_statement(
            old.connection,
            "executions.list_executions",
            _PAGE | {edge: at, "limit": 5},
            role="kronos_api",
            workspace_id=old.workspace_id,
        )
    looked = [plan for plan in plans if "execution_done" in plan]
    assert len(rows) == (1 if edge == "scheduled_after" else 5)
    assert made["scheduled_at"] in rows[0]
    assert len(partitions_in("\n".join(looked), "execution_done")) <= 40


def test_a_job_that_runs_once_a_week_is_read_from_the_partitions_of_its_runs(old: Old) -> None:
    """Of the partitions of a day: not from the seven of each week."""
    runs = """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status,
                                           scheduled_at, run_at, created_at, max_attempts, input)
        select kronos.tick_id(job_id, at), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'SUCCESS', at, at,
               at, 5, '{}'
          from kronos.jobs, generate_series(now() - %s, now(), interval '7 days') as at
               where job_id = %s
    """
    with told_plans(old.connection) as plans:
        old.connection.execute("update kronos.retention set weeks_from = '-infinity'")
        job_id = make_cron_job(old.connection, old.endpoint, created_at=datetime.now(UTC) - (DAYS - 10) * DAY)
        old.connection.execute(runs, [(DAYS - 50) * DAY, job_id])
        plans.clear()
        params = _PAGE | {"job": str(job_id)}
        rows = run_statement(
            old.connection, "executions.list_job_executions", params, role="kronos_api", workspace_id=old.workspace_id
        )
    looked = [plan for plan in plans if "execution_done" in plan]
    assert len(rows) == 50
    assert len(partitions_in("\n".join(looked), "execution_done")) <= 80  # the page's, and the walk's last few beyond
    assert seq_scans("\n".join(looked), "execution_done") == []


def _ring(connection: Connection, job_id: uuid.UUID) -> tuple[int, int]:
    """What a ring of the job, due now, made, and the locks that its transaction held."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "update tests.jobs set next_tick_at = date_trunc('minute', now()) where job_id = %s", [job_id]
        )
        # A firing that is alone in its transaction also moves the pointers' floor, with three locks more: no matter of
        # milliseconds here.
        await_condition(
            lambda: not value(connection, "select kronos.is_alone()"),
            "the transaction to be older than one statement's",
        )
        made = value(connection, "select kronos.fire(%s)", [job_id])
        return made, locks(connection)


def test_a_ring_locks_as_much_as_with_ten_partitions(old: Old, superuser: Connection) -> None:
    young = make_cron_job(superuser, cron="0 * * * *")
    for session, job_id in ((old.connection, old.job_id), (superuser, young)):
        _ring(session, job_id)  # to plan a statement takes locks that its kept plan does not
    assert _ring(old.connection, old.job_id) == _ring(superuser, young)


def test_a_ring_of_a_tick_that_was_run_finds_it_in_its_partition(old: Old) -> None:
    tick = old.an_execution()["scheduled_at"]
    with told_plans(old.connection) as plans:
        old.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, old.job_id])
        old.connection.execute(
            "update kronos.jobs set catch_up_policy = 'ALL', ends_at = %s where job_id = %s",
            [tick + timedelta(minutes=1), old.job_id],
        )
        made = value(
            old.connection,
            "select kronos.account_ticks(array[%s::uuid], %s)",
            [old.job_id, tick + timedelta(seconds=1)],
        )
    assert made == 0
    assert len(partitions_in("\n".join(plans), "execution_done")) == 1
    assert seq_scans("\n".join(plans), "execution_done", "jobs") == []


def test_a_run_by_hand_and_upkeep_lock_no_partition(old: Old) -> None:
    execution_id = value(old.connection, "select kronos.uuid7()")
    trigger = {
        "job": "hourly",
        "execution_id": execution_id,
        "input": None,
        "priority": None,
        "deadline_seconds": None,
        "wake": False,
        "validated": "",
        **idempotency.params(None),
    }
    with told_plans(old.connection) as plans:
        run_statement(old.connection, "jobs.trigger_job", trigger, role="kronos_api", workspace_id=old.workspace_id)
        old.connection.execute("reset role")
        old.connection.execute("select * from kronos.upkeep(100)")
        assert locks(old.connection) <= 116  # the audit's tables and indexes are eight
    assert partitions_in("\n".join(plans), "execution_done") == set()


@pytest.mark.parametrize(("finalize", "left"), [("finalize_successes", []), ("finalize_executions", ["SUCCESS"])])
def test_a_delivery_locks_the_partition_of_its_execution(old: Old, finalize: str, left: list[str]) -> None:
    """Claim and finalize as the worker runs them, of an execution that is new."""
    execution_id = value(old.connection, "select kronos.uuid7()")
    trigger = {
        "job": "hourly",
        "execution_id": execution_id,
        "input": None,
        "priority": None,
        "deadline_seconds": None,
        "wake": False,
        "validated": "",
        **idempotency.params(None),
    }
    token = uuid.uuid4()
    with old.connection.transaction(force_rollback=True):
        run_statement(old.connection, "jobs.trigger_job", trigger, role="kronos_api", workspace_id=old.workspace_id)
        old.connection.execute("set local role kronos_worker")
        claimed = run(old.connection, "claim_executions", claim_params([old.endpoint], token=token))
        assert [row[0] for row in claimed] == [execution_id]
        ended = finalize_params(token, [execution_id], "SUCCESS", is_retryable=False, retry=timedelta()) | {
            "worker_id": "w1"
        }
        assert run(old.connection, finalize, ended) == [(execution_id, verdict) for verdict in left]
        assert run(old.connection, "judge_unapplied", ended) == [(execution_id, "ALREADY")]
        assert locks(old.connection) <= 150  # however many partitions: tables of now, and their indexes


def test_every_statement_leaves_the_partitions_to_functions_that_name_them(old: Old) -> None:
    """A plan that is kept locks every partition that is in it, whenever it runs."""
    over_history = []
    for statement in sql.texts().values():
        for table in ("execution_done", "attempt", "attempts", "executions"):
            over_history += [
                statement
                for word in ("from", "join", "using")
                if f"{word} kronos.{table} " in statement.replace("\n", " ")
            ]
    assert over_history == []
    functions = records(
        old.connection,
        r"""
        select proname, proconfig from pg_proc
         where pronamespace = 'kronos'::regnamespace
           and prosrc ~ '(from|join|using) +kronos\.(execution_done|attempt|attempts|executions)\M'
        """,
    )
    assert len(functions) > 5
    assert [
        each["proname"] for each in functions if "plan_cache_mode=force_custom_plan" not in (each["proconfig"] or [])
    ] == []


def test_ten_clients_at_the_end_of_long_lists_leave_a_ring_its_locks(old: Old, old_url: str) -> None:
    failures: list[str] = []
    begin = threading.Barrier(11)
    job = {"job": str(old.job_id)}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("executions.list_executions", _PAGE | {"status": "EXPIRED"}),
        ("job_reads.get_job_statistics", job),
        ("explain.get_facts", job | {"at": old.an_execution()["scheduled_at"]}),
    ]

    def read() -> None:
        with psycopg.connect(old_url, autocommit=True) as connection:
            begin.wait(60)
            try:
                with connection.transaction(force_rollback=True):
                    for name, params in asked:
                        run_statement(connection, name, params, role="kronos_api", workspace_id=old.workspace_id)
            except psycopg.Error as error:
                failures.append(str(error))

    threads = [threading.Thread(target=read) for _ in range(10)]
    for thread in threads:
        thread.start()
    begin.wait(60)
    with psycopg.connect(old_url, autocommit=True) as connection:
        while any(thread.is_alive() for thread in threads):
            assert _ring(connection, old.job_id)[0] == 1
    assert failures == []
