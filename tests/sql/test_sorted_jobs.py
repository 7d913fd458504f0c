"""Live CRON jobs by name and by next tick: each order comes from an index, page by page, whatever other jobs exist."""

import uuid
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

import psycopg
import pytest

from factory import EndpointRow, add_endpoint
from kronos.jobs import SortedJob
from scale import unaudited
from sql.plans import rows_read, run_statement, seq_scans, told_plans
from sql_factory import Connection, make_cron_job, values

_NOTHING = dict.fromkeys(
    ("endpoint", "status", "tag", "q", "created_after", "created_before", "after_name", "after_at", "after_id")
)
_COLUMNS = [each.name for each in fields(SortedJob)]
# So many that the planner does not choose to sort them.
_MANY = """
with job as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, input, cron, timezone,
                             schedule, alarm, description, name, status)
    select made.id, made.id, workspace_id, endpoint_id, 'CRON', '{}', cron, timezone, schedule, alarm, description,
           case when n %% 10 > 0 then 'job-' || md5(n::text) end,
           case when n %% 20 = 7 then 'PAUSED' else 'ACTIVE' end
      from kronos.jobs
     cross join generate_series(1, 3000) as n
     cross join lateral (select gen_random_uuid() as id where n > 0) as made
     where jobs.job_id = %(job_id)s
    returning job_id, workspace_id, status
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at, is_paused)
select job_id, workspace_id,
       case when random() < 0.02 then 'infinity' else now() + random() * interval '1 day' end, status = 'PAUSED'
  from job
"""


def _page(connection: Connection, of: EndpointRow, sort: str, **given: Any) -> list[dict[str, Any]]:
    params = _NOTHING | {"sort": sort, "limit": 50, "bytes": 1_000_000} | given
    with connection.transaction():
        found = run_statement(
            connection, "job_reads.list_sorted_jobs", params, role="kronos_api", workspace_id=of.workspace_id
        )
    return [dict(zip(_COLUMNS, row, strict=True)) for row in found]


def _walked(connection: Connection, of: EndpointRow, sort: str, **given: Any) -> list[uuid.UUID]:
    seen: list[uuid.UUID] = []
    place: dict[str, Any] = {}
    while rows := _page(connection, of, sort, limit=400, **given, **place):
        seen += [row["job_id"] for row in rows]
        last = rows[-1]
        place = {"after_id": last["job_id"]}
        place |= {"after_at": last["_at"]} if sort == "next_run" else {"after_name": last["name"] or "~"}
        if not last["_more"]:
            break
    return seen


@pytest.fixture(scope="module")
def many(module_database_url: str) -> EndpointRow:
    """The endpoint of 3,000 jobs. No test changes them."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        endpoint = add_endpoint(connection)
        job_id = make_cron_job(connection, endpoint, name="a-first", title="Zebra", tags=["rare"])
        with unaudited(connection, "jobs"):
            connection.execute(_MANY, {"job_id": job_id})
        connection.execute("vacuum analyze kronos.jobs, kronos.pointers")
    return endpoint


@pytest.fixture
def session(module_database_url: str, many: EndpointRow) -> Iterator[Connection]:
    """A new session: its plans depend on no other test."""
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        yield connection


def test_pages_are_the_whole_in_its_order(session: Connection, many: EndpointRow) -> None:
    by_name = values(
        session,
        """select job_id from kronos.jobs where workspace_id = %s order by coalesce(name collate "C", '~'), job_id""",
        [many.workspace_id],
    )
    by_tick = values(
        session,
        """
        select job_id
          from kronos.pointers
         where workspace_id = %s
         order by case when is_paused then 'infinity' else next_tick_at end, job_id
        """,
        [many.workspace_id],
    )
    assert _walked(session, many, "name") == by_name
    assert _walked(session, many, "next_run") == by_tick


@pytest.mark.parametrize("sort", ["name", "next_run"])
def test_a_page_reads_what_it_shows(session: Connection, many: EndpointRow, sort: str) -> None:
    first = _page(session, many, sort)
    last = first[-1]
    place = {"after_at": last["_at"]} if sort == "next_run" else {"after_name": last["name"]}
    for given in ({}, {"after_id": last["job_id"], **place}):
        with told_plans(session) as plans:
            _page(session, many, sort, **given)
        walks = [plan for plan in plans if "jobs_by_live_name" in plan or "pointers_next" in plan]
        assert walks
        assert all("Sort" not in plan.split("Query Text")[0] for plan in walks), walks
        assert not any(seq_scans(plan) for plan in walks), walks


@pytest.mark.parametrize("sort", ["name", "next_run"])
def test_a_text_that_few_have_is_not_looked_for_in_all(session: Connection, many: EndpointRow, sort: str) -> None:
    with told_plans(session) as plans:
        assert len(_page(session, many, sort, q="zEBRA")) == 1
    (page,) = [plan for plan in plans if "job.job_id = any (v_few)" in plan]
    assert rows_read(page, "jobs") <= 2, page


def test_filters_hold_in_each_order(session: Connection, many: EndpointRow) -> None:
    (rare,) = values(session, "select job_id from kronos.jobs where name = 'a-first'")
    for sort in ("name", "next_run"):
        assert _walked(session, many, sort, tag="rare") == [rare]
        assert _walked(session, many, sort, q="A-FIRST") == [rare]
        assert _walked(session, many, sort, q=str(rare)[:13]) == [rare]
        assert _walked(session, many, sort, endpoint="another") == []
        paused = set(_walked(session, many, sort, status="PAUSED"))
        assert paused == set(values(session, "select job_id from kronos.pointers where is_paused"))


def test_what_another_workspace_has_is_in_no_order(session: Connection, many: EndpointRow) -> None:
    other = add_endpoint(session)
    mine = make_cron_job(session, other, name="mine")
    assert _walked(session, other, "name") == _walked(session, other, "next_run") == [mine]
    assert isinstance(_page(session, other, "next_run")[0]["_at"], datetime)
