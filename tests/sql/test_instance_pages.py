"""The queries of the instance's pages read only what they show, not all executions, jobs or dead letters."""

import pytest

from factory import add_endpoint, add_executions
from kronos import system, workspaces
from sql.plans import plan_of, rows_read
from sql_factory import Connection, make_cron_job, value

assert system
assert workspaces


def test_what_workers_run_reads_what_is_claimed(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    runs = add_executions(superuser, endpoint, 3000)
    superuser.execute(
        """
        update kronos.execution_live
           set claim_token = gen_random_uuid(), worker_id = 'w' || substr(execution_id::text, 36), claimed_at = now(),
               visible_at = now() + interval '1 minute'
         where execution_id = any (%s)
        """,
        [runs[:40]],
    )
    superuser.execute("analyze kronos.execution_live")
    plan = plan_of(superuser, "system.list_workers", {"limit": 200})
    assert 40 <= rows_read(plan, "execution_live") <= 80
    assert rows_read(plan, "jobs") <= 40


def test_what_is_to_be_looked_at_reads_a_thousand_dead_letters_at_most(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    superuser.execute(
        """
        insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at)
        select gen_random_uuid(), case when n %% 4 = 0 then %s::uuid else gen_random_uuid() end, gen_random_uuid(),
               gen_random_uuid(), gen_random_uuid(), now()
          from generate_series(1, 8000) as n
        """,
        [endpoint.workspace_id],
    )
    superuser.execute("analyze kronos.dead_letters")
    plan = plan_of(superuser, "workspaces.list_health", {"workspace_ids": [endpoint.workspace_id]})
    assert 1000 <= rows_read(plan, "dead_letters") <= 1050
    assert value(superuser, "select count(*) from kronos.dead_letters") == 8000


_ALARMS = [
    "5 4 * * *",
    "05 04 1 * *",
    "5 * * * *",
    "* 4 * * *",
    "*/5 4-6 * * 1",
    "5,6 4 * * *",
    "59 23 * * *",
    "* * * * *",
]


@pytest.mark.parametrize("asked", [None, 6])
def test_the_fullest_minute_is_that_of_all_texts_however_they_are_written(
    superuser: Connection, asked: int | None
) -> None:
    endpoint = add_endpoint(superuser)
    jobs = [make_cron_job(superuser, endpoint) for _ in _ALARMS]
    for job_id, alarm in zip(jobs, _ALARMS, strict=True):
        superuser.execute("update kronos.jobs set alarm = %s where job_id = %s", [alarm, job_id])
    rings = """
        select count(*) from unnest(%s::text[]) as text
         cross join lateral (select (kronos.parse_cron(text)).*) as read
         where coalesce((read.minutes >> %s) & 1, 1) = 1 and coalesce((read.hours >> %s) & 1, 1) = 1
    """
    minute, hour = (5, 4) if asked is None else (59, 23)
    ids = None if asked is None else [jobs[asked]]
    expected = value(superuser, rings, [_ALARMS, minute, hour])
    assert expected == (7 if asked is None else 2)
    assert value(superuser, "select kronos.alarm_peak(%s, %s)", [endpoint.workspace_id, ids]) == expected
