"""Lists of one-shots without a row in jobs: their pages, and the weeks that are searched for them."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from depth import depth
from factory import add_endpoint
from one_shot_rows import DAY, NO_FILTER, finish, make, name_of, run_as_api, take_endpoints_for_many
from sql.plans import partitions_in, plan_of, rows_read, seq_scans
from sql_factory import Connection, make_cron_job, value, values


class Listed:
    """300 one-shots of every kind, made over some weeks on three endpoints, together with CRON jobs and one-shots that
    have rows.
    """

    def __init__(self, connection: Connection, seed: int) -> None:
        self.connection = connection
        self.chance = random.Random(seed)
        first = add_endpoint(connection)
        self.endpoint = first
        self.endpoints = [first, *(add_endpoint(connection, first.workspace_id) for _ in range(2))]
        self.names = [name_of(connection, each) for each in self.endpoints]
        for weeks in (0, 1, 2, 5):
            for _ in range(12):
                self._add(weeks)

    def _add(self, weeks: int) -> None:
        """Add some of one instant, and make them that many weeks old."""
        endpoint = self.chance.choice(self.endpoints)
        run_at = self.chance.choice([None, datetime.now(UTC) + DAY])
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
        if self.chance.random() < 0.5:  # some of the others are being delivered
            self.connection.execute(
                "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w', claimed_at = now(),"
                " started_at = now(), attempt_count = 1, visible_at = now() + interval '1 minute'"
                " where claim_token is null and get_byte(uuid_send(execution_id), 15) %% 3 = 0 and endpoint_id = %s",
                [endpoint.endpoint_id],
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
        """The whole list, by a query that reads everything."""
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
        """The whole list, page by page, by the API's statement."""
        found: list[uuid.UUID] = []
        place: dict[str, object] = {"before_created_at": None, "before_id": None}
        while True:
            page = run_as_api(
                self.connection,
                self.endpoint,
                "job_reads.list_jobs",
                filters | place | {"limit": limit, "bytes": 1_048_576},
            )
            found += [row["job_id"] for row in page]
            if not page or not page[-1]["_more"]:
                return found
            assert len(page) == limit
            place = {"before_created_at": page[-1]["created_at"], "before_id": page[-1]["job_id"]}


def test_pages_are_the_list_cut_in_pieces(superuser: Connection) -> None:
    """Endpoint by endpoint, as with few endpoints; and in the workspace's order, as with very many, both if that fills
    a page and if it rarely does.
    """
    listed = Listed(superuser, 5)
    everything = listed.wanted(NO_FILTER)
    assert len(everything) > 100
    assert listed.paged(NO_FILTER, limit=51) == everything
    _compare(listed, everything, times=depth(16, deep=40))
    for rows in (400, 60, 12):
        take_endpoints_for_many(superuser, rows=rows)
        assert listed.paged(NO_FILTER, limit=51) == everything
        _compare(listed, everything, times=depth(6, deep=12))


def _compare(listed: Listed, everything: list[uuid.UUID], *, times: int) -> None:
    chance = listed.chance
    now = datetime.now(UTC)
    for _ in range(times):
        one = str(chance.choice(everything))
        filters = NO_FILTER | {
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


def test_a_page_reads_what_it_shows_and_looks_where_there_is_any(superuser: Connection) -> None:
    """Two DELAYED ones among 3,000 IMMEDIATE ones of one endpoint, next to as many of another; some finished,
    some not.
    """
    endpoint = add_endpoint(superuser)
    other = add_endpoint(superuser, endpoint.workspace_id)
    for _ in range(2):
        make(superuser, endpoint, 1500)
        make(superuser, other, 1500)
        make(superuser, other, 2, run_at=datetime.now(UTC) + DAY)
        finish(superuser, where="(input ->> 'n')::integer % 2 = 0")
    superuser.execute("analyze kronos.execution_live, kronos.execution_done, kronos.history_weeks")
    page = NO_FILTER | {"before_created_at": None, "before_id": None, "limit": 50, "bytes": 1_048_576}
    for filters, shown in (
        ({}, 50),
        ({"trigger": "DELAYED"}, 4),
        ({"endpoint": name_of(superuser, other)}, 50),
        ({"status": "COMPLETED"}, 50),
    ):
        params: dict[str, object] = page | filters
        assert len(run_as_api(superuser, endpoint, "job_reads.list_jobs", params)) == shown
        plan = plan_of(superuser, "job_reads.list_jobs", params, workspace_id=endpoint.workspace_id)
        assert seq_scans(plan, "execution_done", "execution_live", "jobs") == []
        assert max(rows_read(plan, "execution_done"), rows_read(plan, "execution_live")) <= 4 * 51
        assert len(partitions_in(plan, "execution_done")) == 1
    for table in ("execution_live", "execution_done"):
        one = value(superuser, f"select job_id from kronos.{table} order by execution_id limit 1")
        for statement in ("job_reads.get_job", "job_changes.settle_version", "ledger.get_standing"):
            plan = plan_of(superuser, statement, {"job": str(one), "if_match": [1]}, workspace_id=endpoint.workspace_id)
            assert max(rows_read(plan, "execution_done"), rows_read(plan, "execution_live")) <= 1


def test_the_weeks_noted_are_those_of_the_rows_however_they_came(superuser: Connection) -> None:
    """The notes made statement by statement follow from the rows, and note_partition would make no others: at most two
    each.
    """
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
    again = superuser.execute(noted).fetchall()  # rows in the default partition are not noted
    assert again
    assert set(again) <= set(before)


def test_a_week_has_168_hours_in_whatever_time_zone_a_session_is(superuser: Connection) -> None:
    """Made in the last half hour, in UTC, of a week in which clocks went forward in New York."""
    endpoint = add_endpoint(superuser)
    at = datetime(2025, 3, 9, 23, 30, tzinfo=UTC)
    (job_id,) = values(
        superuser,
        """
        insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
                                           status, scheduled_at, run_at, created_at, max_attempts, input)
        select made.id, %(workspace_id)s, made.id, %(endpoint_id)s, 1, 'API', 'SUCCESS', %(at)s, %(at)s, %(at)s, 1, '{}'
          from (select kronos.uuid7(%(at)s) as id) as made
        returning execution_id
        """,
        {"workspace_id": endpoint.workspace_id, "endpoint_id": endpoint.endpoint_id, "at": at},
    )
    found = """
        select job_id
          from kronos.find_one_shots(%s, '{IMMEDIATE}', '{COMPLETED}', null, null, null, 'infinity', %s, 5)
    """
    for timezone in ("UTC", "America/New_York"):
        superuser.execute("select set_config('timezone', %s, false)", [timezone])
        assert values(superuser, found, [[endpoint.endpoint_id], "ffffffff-ffff-ffff-ffff-ffffffffffff"]) == [job_id]
