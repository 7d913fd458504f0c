"""A job says how far it may be moved, a plan of the load says by how much, and a PATCH moves it."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from api_answers import problem_of


class Scene:
    """A workspace and its jobs."""

    def __init__(self, api: httpx.Client, workspace: str) -> None:
        self.api, self.base = api, f"/v1/workspaces/{workspace}"

    def make(self, name: str, **terms: object) -> dict[str, Any]:
        body = {"name": name, "endpoint": "sink", "trigger": "CRON", "cron": "5 9 * * *", **terms}
        made = self.api.post(f"{self.base}/jobs", json=body)
        assert made.status_code == 201, made.text
        job: dict[str, Any] = made.json()
        return job

    def plan(self, window: str = "24h") -> dict[str, Any]:
        answer = self.api.get(f"{self.base}/load/plan", params={"window": window})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def patch(self, job: str, **changes: object) -> httpx.Response:
        return self.api.patch(f"{self.base}/jobs/{job}", json=changes)


@pytest.fixture
def scene(api: httpx.Client, workspace: str) -> Scene:
    return Scene(api, workspace)


@pytest.mark.parametrize("window", ["24h", "7d"])
def test_a_plan_is_shown_applied_by_patches_and_then_done(scene: Scene, window: str) -> None:
    for nth in range(4):
        made = scene.make(f"nine-{nth}", spread="3m" if nth else None)
        assert (made["spread"], made["offset_seconds"]) == ("3m" if nth else None, 0)
    plan = scene.plan(window)
    assert (plan["jobs"], plan["left_out"], plan["before"], plan["after"]) == (3, 0, 4, 1)
    assert sorted(move["offset_seconds"] for move in plan["moves"]) == [60, 120, 180]
    assert scene.plan(window)["moves"], "reading a plan changes nothing"
    for move in plan["moves"]:
        moved = scene.patch(move["job_id"], offset_seconds=move["offset_seconds"])
        assert moved.json()["offset_seconds"] == move["offset_seconds"]
    again = scene.plan(window)
    assert (again["moves"], again["before"], again["after"]) == ([], 1, 1)


def test_what_may_be_moved_by_seconds_only_is_not_counted(scene: Scene) -> None:
    """A plan moves jobs by whole minutes. It used to count such a job as movable, and never moved it."""
    scene.make("seconds", spread="59s")
    scene.make("hurried", spread="5m", deadline_seconds=60)
    scene.make("still")
    plan = scene.plan()
    assert (plan["jobs"], plan["left_out"], plan["before"], plan["moves"]) == (0, 0, 3, [])
    assert scene.patch("seconds", offset_seconds=59).status_code == 200
    scene.make("minute", spread="60s")
    assert (scene.plan()["jobs"], scene.plan()["after"]) == (1, 3)


def test_new_times_stand_in_the_preview_of_the_job(scene: Scene) -> None:
    scene.make("nine", spread="5m")
    before = scene.api.get(f"{scene.base}/jobs/nine/next-runs", params={"count": 2}).json()["next_runs"]
    assert [run["run_at"] for run in before] == [None, None]
    assert scene.patch("nine", offset_seconds=240).status_code == 200
    after = scene.api.get(f"{scene.base}/jobs/nine/next-runs", params={"count": 2}).json()["next_runs"]
    assert [run["at"] for run in after] == [run["at"] for run in before]
    for run in after:
        moved = datetime.fromisoformat(run["run_at"]) - datetime.fromisoformat(run["at"])
        assert moved == timedelta(minutes=4)


def test_an_offset_stays_within_the_spread(scene: Scene) -> None:
    scene.make("nine", spread="5m")
    refused = scene.patch("nine", offset_seconds=301)
    assert refused.status_code == 422
    problem = problem_of(refused)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/offset_seconds"]
    assert scene.patch("nine", offset_seconds=300).json()["offset_seconds"] == 300
    kept = scene.patch("nine", input={"x": 1}).json()
    assert (kept["spread"], kept["offset_seconds"]) == ("5m", 300)
    shorter = scene.patch("nine", spread="2m").json()
    assert (shorter["spread"], shorter["offset_seconds"]) == ("2m", 120)
    none = scene.patch("nine", spread=None).json()
    assert (none["spread"], none["offset_seconds"]) == (None, 0)


@pytest.mark.parametrize("spread", ["0s", "61m", "2h", "5 m", "1000s", "", "5M"])
def test_a_spread_is_a_short_time_of_an_hour_at_most(scene: Scene, spread: str) -> None:
    body = {"name": "nine", "endpoint": "sink", "trigger": "CRON", "cron": "5 9 * * *", "spread": spread}
    assert scene.api.post(f"{scene.base}/jobs", json=body).status_code == 422


def test_what_the_instance_was_seen_to_do_stands_beside_its_load(scene: Scene) -> None:
    measured = scene.api.get("/v1/system/load").json()["measured"]
    assert set(measured) == {"rings_per_second", "ticks_per_second", "deliveries_per_second"}
