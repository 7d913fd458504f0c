"""The pages of jobs contain each job once, by (created_at, job_id), whatever the filters, and only the caller's
workspace.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from conftest import cloned
from depth import depth
from factory import EndpointRow, add_endpoint
from one_shot_rows import take_endpoints_for_many
from servers import Server
from sql.plans import run_statement
from sql_factory import Connection, make_cron_job, value, values

NOW = datetime.now(UTC).replace(microsecond=0)
JOBS = depth(250, deep=500)
_ONE_SHOT = """
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, run_at, name, tags, created_at)
values (%(job_id)s, %(job_id)s, %(workspace_id)s, %(endpoint_id)s, %(trigger)s, %(run_at)s, %(name)s, %(tags)s,
        %(created_at)s)
"""
_NONE = dict.fromkeys(("endpoint", "trigger", "status", "tag", "q", "created_after", "created_before"))


class Jobs:
    """A workspace with jobs of every kind on three endpoints, and a neighbor with as many."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        chance = random.Random(11)
        for slug in ("neighbour", "mine"):
            first = add_endpoint(connection)
            self.workspace_id = first.workspace_id
            endpoints = [first, *(add_endpoint(connection, self.workspace_id) for _ in range(2))]
            for number in range(JOBS):
                self._add(chance, chance.choice(endpoints), f"{slug}-{number}")
            self.endpoints = values(
                connection, "select name from kronos.endpoints where workspace_id = %s", [self.workspace_id]
            )
            self.ids = values(connection, "select job_id from kronos.jobs where workspace_id = %s", [self.workspace_id])

    def _add(self, chance: random.Random, endpoint: EndpointRow, name: str) -> None:
        trigger = chance.choice(["IMMEDIATE", "DELAYED", "CRON"])
        row: dict[str, Any] = {
            "name": chance.choice([None, name, name.upper()]),
            "tags": chance.choice([[], ["all"], ["all", "some"]]),
            "created_at": NOW - timedelta(hours=chance.randint(1, 60)),  # many share an instant
        }
        if trigger == "CRON":
            job_id = make_cron_job(self.connection, endpoint, **row)
            status = chance.choice(["ACTIVE", "PAUSED", "RETIRED"])
        else:
            job_id = uuid.uuid4()
            status = chance.choice(["ACTIVE", "COMPLETED", "RETIRED"])
            row |= {
                "job_id": job_id,
                "workspace_id": endpoint.workspace_id,
                "endpoint_id": endpoint.endpoint_id,
                "trigger": trigger,
            }
            self.connection.execute(_ONE_SHOT, row | {"run_at": NOW if trigger == "DELAYED" else None})
        self.connection.execute(
            "update kronos.jobs set status = %s where job_id = %s and status <> %s", [status, job_id, status]
        )

    def wanted(self, filters: dict[str, Any]) -> list[uuid.UUID]:
        """The whole list, by a query that reads everything."""
        return values(
            self.connection,
            """
            select job.job_id from kronos.jobs as job join kronos.endpoints as endpoint using (endpoint_id)
             where job.workspace_id = %(workspace_id)s
               and (%(endpoint)s::text is null or endpoint.name = %(endpoint)s)
               and (%(trigger)s::text is null or trigger = %(trigger)s) and (%(status)s::text is null
                   or status = %(status)s or (%(status)s = 'LIVE' and status in ('ACTIVE', 'PAUSED')))
               and (%(tag)s::text is null or %(tag)s = any (tags))
               and (%(created_after)s::timestamptz is null or job.created_at > %(created_after)s)
               and (%(created_before)s::timestamptz is null or job.created_at < %(created_before)s)
               and (%(q)s::text is null or strpos(lower(job.name), lower(%(q)s)) > 0
                   or strpos(lower(job.description), lower(%(q)s)) > 0
                   or (%(tag)s::text is null and exists (select from unnest(tags) as each (tag)
                                                          where strpos(lower(each.tag), lower(%(q)s)) > 0))
                   or strpos(lower(endpoint.name), lower(%(q)s)) > 0
                    or (length(%(q)s) >= 4 and starts_with(job_id::text, lower(%(q)s))))
             order by job.created_at desc, job_id desc
            """,
            filters | {"workspace_id": self.workspace_id},
        )

    def paged(self, filters: dict[str, Any], *, limit: int) -> list[Any]:
        """The whole list, page by page, by the API's statement."""
        found: list[Any] = []
        place: dict[str, object] = {"before_created_at": None, "before_id": None}
        while True:
            params = filters | place | {"limit": limit, "bytes": 1_048_576}
            with self.connection.transaction(force_rollback=True):
                page = run_statement(
                    self.connection, "job_reads.list_jobs", params, role="kronos_api", workspace_id=self.workspace_id
                )
            found += [row[0] for row in page]
            if not page or not page[-1][-1]:
                return found
            assert len(page) == limit
            last = value(self.connection, "select created_at from kronos.jobs where job_id = %s", [found[-1]])
            place = {"before_created_at": last, "before_id": found[-1]}


@pytest.fixture(scope="module")
def jobs(server: Server, template: str) -> Iterator[Jobs]:
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        yield Jobs(connection)


@pytest.mark.parametrize("seed", range(depth(12, deep=30)))
def test_pages_are_the_list_cut_in_pieces(jobs: Jobs, seed: int) -> None:
    chance = random.Random(seed)
    one = str(chance.choice(jobs.ids))
    texts = [
        None,
        None,
        "MINE-1",
        "e-",
        "neighbour",
        one[: chance.choice([3, 4, 9, 14, 36])],
        one[:6].upper(),
        "",
        "%",
        "ffff-",
        "-",
        "MINUTE",
        "som",
        "ALL",
    ]
    filters = _NONE | {
        "endpoint": chance.choice([None, None, jobs.endpoints[0], "nobody"]),
        "trigger": chance.choice([None, None, "CRON", "IMMEDIATE"]),
        "status": chance.choice([None, None, "ACTIVE", "RETIRED", "LIVE"]),
        "tag": chance.choice([None, None, "all", "some", "none"]),
        "q": chance.choice(texts),
        "created_after": chance.choice([None, None, NOW - timedelta(hours=40)]),
        "created_before": chance.choice([None, None, NOW - timedelta(hours=10)]),
    }
    assert jobs.paged(filters, limit=chance.choice([7, 51, 201])) == jobs.wanted(filters)


@pytest.mark.parametrize("rows", [400, 60])
def test_a_text_that_names_very_many_endpoints_finds_the_same(jobs: Jobs, rows: int) -> None:
    with jobs.connection.transaction(force_rollback=True):
        take_endpoints_for_many(jobs.connection, rows=rows)
        for some in ({}, {"trigger": "CRON", "status": "ACTIVE"}, {"endpoint": jobs.endpoints[0]}):
            filters = _NONE | {"q": "e-"} | some
            assert jobs.paged(filters, limit=51) == jobs.wanted(filters)


@pytest.mark.parametrize("name", ["endpoint", "trigger", "status", "tag", "q"])
def test_each_filter_lets_through_what_it_says(jobs: Jobs, name: str) -> None:
    given = {"endpoint": jobs.endpoints[0], "trigger": "CRON", "status": "PAUSED", "tag": "some", "q": "mine-1"}[name]
    found = jobs.paged(_NONE | {name: given}, limit=51)
    assert (found, 0 < len(found) < JOBS) == (jobs.wanted(_NONE | {name: given}), True)


def test_a_tag_that_thousands_have_is_paged_by_the_newest(jobs: Jobs) -> None:
    endpoint = add_endpoint(jobs.connection)
    jobs.connection.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, tags, created_at)
        select new.job_id, new.job_id, %s, %s, 'IMMEDIATE', '{many}', now() - n * interval '1 s'
          from generate_series(1, 2500) as n cross join lateral (select gen_random_uuid() as job_id where n > 0) as new
        """,
        [endpoint.workspace_id, endpoint.endpoint_id],
    )
    wanted = "select job_id from kronos.jobs where tags = '{many}' order by created_at desc, job_id desc limit 50"
    params = _NONE | {"tag": "many", "before_created_at": None, "before_id": None, "limit": 50, "bytes": 1_048_576}
    with jobs.connection.transaction(force_rollback=True):
        page = run_statement(
            jobs.connection, "job_reads.list_jobs", params, role="kronos_api", workspace_id=endpoint.workspace_id
        )
    assert [row[0] for row in page] == values(jobs.connection, wanted)
