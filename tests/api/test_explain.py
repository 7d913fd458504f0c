"""Why did a job not run? Each cause has its own code, shown over HTTP with evidence; and which tick `at` selects."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from api_answers import problem_of
from conftest import make_workspace
from explain_scene import HOUR, MINUTE, Scene, step_of
from sql_factory import records

BERLIN = {"cron": "30 2 * * *", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("cron", "wrong"),
    [
        ("31 9 17 2 *", "minute 30 does not match '31'"),
        ("30 8,10 17 2 *", "hour 9 does not match '8,10'"),
        ("30 9 17 3-12 *", "month 2 does not match '3-12'"),
        ("30 9 16 * *", "day of month 17 does not match '16'"),
        ("30 9 * * Mon,Wed", "weekday Tuesday does not match 'Mon,Wed'"),
        ("30 9 16 * Mon", "day of month 17 does not match '16' and weekday Tuesday does not match 'Mon'"),
    ],
)
def test_it_says_which_field_does_not_match(scene: Scene, cron: str, wrong: str) -> None:
    answer = scene.explain(scene.make(cron=cron), "2099-02-17T09:30:12Z")
    assert (answer["decision"], answer["code"], answer["tick"]) == ("NOT_DUE", "no_tick_at_this_minute", None)
    assert wrong in answer["because"]
    assert step_of(answer, "schedule")["holds"] is False


def test_the_fields_are_read_in_the_jobs_own_zone(scene: Scene) -> None:
    job_id = scene.make(cron="0 9 * * *", timezone="Asia/Kolkata")
    answer = scene.explain(job_id, "2099-02-17T03:30:00Z")
    assert (answer["decision"], answer["code"], answer["tick"]) == ("WILL_RUN", "in_the_future", "2099-02-17T03:30:00Z")
    assert step_of(answer, "schedule")["evidence"]["local"] == "2099-02-17T09:00:00+05:30"
    assert "hour 14 does not match '9'" in scene.explain(job_id, "2099-02-17T09:00:00Z")["because"]


@pytest.mark.parametrize("at", ["2099-02-17T09:00", "2099-02-17 09:00:00", "2099-02-17t09:00:00.000"])
def test_a_time_without_an_offset_is_local_in_the_jobs_zone(scene: Scene, at: str) -> None:
    job_id = scene.make(cron="0 9 * * *", timezone="Asia/Kolkata")
    answer = scene.explain(job_id, at)
    assert (answer["code"], answer["at"], answer["tick"]) == ("in_the_future", *["2099-02-17T03:30:00Z"] * 2)


@pytest.mark.parametrize(
    ("at", "instant"),
    [
        ("2027-03-28T02:30", "2027-03-28T01:00:00Z"),  # the clocks skip it: moved to 03:00 (dst_gap SHIFT)
        ("2027-10-31T02:30", "2027-10-31T00:30:00Z"),  # they show it twice: the first
        ("2027-07-01T02:30", "2027-07-01T00:30:00Z"),
        ("2027-12-01T02:30", "2027-12-01T01:30:00Z"),
    ],
)
def test_a_local_time_at_a_clock_change_is_the_instant_at_which_the_job_is_due(
    scene: Scene, at: str, instant: str
) -> None:
    answer = scene.explain(scene.make(**BERLIN), at)
    assert (answer["at"], answer["tick"], answer["decision"]) == (instant, instant, "WILL_RUN")


def test_a_one_shot_without_a_zone_is_asked_about_in_utc(scene: Scene) -> None:
    made = scene.client.post(
        f"/v1/workspaces/{scene.workspace}/jobs",
        json={"endpoint": "sink", "trigger": "DELAYED", "run_at": "2099-02-17T09:00:00+05:30"},
    ).json()
    assert scene.explain(made["job_id"], "2099-02-17T03:30")["at"] == "2099-02-17T03:30:00Z"


@pytest.mark.parametrize("at", ["2099-02-17", "09:00", "2099-02-30T09:00", "2099-02-17T9:00", "3000-01-01T09:00"])
def test_what_is_no_time_is_rejected_with_what_to_write(scene: Scene, at: str) -> None:
    answer = scene.client.get(f"/v1/workspaces/{scene.workspace}/jobs/any/explain", params={"at": at})
    assert problem_of(answer)["code"] == "invalid_request"
    assert answer.json()["errors"][0]["hint"]


def test_a_local_time_of_no_job_finds_no_job(scene: Scene) -> None:
    answer = scene.client.get(f"/v1/workspaces/{scene.workspace}/jobs/none/explain", params={"at": "2099-02-17T09:00"})
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize("path", ["ticks", "ticks/days"])
def test_a_window_without_offsets_is_in_the_jobs_zone(scene: Scene, path: str) -> None:
    job_id = scene.make(**BERLIN)
    url = f"/v1/workspaces/{scene.workspace}/jobs/{job_id}/{path}"
    window = {"from": "2026-07-01T00:00", "to": "2026-07-02 00:00"}
    answer = scene.client.get(url, params=window).json()
    assert (answer["since"], answer["until"]) == ("2026-06-30T22:00:00Z", "2026-07-01T22:00:00Z")
    turned = scene.client.get(url, params={"from": window["to"], "to": window["from"]})
    assert (turned.status_code, turned.json()["errors"][0]["pointer"]) == (422, "/to")


def test_an_interval_is_explained_by_its_arithmetic(scene: Scene) -> None:
    job_id = scene.make(every="90m", anchor="2026-01-01T00:00:00Z")
    assert scene.told(job_id, "2099-01-01T00:00:00Z") == ("WILL_RUN", "in_the_future")
    answer = scene.explain(job_id, "2099-01-01T01:00:00Z")
    assert answer["code"] == "no_tick_at_this_minute"
    assert "whole number of intervals of 90m" in answer["because"]


def test_before_starts_at_and_from_ends_at_on_it_does_not_run(scene: Scene) -> None:
    job_id = scene.make(cron="0 9 * * *", starts_at="2098-01-01T00:00:00Z", ends_at="2098-02-01T00:00:00Z")
    assert scene.told(job_id, "2097-12-31T09:00:00Z") == ("NOT_DUE", "before_starts_at")
    assert scene.told(job_id, "2098-01-01T09:00:00Z") == ("WILL_RUN", "in_the_future")
    assert scene.told(job_id, "2098-02-01T09:00:00Z") == ("NOT_DUE", "after_ends_at")


def test_a_job_that_ended_by_ends_at_says_so(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute - 5 * MINUTE, ends_at=(scene.minute + 9 * HOUR).isoformat())
    scene.connection.execute(
        "update kronos.jobs set ends_at = %s where job_id = %s", [scene.minute - 3 * MINUTE, job_id]
    )
    scene.connection.execute("select kronos.end_jobs(clock_timestamp())")
    assert scene.told(job_id, scene.minute + 2 * MINUTE) == ("NOT_DUE", "after_ends_at")


def test_a_job_whose_runs_are_used_up_says_so(scene: Scene) -> None:
    job_id, _ = scene.due(max_runs=1)
    assert scene.told(job_id, scene.minute + 2 * MINUTE) == ("NOT_DUE", "max_runs_reached")


def test_a_tick_beyond_what_max_runs_leaves_is_none(scene: Scene) -> None:
    """While the job is live: of its coming ticks the first is skipped and the next two run; all later ones are beyond
    max_runs.
    """
    job_id = scene.make(cron="0 9 * * *", max_runs=2, name="thrice")
    runs = [scene.client.post(f"{scene.base}/{job_id}/skip-next", json={"count": 1})]
    assert runs[0].status_code == 200, runs[0].text
    ahead = scene.client.get(f"{scene.base}/{job_id}/next-runs", params={"count": 5}).json()
    first, last = (datetime.fromisoformat(each["at"]) for each in ahead["next_runs"])
    day = timedelta(days=1)
    assert scene.told(job_id, first - day) == ("WILL_BE_SKIPPED", "skip_next")
    assert scene.told(job_id, first) == scene.told(job_id, last) == ("WILL_RUN", "in_the_future")
    answer = scene.explain(job_id, last + day)
    assert (answer["decision"], answer["code"]) == ("NOT_DUE", "max_runs_reached")
    assert "max_runs is 2" in answer["because"]
    assert scene.told(job_id, last + 300 * day) == ("NOT_DUE", "max_runs_reached")
    listed = scene.client.get(
        f"{scene.base}/{job_id}/ticks", params={"from": (first - day).isoformat(), "to": (last + 9 * day).isoformat()}
    ).json()
    assert [datetime.fromisoformat(each["tick"]) for each in listed["data"]] == [first - day, first, last]


def test_a_cancelled_job_says_so(scene: Scene) -> None:
    job_id = scene.make(cron="* * * * *")
    assert scene.client.delete(f"{scene.base}/{job_id}").status_code == 200
    answer = scene.explain(job_id, scene.minute + 2 * MINUTE)
    assert (answer["decision"], answer["code"]) == ("NOT_DUE", "cancelled")
    assert step_of(answer, "version")["evidence"]["status"] == "RETIRED"


def test_a_job_has_no_ticks_from_before_it_was_made(scene: Scene) -> None:
    job_id = scene.make(cron="* * * * *")
    assert scene.told(job_id, "2020-01-01T00:00:00Z") == ("NOT_DUE", "not_yet_created")
    made_at = scene.minute + timedelta(seconds=20)
    scene.connection.execute("update kronos.jobs set ticks_from = %s where job_id = %s", [made_at, job_id])
    assert scene.told(job_id, made_at + timedelta(seconds=5)) == ("NOT_DUE", "not_yet_created")


def test_the_version_in_force_at_the_instant_decides(scene: Scene) -> None:
    first = scene.make_old(scene.minute + 24 * HOUR, cron="0 9 * * *", name="report")
    second = scene.client.patch(f"{scene.base}/report", json={"cron": "30 9 * * *"}).json()["job_id"]

    answer = scene.explain("report", "2025-06-02T09:30:00Z")
    assert (answer["job_id"], answer["version_id"]) == (second, first)
    assert (answer["decision"], answer["code"]) == ("NOT_DUE", "other_version_in_force")
    assert scene.told(first, "2099-06-02T09:00:00Z") == ("NOT_DUE", "other_version_in_force")
    assert scene.told(first, "2099-06-02T09:30:00Z") == ("WILL_RUN", "in_the_future")
    assert scene.told("report", "2099-06-02T09:00:00Z") == ("NOT_DUE", "no_tick_at_this_minute")


def test_a_paused_job_says_since_when_and_why(scene: Scene) -> None:
    tick = scene.minute - 2 * MINUTE
    job_id = scene.make_old(tick)
    scene.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [scene.minute + HOUR, job_id])
    assert scene.client.post(f"{scene.base}/{job_id}/pause", json={"note": "until the audit"}).status_code == 200
    ahead = scene.explain(job_id, scene.minute + 2 * HOUR)
    assert (ahead["decision"], ahead["code"]) == ("WILL_BE_SKIPPED", "paused")
    assert "until the audit" in ahead["because"]

    scene.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [tick, job_id])
    assert scene.told(job_id, tick) == ("SKIPPED", "paused")
    assert scene.client.post(f"{scene.base}/{job_id}/resume").status_code == 200
    recorded = scene.explain(job_id, tick + MINUTE)
    assert (recorded["decision"], recorded["code"]) == ("SKIPPED", "paused")
    assert "until the audit" in recorded["because"]
    assert step_of(recorded, "pause")["evidence"]["count"] >= 3


def test_a_pause_with_an_end_skips_only_what_is_before_it(scene: Scene) -> None:
    job_id = scene.make(cron="* * * * *")
    until = scene.minute + 24 * HOUR
    assert scene.client.post(f"{scene.base}/{job_id}/pause", json={"until": until.isoformat()}).status_code == 200
    assert scene.told(job_id, until - HOUR) == ("WILL_BE_SKIPPED", "paused")
    assert scene.told(job_id, until + HOUR) == ("WILL_RUN", "in_the_future")


def test_a_suspended_workspace_says_so(scene: Scene) -> None:
    workspace = make_workspace(scene.client)
    base = f"/v1/workspaces/{workspace}"
    job_id = scene.client.post(
        f"{base}/jobs", json={"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *"}
    ).json()["job_id"]
    assert scene.client.patch(base, json={"status": "SUSPENDED"}).status_code == 200
    ahead = scene.explain(job_id, scene.minute + HOUR, workspace=workspace)
    assert (ahead["decision"], ahead["code"]) == ("WILL_BE_SKIPPED", "workspace_suspended")

    tick = scene.minute - MINUTE
    scene.connection.execute(
        "update tests.jobs set ticks_from = %s, next_tick_at = %s where job_id = %s", [tick - HOUR, tick, job_id]
    )
    assert scene.client.patch(base, json={"status": "ACTIVE"}).status_code == 200
    recorded = scene.explain(job_id, tick, workspace=workspace)
    assert (recorded["decision"], recorded["code"]) == ("SKIPPED", "workspace_suspended")


def test_a_tick_that_is_or_was_to_be_skipped_says_so(scene: Scene) -> None:
    tick = scene.minute - MINUTE
    job_id = scene.make(cron="* * * * *")
    assert scene.client.post(f"{scene.base}/{job_id}/skip-next", json={"count": 1}).status_code == 200
    pointer = datetime.fromisoformat(scene.client.get(f"{scene.base}/{job_id}").json()["next_run_at"])
    scene.connection.execute("update tests.jobs set next_tick_at = %s where job_id = %s", [pointer + HOUR, job_id])
    assert scene.told(job_id, pointer + HOUR) == ("WILL_BE_SKIPPED", "skip_next")
    assert scene.told(job_id, pointer + HOUR + MINUTE) == ("WILL_RUN", "in_the_future")

    scene.connection.execute(
        "update tests.jobs set ticks_from = %s, next_tick_at = %s where job_id = %s", [tick - HOUR, tick, job_id]
    )
    scene.ring(job_id, tick)
    assert scene.told(job_id, tick) == ("SKIPPED", "skip_next")


@pytest.mark.parametrize(
    ("at", "job", "told"),
    [
        ("2025-03-30T01:30:00Z", BERLIN | {"dst_gap": "SKIP"}, ("NOT_DUE", "dst_gap_skipped")),
        ("2025-03-30T01:00:00Z", BERLIN | {"dst_gap": "SKIP"}, ("NOT_DUE", "dst_gap_skipped")),
        ("2025-03-30T01:30:00Z", BERLIN, ("NOT_DUE", "dst_gap_shifted")),
        (
            "2025-03-30T01:00:00Z",
            BERLIN,
            ("UNACCOUNTED", "unaccounted"),
        ),  # its tick; no row was ever made for this invented past
        ("2025-03-30T01:30:00Z", BERLIN | {"dst_gap": "SHIFT_BY_GAP"}, ("UNACCOUNTED", "unaccounted")),  # likewise
        ("2025-03-30T01:00:00Z", BERLIN | {"dst_gap": "SHIFT_BY_GAP"}, ("NOT_DUE", "dst_gap_shifted")),
        ("2025-03-30T01:15:00Z", BERLIN | {"dst_gap": "SHIFT_BY_GAP"}, ("NOT_DUE", "no_tick_at_this_minute")),
        ("2025-03-30T00:30:00Z", BERLIN | {"dst_gap": "SHIFT_BY_GAP"}, ("NOT_DUE", "no_tick_at_this_minute")),
        ("2025-10-26T00:30:00Z", BERLIN, ("UNACCOUNTED", "unaccounted")),
        ("2025-10-26T01:30:00Z", BERLIN, ("NOT_DUE", "dst_overlap_second_pass")),
        ("2025-10-26T01:30:00Z", BERLIN | {"dst_overlap": "BOTH"}, ("UNACCOUNTED", "unaccounted")),
        ("2025-03-31T01:30:00Z", BERLIN, ("NOT_DUE", "no_tick_at_this_minute")),
    ],
)
def test_what_a_change_of_clocks_did_is_explained(
    scene: Scene, at: str, job: dict[str, Any], told: tuple[str, str]
) -> None:
    assert scene.told(scene.make_old(scene.minute + HOUR, **job), at) == told


def test_a_tick_that_was_moved_out_of_a_gap_says_so(scene: Scene) -> None:
    answer = scene.explain(scene.make_old(scene.minute + HOUR, **BERLIN), "2025-03-30T01:00:00Z")
    assert answer["tick"] == "2025-03-30T01:00:00Z"
    assert "dst_gap SHIFT moved" in step_of(answer, "schedule")["detail"]


def test_a_tick_that_was_moved_by_the_gaps_length_says_so(scene: Scene) -> None:
    job_id = scene.make_old(scene.minute + HOUR, **BERLIN, dst_gap="SHIFT_BY_GAP")
    moved, at_the_change = scene.explain(job_id, "2025-03-30T01:30:00Z"), scene.explain(job_id, "2025-03-30T01:00:00Z")
    assert moved["tick"] == "2025-03-30T01:30:00Z"
    assert "dst_gap SHIFT_BY_GAP moved a tick of that time to 2025-03-30T03:30" in step_of(moved, "schedule")["detail"]
    assert "dst_gap SHIFT_BY_GAP moved it to 2025-03-30T01:30:00Z" in at_the_change["because"]


def test_a_run_by_hand_is_explained_where_the_schedule_has_no_tick(scene: Scene) -> None:
    job_id = scene.make(cron="0 0 1 1 *", starts_at="2098-01-01T00:00:00Z")
    run = scene.client.post(f"{scene.base}/{job_id}/trigger").json()
    answer = scene.explain(job_id, run["scheduled_at"])
    assert (answer["decision"], answer["code"], answer["tick"]) == ("WAITING", "no_worker", None)
    assert step_of(answer, "execution")["evidence"]["execution_id"] == run["execution_id"]


def test_a_one_shot_is_explained_too(scene: Scene) -> None:
    delayed = scene.make(trigger="DELAYED", run_at="2099-01-01T00:00:00Z")
    assert scene.told(delayed) == ("WILL_RUN", "in_the_future")
    immediate = scene.make(trigger="IMMEDIATE")
    assert scene.told(immediate) == ("WAITING", "no_worker")


def test_a_group_that_no_worker_serves_is_named(scene: Scene) -> None:
    path = f"/v1/workspaces/{scene.base.split('/')[3]}/endpoints"
    present = scene.client.get(f"{path}/sink").json()
    changed = scene.client.put(f"{path}/sink", json={**present, "group": "gpu"})
    assert (changed.status_code, changed.json()["group"]) == (200, "gpu")
    job_id = scene.make(trigger="IMMEDIATE")
    with psycopg.connect(scene.connection.info.dsn, password=scene.connection.info.password, autocommit=True) as other:
        other.execute("set application_name = 'kronos-worker-claim'")
        assert scene.told(job_id) == ("WAITING", "no_worker_in_group")
        assert "kronos worker --group gpu" in scene.explain(job_id)["because"]
        status = scene.client.get(f"{scene.base}/{job_id}/status").json()
        assert "no worker serves the group gpu" in " ".join(status["warnings"])
        other.execute("select pg_advisory_lock_shared(hashtext('kronos.worker_group'), hashtext('gpu'))")
        assert scene.told(job_id) == ("WAITING", "queued")


def test_without_an_instant_it_is_about_now(scene: Scene) -> None:
    before = datetime.now(UTC)
    answer = scene.explain(scene.make(cron="0 0 1 1 *"))
    assert abs(datetime.fromisoformat(answer["at"]) - before) < HOUR


def test_a_job_that_is_not_there_or_anothers_is_404_and_a_wrong_instant_400(scene: Scene) -> None:
    other = make_workspace(scene.client)
    job_id = scene.make(cron="* * * * *")
    for path in (f"{scene.base}/{uuid.uuid4()}/explain", f"/v1/workspaces/{other}/jobs/{job_id}/explain"):
        assert problem_of(scene.client.get(path))["code"] == "job_not_found"
    for at in ("yesterday", "2026-01-01", "2026-01-01T00", "9999-01-01T00:00:00Z"):
        problem = problem_of(scene.client.get(f"{scene.base}/{job_id}/explain", params={"at": at}))
        assert (problem["status"], problem["errors"][0]["pointer"], bool(problem["errors"][0]["hint"])) == (
            400,
            "/at",
            True,
        )


def test_explaining_writes_nothing(scene: Scene) -> None:
    job_id, tick = scene.due()
    before = records(scene.connection, "select * from kronos.jobs where job_id = %s", [job_id])
    scene.explain(job_id, tick)
    assert records(scene.connection, "select * from kronos.jobs where job_id = %s", [job_id]) == before
