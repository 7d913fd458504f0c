"""POST …/jobs:batch: many jobs in one call, all or nothing or each by itself, and none of them twice."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

from api.at_once import Process, process_on, rows
from api.cutting_proxy import Proxy, cutting_proxy
from api.test_together_failing import is_over, refusing
from api_answers import problem_of
from conftest import Api, await_condition
from kronos import batches, errors
from kronos.database import WorkspaceView
from kronos.new_jobs import NewJob
from kronos.pool import Pool
from sql_factory import value, values

Sent = dict[str, Any]
PLAIN: Sent = {"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"n": 1}}
YEARLY: Sent = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"}


NEXT_CENTURY = datetime(2100, 1, 1, tzinfo=UTC)


def later(at: str, **fields: Any) -> Sent:
    return {"endpoint": "sink", "trigger": "DELAYED", "run_at": at} | fields


OF_ALL_KINDS = [
    PLAIN,
    later("2098-01-02T03:04:05.000006Z", input={"a": [1.5e300, "ü", {"b": None}]}),
    later("2098-01-02T03:04:05Z"),
    later("2098-01-02T03:04:05", timezone="Asia/Kolkata"),
    PLAIN | {"name": "once", "title": "Once", "tags": ["a", "b"], "idempotency_key": "k-once"},
    YEARLY | {"name": "yearly", "idempotency_key": "k-yearly", "jitter_seconds": 5},
    YEARLY | {"starts_at": "2098-06-01T00:00:00Z", "ends_at": "2099-06-01T00:00:00Z", "timezone": "Asia/Kolkata"},
    {"endpoint": "sink", "trigger": "CRON", "every": "90m", "catch_up": {"policy": "ALL", "window_seconds": 60}},
    {"endpoint": "sink", "trigger": "CRON", "every": "1mo", "anchor": "2026-01-31T09:00:00", "timezone": "UTC"},
]


def batch(api: httpx.Client, workspace: str, *jobs: Any, **envelope: Any) -> httpx.Response:
    return api.post(f"/v1/workspaces/{workspace}/jobs:batch", json={"jobs": list(jobs)} | envelope)


def made(api: httpx.Client, workspace: str, *jobs: Sent, **envelope: Any) -> list[Any]:
    response = batch(api, workspace, *jobs, **envelope)
    assert response.status_code == 201, response.text
    found: list[Any] = response.json()["data"]
    return found


def pointers(response: httpx.Response) -> list[str]:
    return [each["pointer"] for each in response.json()["errors"]]


def nothing_is_there(superuser: psycopg.Connection, workspace: str) -> bool:
    return not any(rows(superuser, workspace, table) for table in ("jobs", "execution_live", "pointers"))


def entries(superuser: psycopg.Connection, workspace: str) -> int:
    found: int = value(
        superuser,
        "select count(*) from cron.job as entry join kronos.jobs on jobname = 'kronos:' || job_id"
        " join kronos.workspaces using (workspace_id) where slug = %s",
        [workspace],
    )
    return found


@pytest.mark.parametrize("is_atomic", [True, False])
def test_jobs_of_every_kind_are_made_in_one_transaction_and_each_is_answered_as_it_is_shown(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, is_atomic: bool
) -> None:
    answered = made(api, workspace, *OF_ALL_KINDS, atomic=is_atomic)

    assert answered == [api.get(f"/v1/workspaces/{workspace}/jobs/{each['job_id']}").json() for each in answered]
    assert [each["trigger"] for each in answered] == [each["trigger"] for each in OF_ALL_KINDS]
    assert len({each["created_at"] for each in answered}) == 1
    assert entries(shared_superuser, workspace) == 4
    assert rows(shared_superuser, workspace, "pointers") == 4
    assert rows(shared_superuser, workspace, "execution_live") == 5


def test_a_job_of_a_batch_is_answered_as_the_same_job_alone(api: httpx.Client, workspace: str) -> None:
    for sent in OF_ALL_KINDS:
        sent = {name: what for name, what in sent.items() if name not in ("name", "idempotency_key")}
        alone = api.post(f"/v1/workspaces/{workspace}/jobs", json=sent).raise_for_status().json()
        (together,) = made(api, workspace, sent)
        assert list(together) == list(alone)
        assert _said(together) == _said(alone)


def _said(job: Any) -> Any:
    """The job without the values that differ between jobs."""
    if isinstance(job, dict):
        own = ("job_id", "execution_id", "created_at", "jobid", "jobname", "request_id")
        return {name: _said(what) for name, what in job.items() if name not in own and not _is_now(name, job)}
    return job


def _is_now(name: str, job: dict[str, Any]) -> bool:
    return name in ("scheduled_at", "run_at", "anchor", "next_run_at") and not str(job[name]).startswith("209")


def test_what_is_wrong_with_any_of_them_is_said_of_each_and_none_is_made(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    by_the_door = batch(
        api, workspace, PLAIN, PLAIN | {"triger": "x"}, [], YEARLY | {"run_at": "2098-01-01T00:00:00Z"}, {}
    )
    by_postgresql = batch(
        api,
        workspace,
        YEARLY,
        YEARLY | {"cron": "61 * * * *"},
        YEARLY | {"timezone": "Mars/Base"},
        YEARLY | {"cron": "0 0 30 2 *"},
        YEARLY | {"starts_at": "2098-01-02T00:00:00Z", "ends_at": "2098-01-03T00:00:00Z"},
        {"endpoint": "sink", "trigger": "CRON", "every": "7 fortnights"},
        later("2098-01-01T00:00:00", timezone="Mars/Base"),
        later("2001-01-01T00:00:00Z"),
        PLAIN,
    )

    told = ["/jobs/1/triger", "/jobs/2", "/jobs/3/run_at", "/jobs/4/endpoint", "/jobs/4/trigger"]
    assert problem_of(by_the_door)["code"] == "input_validation_failed"
    assert pointers(by_the_door) == told
    assert by_postgresql.status_code == 422
    assert pointers(by_postgresql) == [
        "/jobs/1/cron",
        "/jobs/2/timezone",
        "/jobs/3/cron",
        "/jobs/4/ends_at",
        "/jobs/5/every",
        "/jobs/6/timezone",
        "/jobs/7/run_at",
    ]
    assert by_postgresql.json()["detail"].startswith("no job was created: field /jobs/1/cron: ")
    assert all(each["hint"] for each in by_postgresql.json()["errors"])
    assert nothing_is_there(shared_superuser, workspace)


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ([YEARLY | {"cron": "61 * * * *"}, YEARLY | {"cron": "x"}], 422, "invalid_cron"),
        ([PLAIN | {"endpoint": "nobody"}], 404, "endpoint_not_found"),
        ([PLAIN | {"name": "taken"}], 409, "conflict"),
        ([PLAIN | {"name": "twice"}, YEARLY | {"name": "twice"}], 409, "conflict"),
        ([PLAIN | {"idempotency_key": "used"}], 422, "idempotency_mismatch"),
        (
            [PLAIN | {"idempotency_key": "k"}, PLAIN | {"idempotency_key": "k", "input": {}}],
            422,
            "idempotency_mismatch",
        ),
        ([PLAIN | {"endpoint": "nobody"}, YEARLY | {"cron": "x"}], 422, "input_validation_failed"),
    ],
)
def test_errors_of_one_kind_are_that_error_and_of_several_input_that_is_wrong(
    api: httpx.Client,
    workspace: str,
    shared_superuser: psycopg.Connection,
    wrong: list[Sent],
    status: int,
    code: str,
) -> None:
    made(api, workspace, YEARLY | {"name": "taken", "idempotency_key": "used"})
    before = rows(shared_superuser, workspace)

    response = batch(api, workspace, PLAIN, *wrong)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert pointers(response)[-1].startswith(f"/jobs/{len(wrong)}/")
    assert (rows(shared_superuser, workspace), rows(shared_superuser, workspace, "execution_live")) == (before, 0)


def test_each_for_itself_is_a_job_or_a_problem_in_its_place(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    made(api, workspace, YEARLY | {"name": "taken", "idempotency_key": "used"})
    sent = [
        PLAIN,
        {"endpoint": "sink"},
        YEARLY | {"cron": "61 * * * *"},
        YEARLY | {"name": "good"},
        PLAIN | {"endpoint": "nobody"},
        PLAIN | {"name": "taken"},
        PLAIN | {"name": "good"},
        PLAIN | {"idempotency_key": "used"},
        PLAIN | {"name": "also-good"},
    ]

    response = batch(api, workspace, *sent, atomic=False)

    assert response.status_code == 201
    data = response.json()["data"]
    assert [each.get("code", "made") for each in data] == [
        "made",
        "input_validation_failed",
        "invalid_cron",
        "made",
        "endpoint_not_found",
        "conflict",
        "conflict",
        "idempotency_mismatch",
        "made",
    ]
    wrong = [each for each in data if "code" in each]
    assert [each["status"] for each in wrong] == [422, 422, 404, 409, 409, 422]
    assert [each["errors"][0]["pointer"] for each in wrong] == [
        "/jobs/1/trigger",
        "/jobs/2/cron",
        "/jobs/4/endpoint",
        "/jobs/5/name",
        "/jobs/6/name",
        "/jobs/7/idempotency_key",
    ]
    assert {each["instance"] for each in wrong} == {f"/v1/workspaces/{workspace}/jobs:batch"}
    assert {each["request_id"] for each in wrong} == {response.headers["Request-Id"]}
    assert (rows(shared_superuser, workspace), rows(shared_superuser, workspace, "execution_live")) == (3, 2)


def test_nothing_is_made_where_each_for_itself_is_wrong(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    (problem,) = made(api, workspace, {"endpoint": "sink"}, atomic=False)
    assert problem["status"] == 422
    assert nothing_is_there(shared_superuser, workspace)


@pytest.mark.parametrize("is_atomic", [True, False])
def test_a_batch_with_keys_may_be_sent_again_and_makes_nothing_twice(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, is_atomic: bool
) -> None:
    sent = [
        PLAIN | {"idempotency_key": "a"},
        YEARLY | {"idempotency_key": "b", "name": "b"},
        PLAIN | {"idempotency_key": "a"},
        later("2098-01-02T03:04:05Z", idempotency_key="d"),
    ]
    first = made(api, workspace, *sent, atomic=is_atomic)
    again = made(api, workspace, *reversed(sent), PLAIN | {"idempotency_key": "e"}, atomic=is_atomic)
    alone = api.post(f"/v1/workspaces/{workspace}/jobs", json=sent[1])

    assert first[0] == first[2]
    assert again[:4] == list(reversed(first))
    assert (alone.status_code, alone.json()) == (200, first[1])
    assert rows(shared_superuser, workspace) == 4


def test_a_key_of_a_single_creation_is_known_to_a_batch(api: httpx.Client, workspace: str) -> None:
    """The job's time may have passed, so that a new creation would be rejected. The batch returns the job that the key
    created.
    """
    alone = api.post(f"/v1/workspaces/{workspace}/jobs", json=YEARLY, headers={"Idempotency-Key": "mine"}).json()
    assert made(api, workspace, YEARLY | {"idempotency_key": "mine"}) == [alone]


@pytest.mark.parametrize("is_atomic", [True, False])
@pytest.mark.parametrize("name", [None, "named"])
def test_what_pg_cron_refuses_in_the_middle_undoes_all(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection, is_atomic: bool, name: str | None
) -> None:
    jobs = [PLAIN, YEARLY, YEARLY | {"cron": "7 7 7 7 *"}, YEARLY, PLAIN | ({"name": name} if name else {})]
    with refusing(shared_superuser, "7 7 7 7 *"):
        response = batch(api, workspace, *jobs, atomic=is_atomic)

    assert (response.status_code, response.json()["code"]) == (503, "pg_cron_unavailable")
    assert response.headers["Retry-After"]
    assert nothing_is_there(shared_superuser, workspace)
    assert len(made(api, workspace, *jobs, atomic=is_atomic)) == 5


@pytest.mark.parametrize("is_atomic", [True, False])
def test_a_name_that_somebody_takes_meanwhile_is_looked_at_again(
    api: httpx.Client, shared_api: Api, workspace: str, shared_superuser: psycopg.Connection, is_atomic: bool
) -> None:
    """The other transaction is not committed when the batch first checks the name. It is when the batch has waited for
    it.
    """
    made(api, workspace, YEARLY | {"name": "theirs"})
    with psycopg.connect(shared_api.database_url) as other, ThreadPoolExecutor(1) as thread:
        other.execute(
            "update kronos.jobs set name = 'wanted' where name = 'theirs' and workspace_id ="
            " (select workspace_id from kronos.workspaces where slug = %s)",
            [workspace],
        )
        waiting = thread.submit(batch, api, workspace, PLAIN, YEARLY | {"name": "wanted"}, atomic=is_atomic)
        await_condition(
            lambda: values(
                shared_superuser,
                "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))",
                [other.info.backend_pid],
            ),
            "the batch to wait for the other's job",
        )
        other.commit()
        response = waiting.result()

    if is_atomic:
        assert (response.status_code, pointers(response)) == (409, ["/jobs/1/name"])
    else:
        assert [each.get("code", "made") for each in response.json()["data"]] == ["made", "conflict"]
    assert rows(shared_superuser, workspace, "execution_live") == (0 if is_atomic else 1)


@pytest.fixture
def proxied(shared_api: Api) -> Any:
    with cutting_proxy(shared_api.database_url) as proxy, process_on(proxy.url, size=1) as process:
        yield proxy, process


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_lost_answer_is_told_and_the_call_again_makes_nothing_twice(
    workspace: str, shared_superuser: psycopg.Connection, proxied: tuple[Proxy, Process], point: Any
) -> None:
    proxy, process = proxied
    asked = [
        NewJob(endpoint="sink", trigger="IMMEDIATE", idempotency_key="a"),
        NewJob(endpoint="sink", trigger="CRON", cron="0 0 1 1 *", idempotency_key="b", starts_at=NEXT_CENTURY),
    ]

    async def make(pool: Pool) -> tuple[list[Any], bool]:
        return await batches.create(WorkspaceView(pool, workspace), asked, is_atomic=True)

    process.at_once(lambda pool: WorkspaceView(pool, workspace).enter())
    proxy.arm(point, 3, of=[workspace, "2100"])  # after the name check and the read of the schedule
    (lost,) = process.at_once(make)
    assert proxy.disarm()
    await_condition(lambda: is_over(proxy, shared_superuser), "the session's end")
    left = rows(shared_superuser, workspace)
    (again,) = process.at_once(make)

    assert isinstance(lost, errors.OutcomeUnknown), lost
    assert left == (2 if point == "after" else 0)
    assert not isinstance(again, BaseException)
    assert [each.idempotency_key for each in again[0]] == ["a", "b"]
    assert again[1] == (point == "after")
    assert rows(shared_superuser, workspace) == 2


def test_a_thousand_jobs_take_as_many_statements_as_ten(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    """Of the database: the statements' transactions are counted by their ids, and all jobs have the same
    creation time.
    """
    sent = [PLAIN | {"input": {"n": n}} for n in range(1000)]
    answered = made(api, workspace, *sent)
    assert [each["input"]["n"] for each in answered] == list(range(1000))
    assert len({each["job_id"] for each in answered}) == 1000
    transactions = values(
        shared_superuser,
        "select distinct live.xmin::text from kronos.execution_live as live"
        " join kronos.workspaces using (workspace_id) where slug = %s",
        [workspace],
    )
    assert len(transactions) == 1


def test_a_suspended_workspace_and_one_that_is_not_there(api: httpx.Client, workspace: str) -> None:
    made(api, workspace, YEARLY | {"idempotency_key": "before"})
    api.patch(f"/v1/workspaces/{workspace}", json={"status": "SUSPENDED"}).raise_for_status()
    for is_atomic in (True, False):
        suspended = batch(api, workspace, PLAIN, YEARLY, atomic=is_atomic)
        assert (suspended.status_code, suspended.json()["code"]) == (409, "workspace_suspended")
        absent = batch(api, f"w-{uuid.uuid4().hex}", PLAIN, YEARLY, atomic=is_atomic)
        assert (absent.status_code, absent.json()["code"]) == (404, "workspace_not_found")
    assert len(made(api, workspace, YEARLY | {"idempotency_key": "before"})) == 1
