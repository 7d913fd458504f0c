"""kronos.enqueue and kronos.enqueue_many: jobs that an application makes in its own transaction, in its own workspace
only.
"""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from conftest import await_condition
from enqueueing import App, count, job
from sql_factory import Connection, records, values

FUTURE = datetime(2098, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def refused(app: App, *jobs: Any) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as caught:
        app.enqueue_many(*jobs)
    return caught.value


def test_a_job_is_there_once_the_callers_transaction_commits(shared: Connection, app: App) -> None:
    with app.connection.transaction():
        job_id = app.enqueue(app.endpoint, {"order": 7})
        assert count(shared, app) == 0
    made = job(shared, job_id)
    assert (made["trigger"], made["status"], made["input"], made["workspace_id"]) == (
        "IMMEDIATE",
        "ACTIVE",
        {"order": 7},
        app.workspace_id,
    )
    assert made["execution"]["status"] == "QUEUED"
    assert count(shared, app) == 1


def test_what_the_caller_takes_back_was_never_there(shared: Connection, app: App) -> None:
    with app.connection.transaction(force_rollback=True):
        app.enqueue(app.endpoint, name="never")
        app.enqueue_many({"endpoint": app.endpoint}, {"endpoint": app.endpoint, "idempotency_key": "k"})
    with app.connection.transaction():
        with app.connection.transaction(force_rollback=True):
            app.enqueue(app.endpoint, idempotency_key="k")
        kept = app.enqueue(app.endpoint, idempotency_key="k")
    assert values(shared, "select job_id from kronos.jobs where workspace_id = %s", [app.workspace_id]) == [kept]


def test_workers_are_woken_when_it_commits_and_not_before(
    shared: Connection, app: App, module_database_url: str
) -> None:
    with psycopg.connect(module_database_url, autocommit=True) as worker:
        worker.execute("listen kronos_work")
        with app.connection.transaction():
            app.enqueue(app.endpoint)
            assert list(worker.notifies(timeout=0)) == []
        (told,) = worker.notifies(timeout=60, stop_after=1)
        assert told.payload == str(app.endpoint_id)
        app.enqueue_many({"endpoint": app.endpoint, "run_at": FUTURE.isoformat()})
        (told,) = worker.notifies(timeout=60, stop_after=1)
        assert told.payload == ""


def test_all_that_a_job_may_have_is_kept(shared: Connection, app: App) -> None:
    first = app.enqueue(
        app.endpoint, {"a": [1, None]}, FUTURE, name="n", title="T ü", tags=["x", "y"], idempotency_key="k"
    )
    (second,) = app.enqueue_many(
        {
            "endpoint": app.endpoint,
            "input": {"a": [1, None]},
            "run_at": "2098-01-02T08:34:05.000006+05:30",
            "name": "m",
            "title": "T ü",
            "tags": ["x", "y"],
        }
    )
    for job_id, name, key in ((first, "n", "k"), (second, "m", None)):
        made = job(shared, job_id)
        assert (made["trigger"], made["run_at"], made["input"]) == ("DELAYED", FUTURE, {"a": [1, None]})
        assert (made["name"], made["title"], made["tags"], made["idempotency_key"]) == (name, "T ü", ["x", "y"], key)
        assert made["execution"]["status"] == "PENDING"


def test_many_are_made_in_their_order_whatever_they_have(shared: Connection, app: App) -> None:
    kinds: list[dict[str, Any]] = [{}, {"name": "n"}, {"run_at": FUTURE.isoformat()}, {"tags": ["t"]}, {"name": None}]
    plain = [{"endpoint": app.endpoint, "input": {"n": n}} for n in range(40)]
    ids = app.enqueue_many(*plain) + app.enqueue_many(
        *({"endpoint": app.endpoint, "input": {"n": 40 + n}} | each for n, each in enumerate(kinds))
    )
    assert [job(shared, each)["input"] for each in ids] == [{"n": n} for n in range(45)]
    assert app.enqueue_many() == []


def test_callbacks_are_kept_and_judged(shared: Connection, app: App) -> None:
    callback = {"endpoint": app.endpoint}
    one = app.enqueue(app.endpoint, on_success=callback)
    (other,) = app.enqueue_many({"endpoint": app.endpoint, "on_failure": {**callback, "statuses": ["FAILED"]}})
    found = records(shared, "select on_success, on_failure from kronos.version_details where job_id = any (%s)"
                            " order by on_success is null", [[one, other]])  # fmt: skip
    assert found == [
        {"on_success": callback, "on_failure": None},
        {"on_success": None, "on_failure": {**callback, "statuses": ["FAILED"]}},
    ]
    with pytest.raises(psycopg.Error, match=r"on_success: exactly one of endpoint and job must be given") as refused:
        app.enqueue(app.endpoint, on_success={})
    assert (refused.value.sqlstate, refused.value.diag.column_name) == ("KR025", "on_success")
    with pytest.raises(psycopg.Error, match="no endpoint 'nowhere' in this workspace") as refused:
        app.enqueue(app.endpoint, on_success={"endpoint": "nowhere"})
    assert (refused.value.sqlstate, refused.value.diag.column_name) == ("KR034", "on_success.endpoint")


@pytest.mark.parametrize(
    ("callback", "member", "fault"),
    [({"endpoint": "nowhere"}, "endpoint", "no endpoint 'nowhere' in this workspace"),
     ({"job": "nowhere"}, "job", "no live CRON job 'nowhere' in this workspace")],
)  # fmt: skip
def test_a_callback_to_what_is_not_there_says_of_which_job(
    app: App, callback: dict[str, str], member: str, fault: str
) -> None:
    plain = {"endpoint": app.endpoint}
    error = refused(app, plain, plain | {"name": "n", "on_success": plain, "on_failure": callback})
    assert str(error).startswith(f"jobs[1].on_failure.{member}: {fault}\n")
    assert (error.sqlstate, error.diag.column_name) == ("KR034", f"on_failure.{member}")
    assert error.diag.message_hint


def test_members_of_a_callback_that_are_null_are_not_there_as_over_http(shared: Connection, app: App) -> None:
    callback = {"endpoint": app.endpoint, "job": None, "input": None, "statuses": None}
    (made,) = app.enqueue_many({"endpoint": app.endpoint, "on_failure": callback})
    assert job(shared, made)["on_failure"] == {"endpoint": app.endpoint}
    error = refused(
        app, {"endpoint": app.endpoint, "on_failure": {"endpoint": app.endpoint, "statuses": ["FAILED"] * 4}}
    )
    assert (error.sqlstate, error.diag.column_name) == ("KR025", "on_failure.statuses")


@pytest.mark.parametrize("is_many", [True, False])
def test_a_known_key_gives_the_job_that_it_made(shared: Connection, app: App, is_many: bool) -> None:
    first = app.enqueue(app.endpoint, {"a": 1}, idempotency_key="k")
    request = {"endpoint": app.endpoint, "input": {"a": 1}, "idempotency_key": "k"}
    if is_many:
        again = app.enqueue_many(request, {"endpoint": app.endpoint}, request)
        assert (again[0], again[2]) == (first, first)
        error = refused(app, {"endpoint": app.endpoint}, request | {"input": {}})
        assert str(error).startswith(
            f"jobs[1].idempotency_key: already used for a different request, which created job {first}"
        )
    else:
        assert app.enqueue(app.endpoint, {"a": 1}, idempotency_key="k") == first
        with pytest.raises(psycopg.Error, match="idempotency_key: already used for a different request") as caught:
            app.enqueue(app.endpoint, {"a": 2}, idempotency_key="k")
        error = caught.value
    assert (error.sqlstate, error.diag.column_name) == ("KR021", "idempotency_key")
    assert error.diag.message_hint


def test_a_key_that_two_transactions_have_makes_one(shared: Connection, app: App, module_database_url: str) -> None:
    with psycopg.connect(module_database_url) as rival:
        rival.execute(f"set session authorization {app.role}")
        call = "select kronos.enqueue(%s, idempotency_key => 'same')"
        (first,) = rival.execute(call, [app.endpoint]).fetchone() or (None,)
        waiting = app.connection.pgconn
        waiting.send_query_params(call.replace("%s", "$1").encode(), [app.endpoint.encode()])
        await_condition(
            lambda: values(
                shared,
                "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [rival.info.backend_pid],
            ),
            "the second to wait for the first",
        )
        rival.commit()
        result = waiting.get_result()
        assert result is not None
        assert waiting.get_result() is None
    assert result.get_value(0, 0) == str(first).encode()
    assert values(shared, "select job_id from kronos.jobs where workspace_id = %s", [app.workspace_id]) == [first]


def test_a_name_is_one_live_jobs(shared: Connection, app: App, other_app: App) -> None:
    app.enqueue(app.endpoint, name="taken")
    other_app.enqueue(other_app.endpoint, name="taken")
    twice = {"endpoint": app.endpoint, "name": "twice"}
    for jobs, place in (([{"endpoint": app.endpoint, "name": "taken"}], 0), ([twice, twice], 1)):
        error = refused(app, *jobs)
        assert str(error).startswith(f"jobs[{place}].name: another live job of this workspace has the name ")
        assert (error.sqlstate, error.diag.column_name) == ("KR022", "name")
    assert count(shared, app) == 2


_WRONG: list[tuple[Any, str, str]] = [
    (7, "jobs", ": a job must be a JSON object, not of type number"),
    ({}, "endpoint", "endpoint: must be the name of an endpoint"),
    ({"endpoint": 7}, "endpoint", "endpoint: must be the name of an endpoint"),
    ({"endpoint": "nobody"}, "endpoint", "endpoint: no endpoint 'nobody' in workspace"),
    ({"triger": "x"}, "triger", "triger: unknown field"),
    ({"input": [1]}, "input", "input: must be a JSON object"),
    ({"input": {"a": "x" * 262144}}, "input", "input: 262153 bytes as JSON: at most 262144 are allowed"),
    ({"input": json.loads('{"a":' * 64 + "1" + "}" * 64)}, "input", "input: nested more than 64 levels deep"),
    (
        {"input": {"a": 2**64 + 1}},
        "input",
        "input: the number 18446744073709551617 fits neither in 64 bits nor in a double",
    ),
    ({"run_at": "tomorrow"}, "run_at", "run_at: not an RFC 3339 timestamp with an offset"),
    ({"run_at": "2098-01-02T03:04:05"}, "run_at", "run_at: not an RFC 3339 timestamp with an offset"),
    ({"run_at": "2098-02-30T03:04:05Z"}, "run_at", "run_at: no such time"),
    ({"run_at": "2098-02-03T24:00:00Z"}, "run_at", "run_at: no such time"),
    ({"run_at": "2098-02-03t23:59:60.5Z"}, "run_at", "run_at: no such time"),
    ({"run_at": "2001-01-02T03:04:05Z"}, "run_at", "run_at: 2001-01-02T03:04:05Z is in the past"),
    ({"run_at": "3001-01-02T03:04:05Z"}, "run_at", "run_at: the year is out of range"),
    ({"name": "-"}, "name", "name: not a valid name"),
    ({"name": str(uuid.UUID(int=7))}, "name", "name: not a valid name"),
    ({"title": "a\nb"}, "title", "title: must be one line"),
    ({"title": " "}, "title", "title: must be one line"),
    ({"title": "re\u200bport"}, "title", "title: must be one line"),
    ({"tags": ["\u202egat"]}, "tags", "tags: must be up to 20 texts"),
    ({"tags": "x"}, "tags", "tags: must be up to 20 texts"),
    ({"tags": ["x"] * 21}, "tags", "tags: must be up to 20 texts"),
    ({"tags": [" "]}, "tags", "tags: must be up to 20 texts"),
    ({"idempotency_key": ""}, "idempotency_key", "idempotency_key: must be a text"),
    ({"idempotency_key": "x" * 256}, "idempotency_key", "idempotency_key: must be a text"),
]


@pytest.mark.parametrize(
    ("wrong", "field", "message"), _WRONG, ids=[f"{field}-{n}" for n, (_, field, _) in enumerate(_WRONG)]
)
def test_what_is_wrong_is_said_of_the_job_and_the_field_and_nothing_is_made(
    shared: Connection, app: App, wrong: Any, field: str, message: str
) -> None:
    sound = {"endpoint": app.endpoint}
    bad = sound | wrong if isinstance(wrong, dict) and wrong else wrong
    error = refused(app, sound, bad, sound)
    told = f"jobs[1]{'' if message.startswith(':') else '.'}{message}"
    assert str(error).startswith(told), str(error)
    assert error.diag.column_name == field
    assert re.fullmatch(r"[A-Z].*\.", error.diag.message_hint or ""), error.diag.message_hint
    assert error.sqlstate in ("KR025", "KR012")
    assert count(shared, app) == 0


def test_the_api_takes_what_enqueue_takes(shared: Connection, app: App) -> None:
    """Values at the limits that both accept."""
    number = {"input": {"a": [2**63 - 1, -(2**63), 1.5e300, 5e-324, 0, -0.0, 10**300, "1" * 40]}}
    deep = {"input": json.loads('{"a":' * 63 + "1" + "}" * 63)}
    for each in (number, deep, {"tags": ["x" * 64] * 20}, {"name": "x" * 127}, {"title": "x" * 200}):
        app.enqueue_many({"endpoint": app.endpoint} | each)
    just_now = datetime.now(UTC) - timedelta(seconds=1)
    assert job(shared, app.enqueue(app.endpoint, run_at=just_now))["trigger"] == "DELAYED"


def test_infinite_instants_and_what_is_no_array_are_refused(app: App) -> None:
    for at in ("infinity", "-infinity", "4000-01-01 00:00:00 BC"):
        with pytest.raises(psycopg.Error, match=r"^run_at: ") as caught:
            app.enqueue(app.endpoint, {}, at)
        assert caught.value.sqlstate == "KR025"
    for jobs in ({"endpoint": app.endpoint}, None, [{"endpoint": app.endpoint}] * 10_001):
        with pytest.raises(psycopg.Error, match=r"^jobs: ") as caught:
            app.connection.execute("select kronos.enqueue_many(%s)", [None if jobs is None else Jsonb(jobs)])
        assert caught.value.sqlstate == "KR025"


def test_a_callers_own_time_zone_and_date_style_change_nothing(shared: Connection, app: App) -> None:
    app.connection.execute("set timezone = 'America/New_York'; set datestyle = 'SQL, DMY'")
    assert job(shared, app.enqueue(app.endpoint, run_at=FUTURE))["run_at"] == FUTURE
    (many,) = app.enqueue_many({"endpoint": app.endpoint, "run_at": FUTURE.isoformat()})
    assert job(shared, many)["run_at"] == FUTURE


def test_a_workspace_that_is_suspended_or_deleted_takes_nothing(shared: Connection, app: App) -> None:
    shared.execute(
        "update kronos.workspaces set status = 'SUSPENDED', suspended_at = now() where workspace_id = %s",
        [app.workspace_id],
    )
    with pytest.raises(psycopg.Error, match="is SUSPENDED: it accepts no new jobs") as caught:
        app.enqueue(app.endpoint)
    assert caught.value.sqlstate == "KR023"
    shared.execute(
        "update kronos.workspaces set status = 'DELETED', deleted_at = now() where workspace_id = %s",
        [app.workspace_id],
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="has no workspace"):
        app.enqueue(app.endpoint)


def test_an_endpoint_is_not_deleted_under_a_transaction_that_has_made_a_job_for_it(
    shared: Connection, app: App, module_database_url: str
) -> None:
    with app.connection.transaction():
        app.enqueue(app.endpoint)
        with psycopg.connect(module_database_url) as deleting:
            deleting.execute("set lock_timeout = '50ms'")
            deleting.execute("select set_config('kronos.workspace_id', %s, true)", [str(app.workspace_id)])
            with pytest.raises(psycopg.errors.LockNotAvailable):
                deleting.execute("select kronos.delete_endpoint(%s)", [app.endpoint])
    assert count(shared, app) == 1


def test_a_deadline_makes_a_job_with_a_row_that_counts_from_its_time(app: App, shared: Connection) -> None:
    one = app.enqueue(app.endpoint, {"a": 1}, deadline_seconds=60)
    many = app.enqueue_many({"endpoint": app.endpoint, "deadline_seconds": 90, "run_at": "2098-01-02T03:04:05Z"},
                            {"endpoint": app.endpoint})  # fmt: skip
    found = [job(shared, job_id)["deadline_seconds"] for job_id in (one, *many)]
    assert found == [60, 90, None]
    after = values(
        shared,
        "select extract(epoch from deadline_at - scheduled_at)::integer from kronos.execution_live"
        " where job_id = any(%s) order by 1",
        [[one, *many]],
    )
    assert after == [60, 90, None]
    with pytest.raises(psycopg.Error, match="deadline_seconds: must be a whole number of seconds") as refused:
        app.enqueue(app.endpoint, deadline_seconds=0)
    assert refused.value.sqlstate == "KR025"


@pytest.mark.parametrize("more", [{}, {"name": "first"}])
def test_a_job_has_the_priority_that_it_is_enqueued_with(shared: Connection, app: App, more: dict[str, str]) -> None:
    ids = [app.enqueue(app.endpoint, **more, priority=7)]
    other = {"name": "second"} if more else {}
    ids += app.enqueue_many({"endpoint": app.endpoint, "priority": -7} | other, {"endpoint": app.endpoint})
    found = [values(shared, "select priority from kronos.execution_live where job_id = %s", [each]) for each in ids]
    assert found == [[7], [-7], [None]]


@pytest.mark.parametrize("more", [{}, {"name": "first"}])
def test_a_whole_number_may_have_a_point_as_in_json(shared: Connection, app: App, more: dict[str, str]) -> None:
    """JSON has one kind of number: the API takes 5.0 too."""
    asked = {"endpoint": app.endpoint, "priority": -7.0, "deadline_seconds": 60.0, "idempotency_key": "k"} | more
    (made,) = app.enqueue_many(asked)
    found = records(shared, "select priority, deadline_seconds from kronos.jobs where job_id = %s", [made])
    assert [tuple(each.values()) for each in found] == [(-7, 60)]
    assert app.enqueue_many(asked | {"priority": -7, "deadline_seconds": 60}) == [made]
    (plain,) = app.enqueue_many({"endpoint": app.endpoint, "priority": 3.0})
    assert values(shared, "select priority from kronos.execution_live where job_id = %s", [plain]) == [3]


@pytest.mark.parametrize("wrong", [11, -11, 1.5, 10.5, -10.1, 1e300, "5"])
def test_a_priority_that_is_none_is_refused(app: App, wrong: object) -> None:
    with pytest.raises(psycopg.Error, match="must be a whole number from -10 to 10") as refused:
        app.enqueue_many({"endpoint": app.endpoint, "priority": wrong})
    assert (refused.value.sqlstate, refused.value.diag.column_name) == ("KR025", "priority")


def test_who_made_it_is_the_role_that_logged_in_whatever_it_says(shared: Connection, app: App) -> None:
    app.connection.execute("""set kronos.caller = '{"actor": "somebody", "address": "10.1.2.3"}'""")
    plain, named = app.enqueue(app.endpoint), app.enqueue(app.endpoint, name="mine")
    (many, odd) = app.enqueue_many({"endpoint": app.endpoint}, {"endpoint": app.endpoint, "tags": ["a"]})
    said = records(
        shared,
        "select job_id, created_by from kronos.execution_live where job_id = any (%s)",
        [[plain, named, many, odd]],
    )
    assert len(said) == 4
    assert {json.dumps(each["created_by"]) for each in said} == {
        json.dumps({"actor": app.role, "database_user": app.role})
    }
    assert job(shared, plain)["execution"]["created_by"] == {"actor": app.role}


SPAN = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"00-{SPAN}-01", f"00-{SPAN}-01"),
        (f"00-{SPAN}-00", f"00-{SPAN}-00"),
        ("", None),
        (f"00-{SPAN}-01\n", None),
        (f"00-{SPAN.upper()}-01", None),
        (f"00-{'0' * 32}-{'1' * 16}-01", None),
        (f"00-{'1' * 32}-{'0' * 16}-01", None),
        (f"ff-{SPAN}-01", None),
        ("'; drop table kronos.jobs; --", None),
    ],
)
def test_jobs_are_parts_of_the_trace_that_their_transaction_names(
    shared: Connection, app: App, said: str, kept: str | None
) -> None:
    with app.connection.transaction():
        app.connection.execute("select set_config('kronos.traceparent', %s, true)", [said])
        made = [app.enqueue(app.endpoint), app.enqueue(app.endpoint, name=f"it-{uuid.uuid4()}")]
        made += app.enqueue_many({"endpoint": app.endpoint}, {"endpoint": app.endpoint, "tags": ["a"]})
    made_later = app.enqueue(app.endpoint)
    runs = "select traceparent, is_part from kronos.trace_facts(%s)"
    ids = values(shared, "select execution_id from kronos.execution_live where job_id = any (%s)", [made])
    facts = records(shared, runs, [ids])
    assert [(each["traceparent"], each["is_part"]) for each in facts] == [(kept, kept is not None)] * 4
    (later,) = records(shared, runs, [[made_later]])
    assert later["traceparent"] is None
    assert job(shared, made[0])["execution"]["created_by"] == {"actor": app.role}
