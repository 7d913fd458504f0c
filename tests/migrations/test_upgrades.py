"""Data in a database of an earlier revision keeps its behavior after the upgrade.

The revisions are installed one after the other. Each case below writes its rows at the revision that it names, waits
for the upgrade, and looks at what became of them.
"""

import uuid
from collections.abc import Callable, Iterator

import pytest

from depth import depth
from factory import EndpointRow, add_endpoint
from kronos import migrations, revisions, sql
from sql_factory import Connection, records, value, values

Case = Callable[[Connection], Iterator[None]]
_LAST = "0027"
_UNTIL = depth(_LAST, deep=f"0001 0002 0019 {_LAST}").split()
"""The revisions after each of these are installed by `kronos migrate`: an upgrade from that one."""


@pytest.mark.parametrize("last", _UNTIL)
def test_data_of_earlier_revisions_keeps_its_behavior(superuser: Connection, bare: str, last: str) -> None:
    begun: list[Iterator[None]] = []
    superuser.execute((sql.root() / "cluster.sql").read_text().encode())
    superuser.execute("set role kronos_owner")
    superuser.execute("create table kronos.schema_version (version_num varchar(32) primary key)")
    superuser.execute("insert into kronos.schema_version values ('')")
    for script in sorted((revisions.scripts() / "versions").glob("*.sql")):
        superuser.execute(script.read_text().encode())
        revision = script.name.partition("_")[0]
        for case in _CASES.get(revision, ()):
            begun.append(case(superuser))
            next(begun[-1])
        if revision == last:
            break
    superuser.execute("update kronos.schema_version set version_num = %s", [last])
    superuser.execute("reset role")
    migrations.migrate(bare)
    assert migrations.current(bare) == migrations.head()
    assert len(begun) == sum(len(cases) for revision, cases in _CASES.items() if revision <= last)
    for waiting in begun:
        assert next(waiting, "has ended") == "has ended"


def jobs_of_the_first_revision_tick_on(superuser: Connection) -> Iterator[None]:
    endpoint = add_endpoint(superuser)
    job_id = uuid.uuid4()
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
            schedule, alarm, description,
                                 next_tick_at)
        values (%(job)s, %(job)s, %(workspace)s, %(endpoint)s, 'CRON', '30 9 * * 1', 'UTC',
                row(1::bigint << 30, 1 << 9, (1::bigint << 32) - 2, 8190, 2, true)::kronos.schedule,
                    '30 9 * * 1', 'At 09:30 on Monday',
                '2026-03-09 09:30+00')
        """,
        {"job": job_id, "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    superuser.execute("alter table kronos.jobs drop constraint jobs_jitter_bounded")  # perhaps dropped by hand
    yield
    stored = "select schedule::text as old, kronos.parse_cron(cron)::text as new from kronos.jobs where job_id = %s"
    (found,) = records(superuser, stored, [job_id])
    assert found["old"] == found["new"].replace("f,,,UTC", "t,,,UTC")  # every_hour, which makes no difference in UTC
    assert value(superuser, "select kronos.account_ticks(array[%s::uuid], '2026-03-16 09:30:05+00')", [job_id]) == 1
    assert (
        value(superuser, "select next_tick_at from kronos.pointers where job_id = %s", [job_id]).isoformat()
        == "2026-03-23T09:30:00+00:00"
    )
    assert values(superuser, "select schedule from cron.job where jobname = %s", [f"kronos:{job_id}"]) == ["30 9 * * 1"]


def intervals_and_one_shots_from_before_there_were_local_times_do_what_they_did(
    superuser: Connection,
) -> Iterator[None]:
    endpoint = add_endpoint(superuser)
    every, delayed = uuid.uuid4(), uuid.uuid4()
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, every, anchor,
            timezone, schedule, alarm,
                                 description, next_tick_at)
        select %(job)s, %(job)s, %(workspace)s, %(endpoint)s, 'CRON', '2w', anchor, 'Europe/Berlin',
               row(null, null, null, null, null, null, null, null, null, null, 1209600, anchor, 'Europe/Berlin',
                   'SHIFT', 'FIRST')
               ::kronos.schedule, '0 8 * * 1', 'Every 14 days', anchor
          from (select timestamptz '2026-03-16 08:00+00' as anchor) as given
        """,
        {"job": every, "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, run_at)
        values (%(job)s, %(job)s, %(workspace)s, %(endpoint)s, 'DELAYED', '2090-01-01 08:00+00')
        """,
        {"job": delayed, "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
    )

    yield

    assert value(superuser, "select kronos.account_ticks(array[%s::uuid], '2026-03-30 08:00:05+00')", [every]) == 1
    stored = (
        "select next_tick_at, anchor_local, (schedule).anchor_local as read, alarm from kronos.jobs join "
        "kronos.pointers using (job_id)"
    )
    stored += " where job_id = %s"
    (row,) = records(superuser, stored, [every])
    assert (row["next_tick_at"].isoformat(), row["anchor_local"], row["read"]) == (
        "2026-04-13T08:00:00+00:00",
        None,
        None,
    )  # real time
    assert (
        values(superuser, "select schedule from cron.job where jobname = %s", [f"kronos:{every}"])
        == [row["alarm"]]
        == ["0 8 * * 1"]
    )
    shown = records(
        superuser,
        "select anchor, anchor_local, run_at, run_at_local from kronos.job_details where job_id = %s",
        [delayed],
    )
    assert [(row["anchor"], row["anchor_local"], row["run_at_local"]) for row in shown] == [(None, None, None)]


def a_history_with_instants_that_cannot_be_is_upgraded(superuser: Connection) -> Iterator[None]:
    """An index on the distance between two instants rejects infinite ones."""
    endpoint = add_endpoint(superuser)
    superuser.execute(
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
            cause, status, scheduled_at,
                                           run_at, created_at, max_attempts, input)
        select gen_random_uuid(), %(workspace)s, gen_random_uuid(), %(endpoint)s, 1, 'API', 'SUCCESS',
               scheduled.at, now(), created.at, 1,
               '{}'
          from unnest(%(instants)s::timestamptz[]) as scheduled (at),
               unnest(%(instants)s::timestamptz[]) as created (at)
        """,
        {
            "workspace": endpoint.workspace_id,
            "endpoint": endpoint.endpoint_id,
            "instants": [
                "-infinity",
                "4714-11-24 00:00:00+00 BC",
                "2026-01-01 00:00:00+00",
                "294276-12-31 23:59:59.999999+00",
                "infinity",
            ],
        },
    )
    yield
    of_it = "where workspace_id = %s"
    assert value(superuser, f"select count(*) from kronos.execution_done {of_it}", [endpoint.workspace_id]) == 25
    created = f"select array_agg(distinct created_day::text order by created_day::text) from kronos.late_days {of_it}"
    assert value(superuser, created, [endpoint.workspace_id]) == [
        "-infinity",
        "2026-01-01",
        "294276-12-31",
        "4714-11-24 BC",
        "infinity",
    ]


def what_a_deleted_workspace_left_unfinished_is_ended(superuser: Connection) -> Iterator[None]:
    """Creation and deletion could once both commit, and a deletion only considered live jobs."""
    gone, there = add_endpoint(superuser, max_in_flight=3), add_endpoint(superuser)
    for endpoint in (gone, there):
        superuser.execute(
            """
            with job as (
                insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger)
                select job_id, job_id, %(workspace)s, %(endpoint)s, 'IMMEDIATE'
                  from (select gen_random_uuid() as job_id from generate_series(1, 2)) as new
                returning job_id
            )
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id,
                endpoint_version, cause, scheduled_at,
                                               run_at, visible_at, max_attempts, max_crashes, timeout_ms, input,
                                                   attempt_count,
                                               claim_token, worker_id, claimed_at, holds_slot)
            select gen_random_uuid(), %(workspace)s, job_id, %(endpoint)s, 1, 'API', now(), now(), now(), 5, 3,
                   1000, '{}',
                   claimed::integer, case when claimed then gen_random_uuid() end, case when claimed then 'w' end,
                   case when claimed then now() end, claimed
              from (select job_id, row_number() over () = 1 as claimed from job) as numbered
            """,
            {"workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id},
        )
    superuser.execute("update kronos.endpoint_gate set in_flight = 1 where endpoint_id = %s", [gone.endpoint_id])
    superuser.execute(
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() where workspace_id = %s",
        [gone.workspace_id],
    )

    yield

    def of(endpoint: EndpointRow, query: str) -> list[object]:
        return values(superuser, query, [endpoint.endpoint_id])

    jobs = "select status from kronos.jobs where endpoint_id = %s"
    assert (of(gone, jobs), of(there, jobs)) == (["RETIRED"] * 2, ["ACTIVE"] * 2)
    executions = (
        "select run.status from kronos.executions as run join kronos.jobs as job using (job_id) where endpoint_id "
        "= %s order by 1"
    )
    assert (of(gone, executions), of(there, executions)) == (["CANCELLED"] * 2, ["QUEUED", "RUNNING"])
    attempts = (
        "select attempt.status from kronos.attempt join kronos.execution_done using (execution_id) where "
        "endpoint_id = %s"
    )
    assert (of(gone, attempts), of(there, attempts)) == (["LOST"], [])
    ends = "select deleted_at is not null from kronos.endpoints where endpoint_id = %s"
    assert (of(gone, ends), of(there, ends)) == ([True], [False])
    assert of(gone, "select in_flight from kronos.endpoint_gate where endpoint_id = %s") == [0]


def what_failed_before_there_were_dead_letters_is_one(superuser: Connection) -> Iterator[None]:
    endpoint = add_endpoint(superuser)
    failed, cancelled = (
        values(
            superuser,
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                               status, status_reason, scheduled_at, run_at, created_at, max_attempts,
                                               input, error)
            select id, %(workspace)s, id, %(endpoint)s, 1, 'API', %(status)s, '{"code": "test"}', now(), now(), now(),
                   1, '{}', '{"type": "timeout", "message": "no answer"}'
              from gen_random_uuid() as id
            returning execution_id
            """,
            {"workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id, "status": status},
        )[0]
        for status in ("FAILED", "CANCELLED")
    )
    yield
    assert cancelled is not None
    assert records(
        superuser,
        "select execution_id, first_version_id, error_type, message from kronos.dead_letters where workspace_id = %s",
        [endpoint.workspace_id],
    ) == [{"execution_id": failed, "first_version_id": failed, "error_type": "timeout", "message": "no answer"}]


def odd_executions_are_noted_where_they_are(superuser: Connection) -> Iterator[None]:
    """Not in every week that has a note: 50,000 jobs over two years have millions, and writes wait for the upgrade."""
    endpoint = add_endpoint(superuser)
    job_id = uuid.uuid4()
    superuser.execute(
        """
        with made as (
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                               status, scheduled_at, run_at, created_at, max_attempts, input)
            select (lpad(to_hex((extract(epoch from tick.at) * 1000)::bigint), 12, '0')
                    || '70008000000000000000')::uuid,
                   %(workspace)s, %(job)s, %(endpoint)s, 1, 'SCHEDULE', 'SUCCESS', tick.at, tick.at,
                   tick.at + tick.late, 1, '{}'
              from (values (timestamptz '2026-03-04 09:00+00', interval '0'),
                           ('2026-03-11 09:00+00', interval '2 hours')) as tick (at, late)
            returning *
        )
        insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
        select workspace_id, subject_id, status, date_trunc('week', scheduled_at at time zone 'UTC')::date, execution_id
          from made
         cross join lateral (values (workspace_id), (job_id)) as subject (subject_id)
        """,
        {"workspace": endpoint.workspace_id, "job": job_id, "endpoint": endpoint.endpoint_id},
    )
    yield
    noted = records(
        superuser,
        "select status, week::text, count(*) from kronos.history_weeks where subject_id = any (%s) group by "
        "subject_id, 1, 2 order by 1, 2",
        [[endpoint.workspace_id, job_id]],
    )
    assert [tuple(row.values()) for row in noted] == [
        ("ODD", "2026-03-09", 1),
        ("ODD", "2026-03-09", 1),
        ("SUCCESS", "2026-03-02", 2),
        ("SUCCESS", "2026-03-02", 2),
        ("SUCCESS", "2026-03-09", 2),
        ("SUCCESS", "2026-03-09", 2),
    ]


_CASES: dict[str, list[Case]] = {
    "0001": [jobs_of_the_first_revision_tick_on],
    "0002": [
        intervals_and_one_shots_from_before_there_were_local_times_do_what_they_did,
        a_history_with_instants_that_cannot_be_is_upgraded,
        what_a_deleted_workspace_left_unfinished_is_ended,
    ],
    "0019": [odd_executions_are_noted_where_they_are],
    _LAST: [what_failed_before_there_were_dead_letters_is_one],
}
"""The cases that write their rows at a revision."""
