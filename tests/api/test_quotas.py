"""A workspace's quotas: exact, however objects are created; an error has the numbers; and usage shows what is left."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest

from api.quota_day import NOW, Day, limit, used
from api_answers import problem_of
from conftest import Api, make_workspace
from sql_factory import Connection, records, value, values
from worker.protocol import as_worker, claim, finalize

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "0 4 * * *"}
CALLBACKS = [("endpoint", "sink"), ("job", "called")]


@pytest.fixture
def base(workspace: str) -> str:
    return f"/v1/workspaces/{workspace}"


def refused(answer: httpx.Response, status: int, quota: str, **numbers: int) -> dict[str, Any]:
    problem = problem_of(answer)
    assert (problem["status"], problem["code"], problem["quota"]) == (status, "quota_exceeded", quota), problem
    assert {name: problem[name] for name in numbers} == numbers
    return problem


def test_cron_jobs_are_counted_while_they_are_live(api: httpx.Client, base: str) -> None:
    limit(api, base, max_cron_jobs=3)
    names = [f"job-{n}" for n in range(3)]
    for name in names:
        api.post(f"{base}/jobs", json=CRON | {"name": name}).raise_for_status()
    assert used(api, base, "cron_jobs") == {"used": 3, "limit": 3, "resets_at": None}

    def is_full() -> None:
        refused(api.post(f"{base}/jobs", json=CRON), 422, "cron_jobs", used=4, limit=3)

    is_full()
    api.post(f"{base}/jobs/job-0/pause", json={}).raise_for_status()
    is_full()
    api.post(f"{base}/jobs/job-0/resume", json={}).raise_for_status()
    api.patch(f"{base}/jobs/job-0", json={"cron": "0 5 * * *"}).raise_for_status()  # a new version is not a new job
    api.delete(f"{base}/jobs/job-1").raise_for_status()
    batch = [CRON, NOW, CRON]
    refused(api.post(f"{base}/jobs:batch", json={"jobs": batch}), 422, "cron_jobs", used=4, limit=3)
    api.post(f"{base}/jobs", json=CRON).raise_for_status()
    is_full()
    limit(api, base, max_cron_jobs=1)  # existing jobs stay, and can be changed and cancelled
    api.patch(f"{base}/jobs/job-0", json={"cron": "0 6 * * *"}).raise_for_status()
    api.delete(f"{base}/jobs/job-0").raise_for_status()
    limit(api, base)
    api.post(f"{base}/jobs", json=CRON).raise_for_status()
    assert used(api, base, "cron_jobs") == {"used": 3, "limit": None, "resets_at": None}


def test_inputs_are_measured_whichever_way_they_come(api: httpx.Client, base: str) -> None:
    job = api.post(f"{base}/jobs", json=CRON).raise_for_status().json()["job_id"]
    limit(api, base, max_input_bytes=20)
    long = {"input": {"text": "x" * 20}}
    for path, body in (
        ("jobs", NOW | long),
        ("jobs", NOW | long | {"name": "one"}),
        ("jobs", CRON | long),
        ("jobs:batch", {"jobs": [NOW, NOW | long]}),
        (f"jobs/{job}/trigger", long),
        ("endpoints/sink/test", long),
    ):
        refused(api.post(f"{base}/{path}", json=body), 422, "input_bytes", limit=20, asked=32)
    refused(api.patch(f"{base}/jobs/{job}", json=long), 422, "input_bytes", limit=20, asked=32)
    api.post(f"{base}/jobs", json=NOW | {"input": {"a": "12345"}}).raise_for_status()
    digits = {"input": {"n": 1e30}}  # 31 of them as PostgreSQL writes it
    together = {"jobs": [NOW | {"input": {}}, NOW | digits, CRON | digits], "atomic": False}
    answers = api.post(f"{base}/jobs:batch", json=together).raise_for_status().json()["data"]
    assert [answer.get("code") for answer in answers] == [None, "quota_exceeded", "quota_exceeded"], answers
    assert [answer.get("asked") for answer in answers] == [None, 38, 38]


def test_entries_that_ring_in_one_minute_are_bounded_where_they_are_registered(api: httpx.Client, base: str) -> None:
    limit(api, base, max_alarms_per_minute=2)

    def made(cron: str, status: int = 201) -> str:
        answer = api.post(f"{base}/jobs", json=CRON | {"cron": cron})
        assert answer.status_code == status, answer.text
        if status == 422:
            refused(answer, 422, "alarms_per_minute", used=3, limit=2)
        return str(answer.json().get("job_id"))

    first, second = made("0 4 * * *"), made("*/30 * * * *")
    for wrong in ("0 4 * * 1", "0 0-5 * * *", "* * * * *"):
        made(wrong, 422)
    api.post(f"{base}/jobs/{second}/pause", json={}).raise_for_status()
    third = made("0 4 1 1 *")
    refused(api.post(f"{base}/jobs/{second}/resume", json={}), 422, "alarms_per_minute", used=3, limit=2)
    refused(api.patch(f"{base}/jobs/{made('1 4 * * *')}", json={"cron": "0 4 * * *"}), 422, "alarms_per_minute", used=3)
    assert used(api, base, "alarms_per_minute") == {"used": 2, "limit": 2, "resets_at": None}
    for job in (first, third):
        api.delete(f"{base}/jobs/{job}").raise_for_status()
    api.post(f"{base}/jobs/{second}/resume", json={}).raise_for_status()


@pytest.fixture
def day(own_api: Api, superuser: Connection) -> Callable[[int], Day]:
    return lambda most: Day(own_api, superuser, most)


def test_executions_of_a_day_are_counted_whichever_way_they_come(day: Callable[[int], Day]) -> None:
    it = day(12)
    job = it.made("jobs", CRON)["job_id"]
    queued = it.made("jobs", CRON | {"overlap": "QUEUE"})["job_id"]
    assert it.used == 0
    it.made("jobs", NOW)
    it.made("jobs", NOW | {"name": "named"})
    it.made("jobs", NOW | {"trigger": "DELAYED", "run_at": "2999-01-01T00:00:00Z"})
    it.made(f"jobs/{job}/trigger")
    it.made(f"jobs/{queued}/trigger")
    it.made("jobs:batch", {"jobs": [NOW, NOW | {"name": "other"}, NOW]})
    assert it.used == 8
    refused(it.post("jobs:batch", {"jobs": [NOW] * 13}), 422, "executions_per_day", limit=12, asked=13)
    refused(it.post("jobs:batch", {"jobs": [NOW] * 5}), 429, "executions_per_day", used=8, limit=12, asked=5)
    it.use_up()
    for path, body in (
        ("jobs", NOW),
        ("jobs", NOW | {"name": "late"}),
        ("jobs:batch", {"jobs": [NOW]}),
        (f"jobs/{job}/trigger", {}),
        (f"jobs/{queued}/trigger", {}),
        ("endpoints/sink/test", {}),
    ):
        answer = it.post(path, body)
        problem = refused(answer, 429, "executions_per_day", used=12, limit=12, asked=1)
        resets_at = datetime.fromisoformat(problem["resets_at"])
        assert (resets_at.hour, resets_at.minute) == (0, 0)
        assert 11 * 3600 < int(answer.headers["Retry-After"]) <= 12 * 3600
    shown = used(it.api, it.base, "executions_per_day")
    assert (shown["used"], shown["limit"], shown["resets_at"]) == (12, 12, problem["resets_at"])


def test_jobs_that_are_made_by_sql_are_counted_whatever_the_session_sets(
    day: Callable[[int], Day], superuser: Connection
) -> None:
    it = day(3)
    clerk = f"clerk_{uuid.uuid4().hex}"
    superuser.execute(f"create role {clerk} login")
    superuser.execute("select kronos.grant_sql(%s, %s)", [it.slug, clerk])
    superuser.execute(f"set session authorization {clerk}")
    try:
        superuser.execute("select set_config('kronos.quotas', '', false)")
        superuser.execute("select kronos.enqueue('sink', name => 'named')")
        superuser.execute("select kronos.enqueue_many(%s)", ['[{"endpoint": "sink"}, {"endpoint": "sink"}]'])
        for call in ("enqueue('sink')", "enqueue('sink', name => 'late')", 'enqueue_many(\'[{"endpoint": "sink"}]\')'):
            with pytest.raises(psycopg.Error) as refusal:
                superuser.execute(f"select kronos.{call}".encode())
            numbers = json.loads(refusal.value.diag.message_detail or "")
            assert (refusal.value.sqlstate, numbers["used"], numbers["limit"]) == ("KR040", 3, 3)
    finally:
        superuser.execute("reset session authorization")
    superuser.execute("select kronos.revoke_sql(%s, %s)", [it.slug, clerk])
    superuser.execute(f"drop role {clerk}")
    assert it.used == 3


def test_each_of_a_batch_is_refused_for_itself(day: Callable[[int], Day]) -> None:
    it = day(3)
    answer = it.post("jobs:batch", {"jobs": [NOW, NOW | {"name": "one"}, NOW, NOW, CRON], "atomic": False})
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert [each.get("status") for each in data] == ["ACTIVE", "ACTIVE", "ACTIVE", 429, "ACTIVE"]
    assert (data[3]["quota"], data[3]["used"], data[3]["limit"]) == ("executions_per_day", 3, 3)
    limit(it.api, it.base, max_executions_per_day=1)  # fewer than there are already
    answer = it.post("jobs:batch", {"jobs": [NOW, CRON], "atomic": False})
    (told, _) = answer.json()["data"]
    assert (told["status"], told["used"], told["limit"]) == (429, 3, 1)


@pytest.mark.parametrize("quotas", [{"max_cron_jobs": 1}, {"max_input_bytes": 1000}, {"max_alarms_per_minute": 9}])
def test_of_a_batch_each_runs_whose_day_has_no_quota_whatever_others_there_are(
    api: httpx.Client, base: str, quotas: dict[str, int]
) -> None:
    limit(api, base, **quotas)
    answer = api.post(f"{base}/jobs:batch", json={"jobs": [NOW, CRON, NOW], "atomic": False})
    assert [each.get("status") for each in answer.raise_for_status().json()["data"]] == ["ACTIVE"] * 3


def test_ticks_retries_redrives_callbacks_and_backfills_obey_and_say_so(
    day: Callable[[int], Day], superuser: Connection, own_api: Api
) -> None:
    it = day(2)
    ticking = it.made("jobs", CRON | {"cron": "* * * * *"})["job_id"]
    called = it.made("jobs", CRON | {"name": "called"})["job_id"]
    calling = [
        it.made("jobs", NOW | {"on_failure": {"endpoint": "sink"}})["job_id"],
        it.made("jobs", NOW | {"on_failure": {"job": "called"}})["job_id"],
    ]
    assert it.used == 2
    superuser.execute(
        "update tests.jobs set next_tick_at = date_trunc('minute', kronos.now()),"
        " ticks_from = kronos.now() - interval '1 hour' where job_id = %s",
        [ticking],
    )
    superuser.execute("select kronos.fire(%s)", [ticking])
    (told,) = it.api.get(f"{it.base}/jobs/{ticking}/executions").json()["data"]
    assert (told["status"], told["status_reason"]["code"]) == ("SKIPPED", "quota_exceeded")
    assert (told["status_reason"]["used"], told["status_reason"]["limit"]) == (2, 2)
    explained = it.api.get(f"{it.base}/jobs/{ticking}/explain", params={"at": told["scheduled_at"]}).json()
    assert (explained["decision"], explained["code"]) == ("SKIPPED", "quota_exceeded"), explained
    with as_worker(own_api.database_url) as worker:
        token, ids = claim(worker, it.endpoint())
        finalize(worker, token, ids, status="PERMANENT")
    superuser.execute("select kronos.upkeep(100)")
    assert sorted(
        (row["cause"], row["status"], row["status_reason"]["code"])
        for row in records(
            superuser,
            "select cause, status, status_reason from kronos.execution_done where execution_id in "
            "(select execution_id from kronos.callbacks where caused_by_job_id = any (%s))",
            [calling],
        )
    ) == [("API", "FAILED", "quota_exceeded"), ("MANUAL", "SKIPPED", "quota_exceeded")]
    assert values(superuser, "select 1 from kronos.execution_live") == []
    refused(it.post(f"executions/{ids[0]}/retry"), 429, "executions_per_day", used=2, limit=2)
    operation = it.made("dead-letters/redrive")["operation_id"]
    superuser.execute("select kronos.upkeep(100)")
    ended = it.api.get(f"{it.base}/operations/{operation}").json()
    assert (ended["status"], ended["failures"]) == ("COMPLETED", {"quota_exceeded": 3})
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T12:00:00Z", "max_active": 5}
    superuser.execute("update tests.jobs set ticks_from = '2025-01-01' where job_id = %s", [called])
    backfill = it.made(f"jobs/{called}/backfill", window)
    assert (backfill["status"], backfill["created"]) == ("RUNNING", 0)
    # the next day
    superuser.execute("update kronos.quota_shards set day = day - 1")
    superuser.execute("select kronos.upkeep(100)")
    assert it.api.get(f"{it.base}/backfills/{backfill['backfill_id']}").json()["created"] == 2
    assert it.used == 2


def test_many_at_once_make_no_more_than_the_day_allows_and_no_fewer(day: Callable[[int], Day], own_api: Api) -> None:
    it = day(100)

    def make(nth: int) -> int:
        size = 1 + nth % 7
        with psycopg.connect(own_api.database_url, autocommit=True) as session:
            for _ in range(12):
                try:
                    session.execute("select kronos.count_executions(%s, %s)", [it.id, size])
                    made[nth] += size
                except psycopg.Error as refusal:
                    if refusal.sqlstate != "KR040":
                        raise
        return 0

    made = [0] * 8
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, range(8)))
    assert 94 <= sum(made) <= 100
    assert it.used == sum(made)
    while it.used < 100:
        it.made("jobs", NOW)
    refused(it.post("jobs", NOW), 429, "executions_per_day", used=100, limit=100)


@pytest.mark.parametrize("is_undone", [True, False])
def test_an_application_that_holds_the_last_of_a_day_holds_up_nobody_else(
    day: Callable[[int], Day], superuser: Connection, own_api: Api, is_undone: bool
) -> None:
    """The end of a delivery, a ring and upkeep serve all workspaces. None of them may wait for an application that has
    counted an execution and does not commit. What depends on it is decided afterwards.
    """
    it = day(4)
    ticking = it.made("jobs", CRON | {"cron": "* * * * *"})["job_id"]
    it.made("jobs", CRON | {"name": "called"})
    it.made("jobs:batch", {"jobs": [NOW | {"on_failure": {what: name}} for what, name in CALLBACKS]})
    with (
        psycopg.connect(own_api.database_url) as application,
        as_worker(own_api.database_url) as worker,
        psycopg.connect(own_api.database_url, autocommit=True) as ringing,
    ):
        # locks the rest of the quota, and counts one execution
        application.execute("select from kronos.quota_shards where workspace_id = %s for update", [it.id])
        application.execute("select kronos.count_executions(%s, 1)", [it.id])
        ringing.execute("set lock_timeout = '1ms'")
        worker.execute("set lock_timeout = '1ms'")
        token, ids = claim(worker, it.endpoint())
        assert finalize(worker, token, ids, status="PERMANENT") == dict.fromkeys(ids, "FAILED")
        superuser.execute(
            "update tests.jobs set next_tick_at = date_trunc('minute', kronos.now()),"
            " ticks_from = kronos.now() - interval '1 hour' where job_id = %s",
            [ticking],
        )
        ringing.execute("select kronos.fire(%s)", [ticking])
        operation = it.made("dead-letters/redrive")["operation_id"]
        ringing.execute("select kronos.upkeep(100)")
        undecided = "select count(*) from kronos.callbacks where due_at is not null"
        assert value(superuser, undecided) == 2
        assert value(superuser, "select count(*) from kronos.execution_live") == 0
        assert it.api.get(f"{it.base}/jobs/{ticking}/executions").json()["data"] == []
        assert it.api.get(f"{it.base}/operations/{operation}").json()["status"] == "RUNNING"
        assert values(superuser, "select job_id from kronos.job_faults") == []
        if is_undone:
            application.rollback()
        else:
            application.commit()
    superuser.execute("select kronos.fire(%s)", [ticking])
    superuser.execute("update kronos.callbacks set due_at = '-infinity' where due_at is not null")
    superuser.execute("update kronos.operations set next_at = '-infinity'")
    superuser.execute("select kronos.upkeep(100)")
    assert value(superuser, undecided) == 0
    assert it.used == 4
    assert value(superuser, "select count(*) from kronos.execution_live") == (2 if is_undone else 1)


def test_a_workspace_without_quotas_has_no_row_no_count_and_no_lock(own_api: Api, superuser: Connection) -> None:
    limited, free = make_workspace(own_api.client), make_workspace(own_api.client)
    limit(own_api.client, f"/v1/workspaces/{limited}", max_executions_per_day=5)
    (limited_id, free_id) = (
        value(superuser, "select workspace_id from kronos.workspaces where slug = %s", [slug])
        for slug in (limited, free)
    )
    with psycopg.connect(own_api.database_url) as holder:
        holder.execute("select from kronos.workspaces where workspace_id = %s for update", [free_id])
        holder.execute("lock table kronos.quota_shards in access exclusive mode")
        own_api.client.post(f"/v1/workspaces/{free}/jobs", json=NOW).raise_for_status()
        own_api.client.post(f"/v1/workspaces/{free}/jobs", json=NOW | {"name": "one"}).raise_for_status()
        job = own_api.client.post(f"/v1/workspaces/{free}/jobs", json=CRON).raise_for_status().json()["job_id"]
        own_api.client.post(f"/v1/workspaces/{free}/jobs/{job}/trigger", json={}).raise_for_status()
        superuser.execute("set lock_timeout = '1s'")
        superuser.execute("update tests.jobs set next_tick_at = now() where job_id = %s", [job])
        assert value(superuser, "select kronos.fire(%s)", [job]) == 1
    assert values(superuser, "select distinct workspace_id from kronos.quota_shards") == [limited_id]
