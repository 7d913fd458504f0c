"""A page of a job's versions costs a page, however many there are."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from factory import EndpointRow, add_endpoint
from scale import unaudited
from sql.plans import plan_of, rows_read
from sql_factory import Connection, make_cron_job


@pytest.fixture(scope="module")
def of_many(module_database_url: str) -> tuple[EndpointRow, uuid.UUID]:
    """A job of 3,000 versions, and its endpoint."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        endpoint = add_endpoint(connection)
        job_id = make_cron_job(connection, endpoint)
        with unaudited(connection, "jobs"):
            connection.execute(
                """
                insert into kronos.jobs (job_id, first_version_id, previous_version_id, version, workspace_id,
                    endpoint_id, trigger, cron, timezone,
                                         schedule, alarm, description, status, retired_at)
                select gen_random_uuid(), job_id, job_id, version, workspace_id, endpoint_id, 'CRON', cron, timezone,
                       schedule, alarm, description,
                       'RETIRED', now()
                  from (select job_id, workspace_id, endpoint_id, cron, timezone, schedule, alarm, description
                          from kronos.jobs
                         where job_id = %s) as job,
                       generate_series(2, 3000) as version
                """,
                [job_id],
            )
        connection.execute("analyze kronos.jobs")
    return endpoint, job_id


@pytest.fixture
def session(module_database_url: str, of_many: tuple[EndpointRow, uuid.UUID]) -> Iterator[Connection]:
    """A new session: its plans depend on no other test."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("plan", ["custom", "generic"])
@pytest.mark.parametrize("before", [None, 1500])
def test_a_page_of_versions_reads_a_page_of_versions(
    session: Connection, of_many: tuple[EndpointRow, uuid.UUID], before: int | None, plan: str
) -> None:
    endpoint, job_id = of_many
    params = {"job": str(job_id), "limit": 50, "bytes": 1_048_576, "before_version": before}
    read = plan_of(session, "job_reads.list_versions", params, workspace_id=endpoint.workspace_id, plan=plan)
    assert "jobs_versions_key" in read
    assert rows_read(read, "jobs") <= 60, read
