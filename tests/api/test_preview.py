"""Previews over HTTP, of schedules that are not saved and of jobs, and `kronos next`: all three give the same
answer.
"""

import httpx
import psycopg
import pytest

from kronos.api.fields import MAX_CRON_CHARACTERS

_OPEN = {"rolled_from": None, "reason": None, "run_at": None}
PREVIEW = "/v1/schedules/preview"


def preview(api: httpx.Client, **body: object) -> dict[str, object]:
    answer = api.post(PREVIEW, json=body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, object] = answer.json()
    return shown


def test_a_preview_shows_a_shifted_run_in_the_zone(api: httpx.Client) -> None:
    shown = preview(api, cron="30 2 * * *", timezone="Europe/Berlin", after="2026-03-28T12:00:00Z", count=2)

    assert shown == {
        "description": "At 02:30",
        "next_runs": [
            {"at": "2026-03-29T01:00:00Z", "local": "2026-03-29T03:00:00+02:00", "dst": "shifted", **_OPEN},
            {"at": "2026-03-30T00:30:00Z", "local": "2026-03-30T02:30:00+02:00", "dst": None, **_OPEN},
        ],
        "skipped": [],
        "lints": [
            "02:30 on 2026-03-29 does not exist in Europe/Berlin, "
            "as clocks go forward: the run moves to 03:00 (dst_gap SHIFT)",
            "02:30 on 2026-10-25 occurs twice in Europe/Berlin, "
            "as clocks go back: it runs the first time only (dst_overlap FIRST)",
            "02:30 on 2027-03-28 does not exist in Europe/Berlin, "
            "as clocks go forward: the run moves to 03:00 (dst_gap SHIFT)",
        ],
    }


def test_a_skipped_tick_stands_beside_the_runs(api: httpx.Client) -> None:
    shown = preview(
        api, cron="30 2 * * *", timezone="Europe/Berlin", after="2026-03-28T12:00:00Z", count=1, dst_gap="SKIP"
    )

    assert shown["next_runs"] == [
        {"at": "2026-03-30T00:30:00Z", "local": "2026-03-30T02:30:00+02:00", "dst": None, **_OPEN}
    ]
    assert shown["skipped"] == [
        {"at": "2026-03-29T01:00:00Z", "local": "2026-03-29T02:30:00", "dst": "skipped", "reason": None}
    ]


def test_a_repeated_time_runs_twice_where_both_are_asked_for(api: httpx.Client) -> None:
    body = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "after": "2026-10-24T12:00:00Z", "count": 2}

    both, first = preview(api, **body, dst_overlap="BOTH"), preview(api, **body)

    assert both["next_runs"] == [
        {"at": "2026-10-25T00:30:00Z", "local": "2026-10-25T02:30:00+02:00", "dst": "repeated", **_OPEN},
        {"at": "2026-10-25T01:30:00Z", "local": "2026-10-25T02:30:00+01:00", "dst": "repeated", **_OPEN},
    ]
    assert first["next_runs"] == [
        {"at": "2026-10-25T00:30:00Z", "local": "2026-10-25T02:30:00+02:00", "dst": "repeated", **_OPEN},
        {"at": "2026-10-26T01:30:00Z", "local": "2026-10-26T02:30:00+01:00", "dst": None, **_OPEN},
    ]


def test_an_interval_is_counted_from_its_anchor(api: httpx.Client) -> None:
    shown = preview(
        api, every="90m", anchor="2026-11-20T09:00:00Z", timezone="Asia/Kolkata", after="2026-11-20T09:00:00Z", count=2
    )

    assert shown == {
        "description": "Every 90 minutes, counted from 2026-11-20 09:00 UTC",
        "next_runs": [
            {"at": "2026-11-20T10:30:00Z", "local": "2026-11-20T16:00:00+05:30", "dst": None, **_OPEN},
            {"at": "2026-11-20T12:00:00Z", "local": "2026-11-20T17:30:00+05:30", "dst": None, **_OPEN},
        ],
        "skipped": [],
        "lints": [],
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/cron"),
        ({"cron": "* * * * *", "every": "5m"}, "/every"),
        ({"cron": "* * * * *", "anchor": "2026-11-20T09:00:00Z"}, "/anchor"),
        ({"cron": "61 * * * *"}, "/cron"),
        ({"cron": "0 0 30 2 *"}, "/cron"),
        ({"cron": "0 0 L-30 4,6 *", "timezone": "Europe/Berlin", "dst_gap": "SKIP"}, "/cron"),
        ({"cron": "0 " * 101}, "/cron"),
        ({"cron": "* * * * *", "timezone": "Mars/Olympus"}, "/timezone"),
        ({"cron": "* * * * *", "dst_gap": "MOVE"}, "/dst_gap"),
        ({"every": "soon"}, "/every"),
    ],
)
def test_a_preview_of_nonsense_is_refused_with_a_hint(api: httpx.Client, body: dict[str, object], pointer: str) -> None:
    answer = api.post(PREVIEW, json=body)

    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["pointer"] == pointer
    assert fault["hint"]


def test_a_date_that_never_comes_is_refused_as_when_its_job_is_made(api: httpx.Client, workspace: str) -> None:
    never = {"cron": "0 0 31 4,6 *", "timezone": "Europe/Berlin"}

    shown = api.post(PREVIEW, json=never)
    made = api.post(f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", "trigger": "CRON"} | never)

    assert (shown.status_code, shown.json()["code"]) == (422, "invalid_cron")
    assert (shown.status_code, shown.json()["code"], shown.json()["errors"]) == (
        made.status_code,
        made.json()["code"],
        made.json()["errors"],
    )
    assert shown.json()["errors"][0]["pointer"] == "/cron"


def test_where_every_tick_is_skipped_they_are_shown(api: httpx.Client) -> None:
    shown = preview(
        api, cron="0,30 2 * 3 sunL", timezone="Europe/Berlin", after="2026-03-28T12:00:00Z", count=3, dst_gap="SKIP"
    )

    assert shown["next_runs"] == []
    assert shown["skipped"] == [
        {"at": "2026-03-29T01:00:00Z", "local": "2026-03-29T02:00:00", "dst": "skipped", "reason": None},
        {"at": "2026-03-29T01:00:00Z", "local": "2026-03-29T02:30:00", "dst": "skipped", "reason": None},
        {"at": "2027-03-28T01:00:00Z", "local": "2027-03-28T02:00:00", "dst": "skipped", "reason": None},
    ]
    assert isinstance(shown["lints"], list)
    assert shown["lints"][0] == "the schedule does not fire again"


def test_there_is_one_limit_for_the_text(api: httpx.Client, shared_superuser: psycopg.Connection) -> None:
    assert shared_superuser.execute("select kronos.cron_length()").fetchone() == (MAX_CRON_CHARACTERS,)
    longest = "0 9 * * 1".ljust(MAX_CRON_CHARACTERS)

    (fault,) = api.post(PREVIEW, json={"cron": longest + " "}).json()["errors"]

    assert preview(api, cron=longest)["description"] == "At 09:00 on Monday"
    with pytest.raises(psycopg.Error) as caught:
        shared_superuser.execute("select kronos.parse_cron(%s)", [longest + " "])
    assert fault["detail"] == caught.value.diag.message_primary == "cron text: 201 characters; at most 200 are allowed"


def make_job(api: httpx.Client, workspace: str, **fields: object) -> str:
    made = api.post(f"/v1/workspaces/{workspace}/jobs", json={"endpoint": "sink", "trigger": "CRON"} | fields)
    assert made.status_code == 201, made.text
    return f"/v1/workspaces/{workspace}/jobs/{made.json()['job_id']}"


def test_a_jobs_next_runs_are_its_schedules_preview(api: httpx.Client, workspace: str) -> None:
    schedule = {"cron": "*/7 2 13 * 5", "timezone": "America/New_York", "dst_gap": "SKIP", "dst_overlap": "BOTH"}
    job = make_job(api, workspace, **schedule)

    shown = api.get(f"{job}/next-runs", params={"count": 100}).json()

    assert shown == preview(api, **schedule, count=100)
    assert len(shown["next_runs"]) == 100
    assert shown["lints"][0].startswith("day of month and weekday are both given")


@pytest.mark.parametrize(
    ("cron", "alarm", "description", "tick"),
    [
        (
            "0 9 L-1 * ?\n",
            "0 9 27-30 * *",
            "At 09:00 on the day before the last day of the month",
            "2127-01-30T09:00:00Z",
        ),
        ("0 9 L-1W * *", "0 9 26-31 * *", None, "2127-01-30T09:00:00Z"),
        ("0 22-6/4 * nov-feb sat-mon", "0 2,6,22 * 1,2,11,12 0,1,6", None, "2127-01-04T02:00:00Z"),
    ],
)
def test_a_job_of_what_pg_cron_lacks_is_stored_named_and_explained(
    api: httpx.Client, workspace: str, cron: str, alarm: str, description: str | None, tick: str
) -> None:
    job = make_job(api, workspace, cron=cron, starts_at="2127-01-03T23:00:00Z")

    shown, upcoming = api.get(job).json(), api.get(f"{job}/next-runs").json()
    explained = api.get(f"{job}/explain", params={"at": tick}).json()

    assert (shown["cron"], shown["pg_cron"]["schedule"], shown["next_run_at"]) == (
        cron,
        alarm,
        upcoming["next_runs"][0]["at"],
    )
    assert upcoming["next_runs"][0]["at"] == tick
    assert shown["description"] == upcoming["description"] == description or description is None
    assert explained["decision"] == "WILL_RUN", explained


def test_a_jobs_next_runs_stay_within_its_window(api: httpx.Client, workspace: str) -> None:
    job = make_job(
        api, workspace, cron="30 2 * * *", timezone="Europe/Berlin", dst_gap="SKIP",
        starts_at="2127-03-29T01:30:00Z", ends_at="2127-04-01T00:30:00Z",
    )  # fmt: skip

    shown = api.get(f"{job}/next-runs").json()

    # 30 March 2127 is a Sunday, the last one of its month.
    assert [run["local"] for run in shown["next_runs"]] == ["2127-03-29T02:30:00+01:00", "2127-03-31T02:30:00+02:00"]
    assert [tick["local"] for tick in shown["skipped"]] == ["2127-03-30T02:30:00"]
    assert shown["lints"] == [
        "02:30 on 2127-03-30 does not exist in Europe/Berlin, as clocks go forward: the run is skipped (dst_gap SKIP)"
    ]


def test_a_job_has_no_more_next_runs_than_runs_left(api: httpx.Client, workspace: str) -> None:
    job = make_job(api, workspace, cron="0 9 * * *", max_runs=2)

    assert len(api.get(f"{job}/next-runs").json()["next_runs"]) == 2


def test_ticks_that_are_to_be_skipped_are_no_next_runs(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = make_job(api, workspace, cron="0 9 * * *", starts_at="2126-12-01T00:00:00Z")
    shared_superuser.execute("update kronos.jobs set skip_next = 2 where job_id = %s", [job.rpartition("/")[2]])

    shown = api.get(f"{job}/next-runs", params={"count": 1}).json()

    assert [run["at"] for run in shown["next_runs"]] == ["2126-12-03T09:00:00Z"]
    assert shown["lints"] == ["ticks that will be skipped before the next run (skip_next): 2"]


def test_a_paused_job_says_so_and_shows_what_a_resumption_would_bring(
    api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection
) -> None:
    job = make_job(api, workspace, cron="0 9 * * *")
    assert api.post(f"{job}/pause").status_code == 200

    for_ever = api.get(f"{job}/next-runs").json()
    shared_superuser.execute(
        "update kronos.jobs set resume_at = '2126-12-01T09:00:00Z' where job_id = %s", [job.rpartition("/")[2]]
    )
    for_a_time = api.get(f"{job}/next-runs", params={"count": 1}).json()

    assert (len(for_ever["next_runs"]), for_ever["lints"]) == (
        10,
        ["the job is paused: nothing runs until it is resumed"],
    )
    assert [run["at"] for run in for_a_time["next_runs"]] == ["2126-12-01T09:00:00Z"]  # it resumes with that tick
    assert for_a_time["lints"] == ["the job is paused: nothing runs until 2126-12-01T09:00:00Z"]


def test_a_job_that_is_over_has_no_next_runs(api: httpx.Client, workspace: str) -> None:
    job = make_job(api, workspace, cron="0 9 * * *")
    assert api.delete(job).status_code == 200

    assert api.get(f"{job}/next-runs").json() == {
        "description": "At 09:00",
        "next_runs": [],
        "skipped": [],
        "lints": ["the schedule does not fire again"],
    }
