"""A job's ticks within a window, and per day: both describe each tick exactly as `explain` does."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from api_answers import problem_of
from conftest import make_workspace
from explain_scene import HOUR, MINUTE, OUTCOMES, Scene, end_tick, every_kind
from sql_factory import value


def _ticks(scene: Scene, job: str, **query: Any) -> dict[str, Any]:
    asked = {name.rstrip("_"): each.isoformat() if isinstance(each, datetime) else each for name, each in query.items()}
    response = scene.client.get(f"{scene.base}/{job}/ticks", params=asked)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def _days(scene: Scene, job: str, **query: Any) -> dict[str, Any]:
    asked = {name.rstrip("_"): each.isoformat() if isinstance(each, datetime) else each for name, each in query.items()}
    response = scene.client.get(f"{scene.base}/{job}/ticks/days", params=asked)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def _as_explained(scene: Scene, job: str, **window: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the window's ticks, and their dispositions in order, after comparing each with `explain`.

    A tick that becomes due between the two answers differs in them. Then both are requested again.
    """
    for _ in range(3):
        listed = _ticks(scene, job, **window)
        explained = [scene.explain(job, each["tick"]) for each in listed["data"]]
        if _ticks(scene, job, **window)["data"] == listed["data"]:
            break
    for each, told in zip(listed["data"], explained, strict=True):
        assert told["tick"] == each["tick"]
        assert (each["decision"], each["code"], each["version_id"]) == (
            told["decision"],
            told["code"],
            told["version_id"],
        ), each
        if each["completed_at"] is not None:
            assert each["because"] == told["because"]
    return listed, [each["disposition"] for each in listed["data"]]


def _as_counted(scene: Scene, job: str, listed: dict[str, Any]) -> None:
    """Check that the days' counts equal the list's, up to now."""
    counted: Counter[str] = Counter()
    for day in _days(scene, job, from_=listed["since"], to=listed["until"])["data"]:
        counted.update(day["ticks"])
    past = [each["disposition"] for each in listed["data"] if each["tick"] <= listed["at"]]
    assert counted == Counter(past)


def test_each_tick_is_as_explain_says_and_the_days_count_them(scene: Scene) -> None:
    job_id, first = every_kind(scene)
    listed, told = _as_explained(scene, "report", from_=first, to=first + 12 * MINUTE)
    assert told == [
        *(disposition for *_, disposition in OUTCOMES),
        "PAUSED",
        "PAUSED",
        "PAUSED",
        "UNACCOUNTED",
    ]
    assert [each["tick_count"] for each in listed["data"]][-4:] == [3, 3, 3, 1]
    assert len({each["execution_id"] for each in listed["data"]}) == len(OUTCOMES) + 2
    _as_counted(scene, "report", listed)
    # The pause's row began before this window.
    within, told = _as_explained(scene, job_id, from_=first + 9 * MINUTE, to=first + 11 * MINUTE)
    assert told == ["PAUSED", "PAUSED"]
    _as_counted(scene, job_id, within)


def test_ticks_that_are_due_or_to_come_are_as_explain_says(scene: Scene) -> None:
    pointer = scene.minute - 3 * MINUTE
    job_id = scene.make_old(pointer, overlap="SKIP")
    scene.ring(job_id, pointer)  # the first tick is queued
    scene.connection.execute(
        "update kronos.execution_live set claim_token = gen_random_uuid(), worker_id = 'w1', claimed_at = now(), "
        "started_at = now(), attempt_count = 1, visible_at = now() + interval '1 hour' where job_id = %s",
        [job_id],
    )
    assert scene.client.post(f"{scene.base}/{job_id}/skip-next", json={"count": 2}).status_code == 200
    scene.connection.execute(
        "update tests.jobs set next_tick_at = %s, skip_next = 1 where job_id = %s", [pointer + MINUTE, job_id]
    )
    scene.connection.execute("delete from kronos.execution_done where job_id = %s", [job_id])
    until = scene.minute + 24 * HOUR
    listed, told = _as_explained(scene, job_id, from_=pointer, to=until, limit=20)
    assert told[0] == "RUNNING"
    assert told[1] == "TO_BE_SKIPPED"  # due, and the next tick to be skipped
    assert set(told[2:4]) <= {"OVERDUE", "UPCOMING"}  # depending on whether this minute has ended
    assert told[-1] == "UPCOMING"
    assert listed["next_from"] == (pointer + 20 * MINUTE).isoformat().replace("+00:00", "Z")
    again = _ticks(scene, job_id, from_=listed["next_from"], to=until, limit=1)
    assert again["data"][0]["tick"] == listed["next_from"]


@pytest.mark.parametrize("change", ["pause", "cancel", "patch"])
def test_ticks_of_a_paused_a_cancelled_and_a_changed_job_are_as_explain_says(scene: Scene, change: str) -> None:
    every_kind(scene)
    if change == "pause":
        assert scene.client.post(f"{scene.base}/report/pause", json={"note": "audit"}).status_code == 200
    elif change == "cancel":
        assert scene.client.delete(f"{scene.base}/report").status_code == 200
    else:
        assert scene.client.patch(f"{scene.base}/report", json={"cron": "*/2 * * * *"}).status_code == 200
    window = {"from_": scene.minute - 45 * MINUTE, "to": scene.minute + 9 * MINUTE}
    listed, told = _as_explained(scene, "report", **window)
    assert told[0] == "UNACCOUNTED"
    assert "MISSED" in told  # the change settled what was due before it
    assert {"pause": "TO_BE_SKIPPED", "patch": "UPCOMING", "cancel": "MISSED"}[change] in told[-3:] + told[-8:]
    assert ("UPCOMING" in told) == (change == "patch")
    assert [each["version"] for each in listed["data"]][-1] == (2 if change == "patch" else 1)
    assert sorted(each["tick"] for each in listed["data"]) == [each["tick"] for each in listed["data"]]


def test_no_more_ticks_are_to_come_than_max_runs_leaves(scene: Scene) -> None:
    job_id = scene.make(cron="* * * * *", max_runs=3)
    listed = _ticks(scene, job_id, from_=scene.minute, to=scene.minute + HOUR)
    assert [each["disposition"] for each in listed["data"]] == ["UPCOMING"] * 3


def test_days_are_those_of_the_jobs_zone_or_another(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute + 24 * HOUR, cron="30 23 * * *", timezone="Asia/Kolkata")
    end_tick(scene, job_id, datetime.fromisoformat("2026-03-01T18:00:00+00:00"), "SUCCESS", "SCHEDULE", None)
    end_tick(scene, job_id, datetime.fromisoformat("2026-03-02T18:00:00+00:00"), *OUTCOMES[2][:3])
    window = {"from_": "2026-03-01T12:00:00Z", "to": "2026-03-03T12:00:00Z"}
    assert _days(scene, job_id, **window)["data"] == [
        {"day": "2026-03-01", "ticks": {"DELIVERED": 1}},
        {"day": "2026-03-02", "ticks": {"FAILED": 1}},
    ]
    elsewhere = _days(scene, job_id, **window, timezone="Pacific/Auckland")
    assert [each["day"] for each in elsewhere["data"]] == ["2026-03-02", "2026-03-03"]
    assert elsewhere["timezone"] == "Pacific/Auckland"


def test_what_is_beyond_retention_says_so(scene: Scene) -> None:
    workspace = make_workspace(scene.client)
    base = f"/v1/workspaces/{workspace}/jobs"
    body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *"}
    job_id = scene.client.post(base, json=body).json()["job_id"]
    scene.connection.execute(
        "update tests.jobs set ticks_from = '2024-01-01', next_tick_at = %s where job_id = %s",
        [scene.minute + 24 * HOUR, job_id],
    )
    scene.connection.execute(
        "insert into kronos.workspace_retention (workspace_id, forgotten_before) select workspace_id, '2026-02-01' "
        "from kronos.workspaces where slug = %s",
        [workspace],
    )
    window = {"from": "2026-01-30T00:00:00Z", "to": "2026-02-02T00:00:00Z"}
    listed = scene.client.get(f"{base}/{job_id}/ticks", params=window).json()
    assert listed["retained_from"] == "2026-02-01T00:00:00Z"
    assert [(each["disposition"], each["code"]) for each in listed["data"]] == [
        ("UNKNOWN", "beyond_retention"),
        ("UNKNOWN", "beyond_retention"),
        ("UNACCOUNTED", "unaccounted"),
    ]
    for each in listed["data"]:
        assert scene.explain(job_id, each["tick"], workspace=workspace)["because"] == each["because"]
    days = scene.client.get(f"{base}/{job_id}/ticks/days", params=window).json()
    assert [each["ticks"] for each in days["data"]] == [{"UNKNOWN": 1}, {"UNKNOWN": 1}, {"UNACCOUNTED": 1}]


def test_of_very_many_overdue_ticks_those_that_are_told_alone_are_bounded(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute - 100 * MINUTE)
    scene.connection.execute("update kronos.heartbeats set rang_at = clock_timestamp()")
    listed = _ticks(scene, job_id, from_=scene.minute - 100 * MINUTE, to=scene.minute)
    assert {each["decision"] for each in listed["data"]} == {"OVERDUE"}
    assert [each["code"] for each in listed["data"]].count("overdue") == 80
    assert scene.told(job_id, listed["data"][0]["tick"])[1] == listed["data"][0]["code"]
    _as_counted(scene, job_id, listed)


def test_a_malformed_job_has_no_ticks_and_a_one_shot_none_at_all(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute - MINUTE)
    scene.connection.execute("update kronos.jobs set schedule.months = 1 << 20 where job_id = %s", [job_id])
    assert _ticks(scene, job_id)["data"] == _days(scene, job_id)["data"] == []
    once = scene.make(trigger="DELAYED", run_at="2099-01-01T00:00:00Z")
    problem = problem_of(scene.client.get(f"{scene.base}/{once}/ticks"))
    assert (problem["status"], "only CRON jobs have ticks" in problem["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("path", "query", "status", "pointer"),
    [
        ("ticks", {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422, "/to"),
        ("ticks", {"limit": "1001"}, 400, "/limit"),
        ("ticks", {"from": "yesterday"}, 400, "/from"),
        ("ticks/days", {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, 422, "/from"),
        ("ticks/days", {"timezone": "Mars/Base"}, 422, "/timezone"),
    ],
)
def test_a_window_that_is_none_is_refused(
    scene: Scene, path: str, query: dict[str, str], status: int, pointer: str
) -> None:
    job_id = scene.make(cron="* * * * *")
    problem = problem_of(scene.client.get(f"{scene.base}/{job_id}/{path}", params=query))
    assert (problem["status"], problem["errors"][0]["pointer"], bool(problem["errors"][0]["hint"])) == (
        status,
        pointer,
        True,
    )


def test_another_workspaces_ticks_are_404(scene: Scene) -> None:
    other = make_workspace(scene.client)
    job_id = scene.make(cron="* * * * *")
    for path in ("ticks", "ticks/days"):
        problem = problem_of(scene.client.get(f"/v1/workspaces/{other}/jobs/{job_id}/{path}"))
        assert problem["code"] == "job_not_found"
    assert value(scene.connection, "select count(*) from kronos.jobs where job_id = %s", [job_id]) == 1
