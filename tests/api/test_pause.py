"""Pause, resume and skip-next over HTTP: the answers, pg_cron's entries, and the ledger."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api_answers import counts, problem_of
from conftest import Api, minute_with_time_left

CRON = {"endpoint": "sink", "trigger": "CRON", "cron": "30 * * * *"}
LATER = {"starts_at": "2098-01-01T00:00:00Z"}  # so far ahead that the job looks the same at any time
MINUTE = timedelta(minutes=1)
JobJson = dict[str, Any]


@pytest.fixture
def base(workspace: str) -> str:
    return f"/v1/workspaces/{workspace}/jobs"


@pytest.fixture
def make(api: httpx.Client, base: str) -> Callable[..., str]:
    """Create a CRON job. Return its path."""

    def made(**fields: Any) -> str:
        answer = api.post(base, json=CRON | fields)
        assert answer.status_code == 201, answer.text
        return f"{base}/{answer.json()['job_id']}"

    return made


def post(api: httpx.Client, path: str, body: Any = None) -> JobJson:
    answer = api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    job: JobJson = answer.json()
    return job


def entry(superuser: psycopg.Connection, path: str) -> list[Any]:
    return superuser.execute(
        "select command from cron.job where jobname = %s", [f"kronos:{path.split('/')[-1]}"]
    ).fetchall()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_pause_says_who_why_since_when_and_until_when(
    api: httpx.Client, shared_api: Api, make: Callable[..., str], shared_superuser: psycopg.Connection
) -> None:
    path = make()
    before = datetime.now(UTC)

    paused = post(api, f"{path}/pause", {"note": "the audit", "until": "2098-12-01T09:15:00+01:00"})

    reason = paused["status_reason"]
    assert (paused["status"], reason["code"], reason["note"]) == ("PAUSED", "paused", "the audit")
    assert reason["actor"] == shared_api.key.split("_")[2]
    assert before - MINUTE < at(reason["at"]) < datetime.now(UTC) + MINUTE
    assert at(reason["until"]) == at(paused["resume_at"]) == at("2098-12-01T08:15:00Z")
    assert at(paused["next_run_at"]) == at("2098-12-01T08:30:00Z")
    assert (paused["pg_cron"], entry(shared_superuser, path)) == (None, [])
    assert api.get(path).json() == paused


def test_a_pause_without_terms_lasts_until_it_is_resumed(
    api: httpx.Client, make: Callable[..., str], shared_superuser: psycopg.Connection
) -> None:
    path = make(**LATER)
    made = api.get(path).json()

    paused = post(api, f"{path}/pause")
    assert set(paused["status_reason"]) == {"code", "detail", "actor", "at"}
    assert (paused["resume_at"], paused["next_run_at"], entry(shared_superuser, path)) == (None, None, [])

    resumed = post(api, f"{path}/resume")
    assert len(entry(shared_superuser, path)) == 1
    assert resumed | {"pg_cron": None} == made | {"pg_cron": None}
    assert post(api, f"{path}/resume") == resumed


def test_pausing_again_changes_only_what_is_given(api: httpx.Client, make: Callable[..., str]) -> None:
    path = make()
    paused = post(api, f"{path}/pause", {"note": "a", "until": "2098-01-01T00:00:00Z"})
    reason = paused["status_reason"]

    assert post(api, f"{path}/pause") == paused
    assert post(api, f"{path}/pause", {}) == paused
    assert post(api, f"{path}/pause", {"note": "b"})["status_reason"] == reason | {"note": "b"}

    longer = post(api, f"{path}/pause", {"until": "2098-02-01T00:00:00Z"})
    assert longer["status_reason"] == reason | {"note": "b", "until": "2098-02-01T00:00:00Z"}
    assert at(longer["resume_at"]) == at("2098-02-01T00:00:00Z")

    bare = post(api, f"{path}/pause", {"until": None, "note": None})
    assert bare["resume_at"] is None
    assert bare["status_reason"] == {key: reason[key] for key in ("code", "detail", "actor", "at")}


def test_a_resumed_job_has_no_end_of_its_pause(api: httpx.Client, make: Callable[..., str]) -> None:
    path = make()
    post(api, f"{path}/pause", {"until": "2098-01-01T00:00:00Z"})
    resumed = post(api, f"{path}/resume")
    assert (resumed["status"], resumed["status_reason"], resumed["resume_at"]) == ("ACTIVE", None, None)


def test_a_new_version_of_a_paused_job_is_paused_on_the_same_terms(
    api: httpx.Client, make: Callable[..., str], shared_superuser: psycopg.Connection
) -> None:
    path = make()
    paused = post(api, f"{path}/pause", {"note": "a", "until": "2098-01-01T00:00:00Z"})
    post(api, f"{path}/skip-next", {"count": 3})

    heir = api.patch(path, json={"cron": "45 * * * *"}).json()

    kept = ("status", "status_reason", "resume_at")
    assert {key: heir[key] for key in kept} == {key: paused[key] for key in kept}
    assert (heir["skip_next"], api.get(path).json()["resume_at"]) == (3, None)
    assert entry(shared_superuser, heir["job_id"]) == []


def test_the_ticks_of_a_pause_are_one_skipped_row_with_its_note(
    api: httpx.Client, make: Callable[..., str], shared_superuser: psycopg.Connection
) -> None:
    minute_with_time_left(shared_superuser)  # no tick falls before the pause
    path = make(cron="* * * * *")
    post(api, f"{path}/pause", {"note": "the audit"})
    began = backdate(shared_superuser, path, minutes=30)

    post(api, f"{path}/resume")

    (row,) = api.get(f"{path}/executions").json()["data"]
    (next_run,) = shared_superuser.execute(
        "select next_tick_at from tests.jobs where job_id = %s", [path.split("/")[-1]]
    ).fetchall()
    assert (row["status"], at(row["scheduled_at"])) == ("SKIPPED", began)
    assert (row["status_reason"]["code"], row["status_reason"]["note"]) == ("paused", "the audit")
    assert row["tick_count"] == row["status_reason"]["count"] == (next_run[0] - began) // MINUTE


def backdate(superuser: psycopg.Connection, path: str, *, minutes: int) -> datetime:
    """Set the job's pointer back, as if the job had halted that long ago. Return its new first tick."""
    (row,) = superuser.execute(
        """
        update tests.jobs
           set next_tick_at = date_trunc('minute', now()) - make_interval(mins => %(minutes)s),
               ticks_from   = date_trunc('minute', now()) - make_interval(mins => %(minutes)s) - interval '1 s'
         where job_id = %(job)s returning next_tick_at
        """,
        {"minutes": minutes, "job": path.split("/")[-1]},
    ).fetchall()
    tick: datetime = row[0]
    return tick


def test_the_next_ticks_are_skipped_each_recorded_in_the_ledger_and_the_one_after_them_runs(
    api: httpx.Client, make: Callable[..., str], shared_superuser: psycopg.Connection
) -> None:
    minute_with_time_left(shared_superuser)  # no tick falls before skip-next
    path = make(cron="* * * * *", catch_up={"policy": "ALL"})
    assert (post(api, f"{path}/skip-next", {"count": 3})["skip_next"], api.get(path).json()["skip_next"]) == (3, 3)
    first = backdate(shared_superuser, path, minutes=5)

    job_id = path.split("/")[-1]
    shared_superuser.execute("select kronos.account_ticks(array[%s::uuid], %s)", [job_id, first + 4 * MINUTE])

    rows = sorted(api.get(f"{path}/executions").json()["data"], key=lambda row: row["scheduled_at"])
    skipped = [row for row in rows if row["status"] == "SKIPPED"]
    assert sum(row["tick_count"] for row in skipped) == 3
    assert ({row["status_reason"]["code"] for row in skipped}, at(skipped[0]["scheduled_at"])) == ({"skip_next"}, first)
    assert [at(row["scheduled_at"]) for row in rows if row["status"] != "SKIPPED"] == [
        first + 3 * MINUTE,
        first + 4 * MINUTE,
    ]
    assert api.get(path).json()["skip_next"] == 0


def test_skipping_replaces_what_was_said_before_and_is_taken_back_with_0(
    api: httpx.Client, make: Callable[..., str]
) -> None:
    path = make()
    soon = at(api.get(path).json()["next_run_at"])
    hour = timedelta(hours=1)

    for count in (2, 5, 1, 0):
        job = post(api, f"{path}/skip-next", {"count": count})
        assert (job["skip_next"], job["status"], job["version"]) == (count, "ACTIVE", 1)
        assert at(job["next_run_at"]) in (
            soon + count * hour,
            soon + (count + 1) * hour,
        )  # if half past passes meanwhile
    assert post(api, f"{path}/skip-next", {"count": 10_000})["next_run_at"] is None


def test_a_tick_that_is_due_already_is_not_skipped(
    api: httpx.Client, make: Callable[..., str], shared_superuser: psycopg.Connection
) -> None:
    path = make(cron="0 0 1 1 *", catch_up={"policy": "ALL", "window_seconds": 86400})
    due = backdate(shared_superuser, path, minutes=10)

    assert post(api, f"{path}/skip-next", {"count": 1})["skip_next"] == 1

    (row,) = api.get(f"{path}/executions").json()["data"]
    assert (row["status"] in ("PENDING", "QUEUED"), at(row["scheduled_at"])) == (True, due)


def test_a_paused_jobs_ticks_do_not_use_up_those_that_are_to_be_skipped(
    api: httpx.Client, make: Callable[..., str], shared_superuser: psycopg.Connection
) -> None:
    path = make(cron="* * * * *")
    post(api, f"{path}/pause")
    assert post(api, f"{path}/skip-next", {"count": 2})["next_run_at"] is None
    backdate(shared_superuser, path, minutes=5)
    assert post(api, f"{path}/resume")["skip_next"] == 2


@pytest.mark.parametrize("operation", ["pause", "skip-next"])
@pytest.mark.parametrize("trigger", ["IMMEDIATE", "CRON"])
def test_what_is_no_live_cron_job_is_409_and_stays_as_it_was(
    api: httpx.Client, base: str, shared_superuser: psycopg.Connection, operation: str, trigger: str
) -> None:
    body = CRON if trigger == "CRON" else {"endpoint": "sink", "trigger": trigger}
    path = f"{base}/{api.post(base, json=body).json()['job_id']}"
    if trigger == "CRON":
        api.delete(path)
    before, job = counts(shared_superuser), api.get(path).json()

    problem = problem_of(api.post(f"{path}/{operation}", json={"count": 1} if operation == "skip-next" else None))

    assert (problem["status"], problem["code"]) == (409, "conflict")
    assert (counts(shared_superuser), api.get(path).json()) == (before, job)


@pytest.mark.parametrize("operation", ["pause", "resume", "skip-next"])
def test_an_absent_job_is_404(api: httpx.Client, base: str, operation: str) -> None:
    problem = problem_of(api.post(f"{base}/absent/{operation}", json={"count": 1} if operation == "skip-next" else {}))
    assert (problem["status"], problem["code"]) == (404, "job_not_found")


BAD: list[tuple[str, JobJson, str]] = [
    ("pause", {"until": "2020-01-01T00:00:00Z"}, "/until"),
    ("pause", {"until": "2098-01-01T00:00:00"}, "/until"),
    ("pause", {"until": "tomorrow"}, "/until"),
    ("pause", {"until": 4070908800}, "/until"),
    ("pause", {"until": "9999-01-01T00:00:00Z"}, "/until"),
    ("pause", {"note": " "}, "/note"),
    ("pause", {"note": "x" * 501}, "/note"),
    ("pause", {"resume_at": "2098-01-01T00:00:00Z"}, "/resume_at"),
    ("pause", {"note": "a", "until": "2020-01-01T00:00:00Z"}, "/until"),
    ("skip-next", {}, "/count"),
    ("skip-next", {"count": -1}, "/count"),
    ("skip-next", {"count": 10_001}, "/count"),
    ("skip-next", {"count": 1.5}, "/count"),
    ("skip-next", {"count": True}, "/count"),
    ("skip-next", {"count": "1"}, "/count"),
    ("skip-next", {"count": None}, "/count"),
    ("skip-next", {"count": 1, "until": "2098-01-01T00:00:00Z"}, "/until"),
    ("resume", {"note": "a"}, "/note"),
]


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED"])
def test_bad_input_is_refused_with_pointer_and_hint_and_nothing_is_written(
    api: httpx.Client, make: Callable[..., str], shared_superuser: psycopg.Connection, status: str
) -> None:
    path = make(**LATER)
    if status == "PAUSED":
        post(api, f"{path}/pause", {"note": "before"})
    before, job = counts(shared_superuser), api.get(path).json()
    for operation, body, pointer in BAD:
        problem = problem_of(api.post(f"{path}/{operation}", json=body))

        assert (problem["status"], problem["code"]) == (422, "input_validation_failed"), (operation, body)
        assert [error["pointer"] for error in problem["errors"]] == [pointer], (operation, body)
        assert all(error["detail"] and error["hint"] for error in problem["errors"]), (operation, body)
        assert (counts(shared_superuser), api.get(path).json()) == (before, job), (operation, body)
