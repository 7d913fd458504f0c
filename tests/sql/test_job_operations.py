"""Operations over jobs in the database: each job once, whatever crashes, holds a job, or works on it at the
same time.
"""

import uuid
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

import scale
from depth import depth
from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sql_factory import Connection, buffers, make_cron_job, records, value, values
from turning import fill

_STATUSES = {"PAUSE": ["ACTIVE"], "RESUME": ["PAUSED"], "CANCEL": ["ACTIVE", "PAUSED"], "TRIGGER": ["ACTIVE", "PAUSED"]}
_RUNS = "select job_id from kronos.execution_live where cause = 'MANUAL' order by job_id"
_COUNTS = "select status, done, failed, failures from kronos.operations where operation_id = %s"


def jobs(connection: Connection, number: int, endpoint: EndpointRow, **columns: object) -> list[uuid.UUID]:
    """Insert jobs. Return their ids, oldest first."""
    made = [make_cron_job(connection, endpoint, cron="0 0 1 1 *", is_registered=True, **columns) for _ in range(number)]
    connection.execute(
        "update kronos.jobs set created_at = now() - interval '1 hour' + nth * interval '1 s'"
        " from unnest(%s::uuid[]) with ordinality as given (id, nth) where job_id = given.id",
        [made],
    )
    return made


def operation(
    connection: Connection, endpoint: EndpointRow, kind: str, *, q: str | None = None, **terms: Any
) -> uuid.UUID:
    found: uuid.UUID = value(
        connection,
        "insert into kronos.operations (workspace_id, kind, asked, which, total, terms, caller, position_at,"
        " position_id) values (%s, %s, '{}', kronos.which_jobs(%s, now()), 0, %s, %s, 'infinity', %s)"
        " returning operation_id",
        [
            endpoint.workspace_id,
            kind,
            Jsonb({"statuses": _STATUSES[kind], "trigger": "CRON"} | ({} if q is None else {"q": q})),
            Jsonb({"given": list(terms), "actor": "key:ann", **terms}),
            Jsonb({"actor": "key:ann", "request_id": "the request"}),
            uuid.UUID(int=(1 << 128) - 1),
        ],
    )
    return found


def step(connection: Connection, operation_id: uuid.UUID) -> int:
    return int(value(connection, "select kronos.change_some(%s)", [operation_id]))


def within_one_step(connection: Connection) -> None:
    """Stop the clock: a step ends by its time limit on no machine, however slow."""
    MovedClock(connection).stop()


def to_the_end(connection: Connection, operation_id: uuid.UUID) -> dict[str, Any]:
    running = "select status = 'RUNNING' from kronos.operations where operation_id = %s"
    while value(connection, running, [operation_id]):
        step(connection, operation_id)
    return counts(connection, operation_id)


def counts(connection: Connection, operation_id: uuid.UUID) -> dict[str, Any]:
    (row,) = records(connection, _COUNTS, [operation_id])
    return row


def statuses(connection: Connection, job_ids: list[uuid.UUID]) -> list[str]:
    return values(connection, "select distinct status from kronos.jobs where job_id = any (%s)", [job_ids])


def test_a_pause_takes_entries_and_is_its_beginners_and_a_resumption_brings_them_back(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 3, endpoint)
    names = [f"kronos:{job_id}" for job_id in made]
    there = "select count(*) from cron.job where jobname = any (%s)"
    paused = to_the_end(superuser, operation(superuser, endpoint, "PAUSE", note="the move"))
    assert (paused["status"], paused["done"], paused["failed"]) == ("COMPLETED", 3, 0)
    assert value(superuser, there, [names]) == 0
    assert values(
        superuser, "select distinct status_reason ->> 'note' from kronos.jobs where job_id = any (%s)", [made]
    ) == ["the move"]
    noted = records(
        superuser,
        "select distinct actor, request_id, action from kronos.audit_pending where object_id = any (%s)",
        [[str(each) for each in made]],
    )
    assert {"actor": "key:ann", "request_id": "the request", "action": "job.pause"} in noted
    for setting in ("workspace_id", "caller", "settled_job_id", "quotas"):
        assert value(superuser, f"select coalesce(current_setting('kronos.{setting}', true), '')") == ""
    to_the_end(superuser, operation(superuser, endpoint, "RESUME"))
    assert (statuses(superuser, made), value(superuser, there, [names])) == (["ACTIVE"], 3)


@pytest.mark.parametrize("kind", ["PAUSE", "TRIGGER"])
def test_a_step_whose_session_dies_left_nothing_behind(superuser: Connection, database_url: str, kind: str) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 5, endpoint)
    operation_id = operation(superuser, endpoint, kind)
    with closing(psycopg.connect(database_url)) as dying:
        assert step(dying, operation_id) > 0
        superuser.execute("select pg_terminate_backend(%s, 10000)", [dying.info.backend_pid])
    assert (statuses(superuser, made), values(superuser, _RUNS)) == (["ACTIVE"], [])
    assert counts(superuser, operation_id)["done"] == 0
    assert to_the_end(superuser, operation_id)["done"] == 5
    if kind == "TRIGGER":
        assert values(superuser, _RUNS) == sorted(made)


def test_a_trigger_whose_place_is_lost_runs_no_job_twice(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 3, endpoint)
    operation_id = operation(superuser, endpoint, "TRIGGER")
    to_the_end(superuser, operation_id)
    superuser.execute(
        "update kronos.operations set status = 'RUNNING', completed_at = null, position_at = 'infinity', done = 0"
    )
    assert to_the_end(superuser, operation_id)["done"] == 3
    assert values(superuser, _RUNS) == sorted(made)


def test_two_sessions_share_an_operation_and_neither_waits(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 4, endpoint)
    operation_id = operation(superuser, endpoint, "TRIGGER")
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        assert step(first, operation_id) > 0
        assert step(second, operation_id) == 0
        second.commit()
        first.commit()
    assert to_the_end(superuser, operation_id)["done"] == 4
    assert values(superuser, _RUNS) == sorted(made)


def test_of_two_operations_over_the_same_jobs_one_gives_way_and_both_end(
    superuser: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 3, endpoint)
    pausing, cancelling = (operation(superuser, endpoint, kind) for kind in ("PAUSE", "CANCEL"))
    with psycopg.connect(database_url) as one:
        first = step(one, pausing)
        assert first > 0
        assert step(superuser, cancelling) == 0  # its next job is locked
        one.commit()
    superuser.execute("update kronos.operations set next_at = '-infinity'")
    assert (to_the_end(superuser, cancelling)["done"], to_the_end(superuser, pausing)["status"]) == (3, "COMPLETED")
    assert statuses(superuser, made) == ["RETIRED"]


def test_a_job_that_is_held_is_waited_for_a_minute_and_then_stops_no_other(
    superuser: Connection, database_url: str
) -> None:
    endpoint = add_endpoint(superuser)
    old, held, new = jobs(superuser, 3, endpoint)
    operation_id = operation(superuser, endpoint, "PAUSE")
    now = "update kronos.operations set next_at = '-infinity'"
    with psycopg.connect(database_url) as holder:
        holder.execute("select from kronos.jobs where job_id = %s for update", [held])
        assert (step(superuser, operation_id), statuses(superuser, [new])) == (1, ["PAUSED"])
        assert step(superuser, operation_id) == 0  # not yet: it waits half a second
        superuser.execute(now)
        assert step(superuser, operation_id) == 0
        assert statuses(superuser, [old, held]) == ["ACTIVE"]
        superuser.execute(f"{now}, held_since = now() - interval '61 s'")
        to_the_end(superuser, operation_id)
    assert counts(superuser, operation_id) == {
        "status": "COMPLETED", "done": 2, "failed": 1, "failures": {"held": 1},
    }  # fmt: skip
    (refused,) = value(superuser, "select refused from kronos.operations")
    assert (refused["job"], refused["code"]) == (str(held), "held")


def test_what_one_is_refused_is_counted_and_the_first_fifty_are_listed(superuser: Connection) -> None:
    """A trigger stands for what may reject a change: callbacks of other jobs, a quota."""
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 60, endpoint)
    superuser.execute(
        "create function public.refuse() returns trigger language plpgsql as"
        " $$ begin raise sqlstate 'KR035' using message = 'others run it'; end $$;"
        "create trigger refuse before update on kronos.jobs for each row when (new.status = 'RETIRED')"
        " execute function public.refuse()"
    )
    ended = to_the_end(superuser, operation(superuser, endpoint, "CANCEL"))
    assert (ended["done"], ended["failures"]) == (0, {"job_in_use": 60})
    refused = value(superuser, "select refused from kronos.operations")
    assert [each["job"] for each in refused] == [str(each) for each in reversed(made)][:50]
    assert refused[0]["detail"] == "others run it"
    assert statuses(superuser, made) == ["ACTIVE"]


def test_a_resumption_keeps_to_the_quota_of_alarms_though_it_is_many_in_one_transaction(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 3, endpoint)
    to_the_end(superuser, operation(superuser, endpoint, "PAUSE"))
    superuser.execute(
        "update kronos.workspaces set max_alarms_per_minute = 2 where workspace_id = %s", [endpoint.workspace_id]
    )
    ended = to_the_end(superuser, operation(superuser, endpoint, "RESUME"))
    assert (ended["done"], ended["failures"]) == (2, {"quota_exceeded": 1})
    assert sorted(statuses(superuser, made)) == ["ACTIVE", "PAUSED"]


def test_one_that_cannot_go_on_ends_and_says_why(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    jobs(superuser, 1, endpoint)
    operation_id = operation(superuser, endpoint, "PAUSE")
    superuser.execute("drop function kronos.pause_job(text, timestamptz, text[], text)")
    assert value(superuser, "select kronos.change_jobs()") == 0
    (row,) = records(superuser, "select status, status_reason ->> 'code' as code from kronos.operations")
    assert row == {"status": "FAILED", "code": "cannot_go_on"}
    assert value(superuser, "select kronos.change_jobs()") is None
    assert operation_id is not None


def test_it_waits_for_a_suspended_workspace_and_goes_on(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    jobs(superuser, 2, endpoint)
    operation_id = operation(superuser, endpoint, "PAUSE")
    superuser.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [endpoint.workspace_id],
    )
    assert (value(superuser, "select kronos.change_jobs()"), step(superuser, operation_id)) == (None, 0)
    superuser.execute(
        "update kronos.workspaces set status = 'ACTIVE', suspended_at = null where workspace_id = %s",
        [endpoint.workspace_id],
    )
    assert to_the_end(superuser, operation_id)["done"] == 2


def test_it_does_not_wait_for_the_operations_over_dead_letters(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 2, endpoint)
    operation(superuser, endpoint, "PAUSE")
    superuser.execute(
        "insert into kronos.operations (workspace_id, kind, asked, which, total, per_second, next_at)"
        " values (%s, 'REDRIVE', '{}', '{}', 10000, 1, now() + interval '1 hour')",
        [endpoint.workspace_id],
    )
    within_one_step(superuser)
    superuser.execute("select kronos.upkeep(100)")
    assert statuses(superuser, made) == ["PAUSED"]


def test_a_workspaces_many_do_not_come_before_anothers_one(superuser: Connection) -> None:
    many, one = add_endpoint(superuser), add_endpoint(superuser)
    superuser.execute(
        "insert into kronos.operations (workspace_id, kind, asked, which, total)"
        " select %s, 'CANCEL', '{}', kronos.which_jobs(%s, now()), 0 from generate_series(1, %s)",
        [many.workspace_id, Jsonb({"statuses": ["ACTIVE"]}), depth(1_000, deep=5_000)],
    )
    operation_id = operation(superuser, one, "PAUSE")
    for _ in range(40):
        superuser.execute("select kronos.change_jobs()")
    assert counts(superuser, operation_id)["status"] == "COMPLETED"


def test_a_pause_that_is_over_by_then_pauses_nothing(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 2, endpoint)
    over = to_the_end(superuser, operation(superuser, endpoint, "PAUSE", until="2020-01-01T00:00:00+00:00"))
    assert (over["done"], over["failures"], statuses(superuser, made)) == (0, {"conflict": 2}, ["ACTIVE"])


def test_of_many_jobs_that_are_held_each_is_waited_for_less(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    jobs(superuser, 3, endpoint)
    operation_id = operation(superuser, endpoint, "PAUSE")
    waited = (
        "update kronos.operations set held_since = now() - %s * interval '1 second', next_at = now()"
        " where operation_id = %s"
    )
    with closing(psycopg.connect(database_url)) as other:
        other.execute("select from kronos.jobs for update")
        assert step(superuser, operation_id) == 0
        for seconds, dealt_with in ((50, 0), (61, 1), (25, 0), (31, 1), (15, 0), (21, 1)):
            superuser.execute(waited, [seconds, operation_id])
            assert step(superuser, operation_id) == dealt_with
    assert counts(superuser, operation_id)["failures"] == {"held": 3}


def test_it_keeps_its_pace(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    jobs(superuser, 4, endpoint)
    operation_id = operation(superuser, endpoint, "PAUSE")
    superuser.execute("update kronos.operations set per_second = 8")
    within_one_step(superuser)
    assert (step(superuser, operation_id), step(superuser, operation_id)) == (2, 0)
    assert value(superuser, "select next_at > kronos.now() from kronos.operations") is True


def test_a_step_reads_no_more_at_the_end_of_thousands_of_jobs_than_at_the_beginning(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    now = value(superuser, "select now()")
    fill(superuser, endpoint, 3000, since=now)
    superuser.execute("analyze kronos.jobs")
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    which = """'{"statuses": ["ACTIVE"], "trigger": "CRON"}'"""
    last_hundred = "select created_at, job_id from kronos.jobs_to_change({}, null, null, 2900) offset 2899"
    (place,) = superuser.execute(last_hundred.format(which)).fetchall()

    def found(created_at: object, job_id: object) -> str:
        return f"select * from kronos.jobs_to_change({which}, '{created_at}', '{job_id}', 100)"

    first, last = found("infinity", uuid.UUID(int=(1 << 128) - 1)), found(*place)
    assert (len(values(superuser, first)), len(values(superuser, last))) == (100, 100)
    assert max(scale.buffers(superuser, each) for each in (first, last)) < 150  # all jobs are on 200 pages


_OTHERS = """
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm,
                         description, created_at)
select new.job_id, new.job_id, %s, %s, 'CRON', '0 0 1 1 *', 'UTC', kronos.parse_cron('0 0 1 1 *'), '0 0 1 1 *',
       'On 1 January', now() - interval '2 hours' - nth * interval '1 s'
  from (select gen_random_uuid() as job_id, nth from generate_series(1, 6000) as nth) as new
"""


def test_a_step_that_looks_for_a_text_reads_a_part_of_the_jobs_and_the_next_step_goes_on(
    superuser: Connection,
) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 3, endpoint, title="The report")
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")  # rows only, without triggers
        superuser.execute(_OTHERS, [endpoint.workspace_id, endpoint.endpoint_id])
        for job_id, hours in zip(made, (1, 3, 20), strict=True):
            superuser.execute(
                "update kronos.jobs set created_at = now() - %s * interval '1 h' where job_id = %s", [hours, job_id]
            )
    superuser.execute("analyze kronos.jobs")
    none, some = (operation(superuser, endpoint, "PAUSE", q=q, note="x") for q in ("no such text", "report"))
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    which = """'{"statuses": ["ACTIVE"], "trigger": "CRON", "q": "no such text"}'"""
    highest = "ffffffff-ffff-ffff-ffff-ffffffffffff"
    whole = buffers(superuser, f"select * from kronos.jobs_to_change({which}, 'infinity', '{highest}', 100)")
    steps = [buffers(superuser, f"select kronos.change_some('{none}')") for _ in range(4)]
    assert (max(steps) < whole, counts(superuser, none)["status"]) == (True, "COMPLETED")
    assert step(superuser, some) == 1
    ended = to_the_end(superuser, some)
    assert (ended["status"], ended["done"], ended["failed"]) == ("COMPLETED", 3, 0)
    assert statuses(superuser, made) == ["PAUSED"]


def test_a_search_ends_where_time_goes_on(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    made = jobs(superuser, 6, endpoint)
    superuser.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
    ends = superuser.execute("select job_id, created_at from kronos.jobs").fetchall()
    at: dict[uuid.UUID, Any] = dict(ends)

    def edge(q: str | None, after: uuid.UUID | None, most: int, **which: Any) -> object:
        return value(
            superuser,
            "select kronos.search_edge(%s, %s, %s, %s)",
            [Jsonb({"statuses": ["ACTIVE"], "q": q, **which}), at[after] if after else None, after, most],
        )

    assert edge("x", None, 2) == at[made[3]]
    assert edge("x", made[3], 2) == at[made[0]]
    assert edge("x", made[2], 2) is None  # no more are left
    assert edge(None, None, 2) is None  # nothing is searched for
    assert edge("x", None, 2, trigger="DELAYED") is None
    assert edge("x", None, 2, created_after=at[made[4]].isoformat()) is None  # the filter excludes the rest
    superuser.execute("update kronos.jobs set created_at = %s", [at[made[0]]])
    at = dict.fromkeys(made, at[made[0]])
    assert edge("x", max(made), 2) is None  # all have the same creation time
