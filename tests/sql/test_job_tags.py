"""Lists of jobs by tag and by text: the notes of a job's tags match its tags, and a page reads only what it shows."""

import uuid
from typing import Any

import pytest

from factory import EndpointRow, add_endpoint
from kept import Kept
from sql.plans import plan_of, rows_read, run_statement
from sql_factory import Connection, make_cron_job, records, value

_PAGE: dict[str, Any] = dict.fromkeys(
    ("endpoint", "trigger", "status", "tag", "q", "created_after", "created_before", "before_created_at", "before_id")
) | {"limit": 10, "bytes": 1_048_576}
_MANY = """
with made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone,
        schedule, alarm, description,
                             name, created_at, ticks_from, tags)
    select new.job_id, new.job_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm,
           description, 'Report-' || n,
           now() - n * interval '1 minute', now() - n * interval '1 minute',
           case when n > 2900 then array['all', 'old'] else array['all'] end
      from kronos.jobs as job
     cross join generate_series(1, 3000) as n
     cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
     where job.job_id = %s
    returning job_id, workspace_id
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id,
    now() + interval '1 day' from made
"""


def _noted(connection: Connection, job_id: uuid.UUID) -> set[tuple[str, str]]:
    rows = records(
        connection,
        "select noted.tag, noted.status from kronos.job_tags as noted join kronos.jobs as job using (job_id, "
        "workspace_id, trigger, status,"
        " created_at, endpoint_id) where noted.job_id = %s",
        [job_id],
    )
    assert value(connection, "select count(*) from kronos.job_tags where job_id = %s", [job_id]) == len(rows)
    return {(row["tag"], row["status"]) for row in rows}


def test_tags_are_noted_as_their_job_is(superuser: Connection, endpoint: EndpointRow) -> None:
    """Whatever writes the job: created, paused, given other tags or another time, retired, deleted."""
    job_id = make_cron_job(superuser, endpoint, tags=["a", "b", "a", "x" * 64, "y" * 65])
    assert _noted(superuser, job_id) == {("a", "ACTIVE"), ("b", "ACTIVE"), ("x" * 64, "ACTIVE")}
    for change, noted in (
        ("status = 'PAUSED'", {("a", "PAUSED"), ("b", "PAUSED"), ("x" * 64, "PAUSED")}),
        ("tags = '{b,c}'", {("b", "PAUSED"), ("c", "PAUSED")}),
        ("created_at = '-infinity'", {("b", "PAUSED"), ("c", "PAUSED")}),
        ("tags = '{}', status = 'RETIRED'", set()),
        ("tags = '{d}'", {("d", "RETIRED")}),
    ):
        superuser.execute(f"update kronos.jobs set {change} where job_id = %s", [job_id])
        assert _noted(superuser, job_id) == noted, change
    superuser.execute("delete from kronos.jobs where job_id = %s", [job_id])
    assert _noted(superuser, job_id) == set()


@pytest.fixture(scope="module")
def many(kept_shared: Kept) -> EndpointRow:
    """3,000 jobs of one workspace: all have the tag `all`, the oldest hundred `old`. For tests that change nothing."""
    with kept_shared.connection() as connection:
        endpoint = add_endpoint(connection)
        connection.execute(_MANY, [make_cron_job(connection, endpoint, name="first")])
        connection.execute("analyze kronos.jobs")
        connection.execute("vacuum analyze kronos.jobs")
        connection.execute("vacuum analyze kronos.job_tags")
    return endpoint


@pytest.mark.parametrize(
    ("filters", "found", "jobs", "tags"),  # and how many rows of jobs and of their tags one scan may read
    [
        ({"tag": "all"}, 10, 0, 12),
        ({"tag": "old"}, 10, 0, 12),
        ({"tag": "all", "status": "PAUSED"}, 0, 0, 0),
        ({"tag": "all", "endpoint": "none"}, 0, 0, 3000),
        ({"q": "report"}, 10, 12, 1),  # one probe per distinct tag
        ({"q": "report", "tag": "all"}, 10, 12, 2012),
        ({"q": "report", "tag": "old"}, 10, 3000, 101),
        ({"q": "report", "trigger": "IMMEDIATE"}, 0, 0, 1),
        ({"q": "nothing"}, 0, 3001, 1),
    ],
)
def test_a_page_reads_what_it_shows(
    shared: Connection, many: EndpointRow, filters: dict[str, Any], found: int, jobs: int, tags: int
) -> None:
    """If no job has the text, only the names are read, in their index."""
    with shared.transaction(force_rollback=True):
        page = run_statement(
            shared, "job_reads.list_jobs", _PAGE | filters, role="kronos_api", workspace_id=many.workspace_id
        )
    plan = plan_of(shared, "job_reads.list_jobs", _PAGE | filters, workspace_id=many.workspace_id)
    (search,) = [part for part in plan.split("duration:") if "unnest(v_ids, v_at) as found" in part] or [""]
    assert len(page) == found
    assert rows_read(plan, "job_tags") <= tags
    assert rows_read(search, "jobs") <= jobs
    # Names come from their own index and not from the jobs, unless no more jobs are read than are shown (PostgreSQL 17
    # plans rare tags that way).
    assert "jobs_newest" not in search or rows_read(search, "jobs") <= 12


def test_a_tag_of_the_workspace_next_door_is_not_found(superuser: Connection, endpoint: EndpointRow) -> None:
    make_cron_job(superuser, tags=["theirs"])
    with superuser.transaction(force_rollback=True):
        found = run_statement(
            superuser,
            "job_reads.list_jobs",
            _PAGE | {"tag": "theirs"},
            role="kronos_api",
            workspace_id=endpoint.workspace_id,
        )
    assert found == []
