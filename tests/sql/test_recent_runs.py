"""The last runs of jobs: of all recent versions, however long ago rare ones ran."""

import uuid
from datetime import UTC, datetime, timedelta

from factory import add_endpoint
from sql_factory import Connection, make_cron_job, records

NOW = datetime.now(UTC).replace(microsecond=0)


def add_runs(connection: Connection, job_id: uuid.UUID, status: str, *ages: timedelta) -> list[uuid.UUID]:
    """Insert runs that ended that long ago. Return their ids."""
    made = []
    for age in ages:
        ((execution_id,),) = connection.execute(
            """
            insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                               status, status_reason, scheduled_at, run_at, created_at, started_at,
                                               completed_at, max_attempts, input)
            select kronos.tick_id(job_id, %(at)s), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', %(status)s,
                   '{"code": "x"}', %(at)s, %(at)s, %(at)s, %(at)s, %(at)s + interval '250 ms', 1, '{}'
              from kronos.jobs where job_id = %(job_id)s
            returning execution_id
            """,
            {"job_id": job_id, "status": status, "at": NOW - age},
        ).fetchall()
        made.append(execution_id)
    return made


def recent(connection: Connection, workspace_id: uuid.UUID, *job_ids: uuid.UUID) -> list[tuple[object, ...]]:
    with connection.transaction(force_rollback=True):
        connection.execute("set local role kronos_api")
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        rows = records(
            connection, "select * from kronos.recent_runs(%s::uuid[], 20) order by job_id, nth", [list(job_ids)]
        )
    return [(row["job_id"], row["execution_id"], row["status"], row["duration_ms"]) for row in rows]


def test_a_busy_job_shows_its_twenty_newest_whatever_they_became(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint)
    other = make_cron_job(superuser, endpoint)
    succeeded = add_runs(superuser, job_id, "SUCCESS", *(timedelta(hours=hours) for hours in range(1, 40, 2)))
    failed = add_runs(superuser, job_id, "FAILED", *(timedelta(hours=hours) for hours in range(2, 41, 2)))
    (missed,) = add_runs(superuser, other, "MISSED", timedelta(days=1))
    alternating = [each for pair in zip(succeeded, failed, strict=True) for each in pair][:20]
    found = recent(superuser, endpoint.workspace_id, job_id, other)
    assert [row[1] for row in found if row[0] == job_id] == alternating
    assert [row[1:] for row in found if row[0] == other] == [(missed, "MISSED", 250)]


def test_a_job_that_runs_once_a_month_shows_its_runs_of_a_year(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, cron="0 0 1 * *")
    runs = add_runs(superuser, job_id, "SUCCESS", *(timedelta(days=30 * months + 1) for months in range(12)))
    assert [row[1] for row in recent(superuser, endpoint.workspace_id, job_id)] == runs


def test_another_workspaces_job_shows_nothing(superuser: Connection) -> None:
    endpoint, theirs = add_endpoint(superuser), add_endpoint(superuser)
    job_id = make_cron_job(superuser, theirs)
    add_runs(superuser, job_id, "SUCCESS", timedelta(hours=1))
    assert recent(superuser, endpoint.workspace_id, job_id) == []
