"""GET …/jobs?sort=: by name and by next run, over pages, and the combinations that it rejects."""

from typing import Any

import httpx
import pytest


def _made(api: httpx.Client, base: str, **more: Any) -> str:
    body = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"} | more
    answer = api.post(f"{base}/jobs", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["job_id"])


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    path = f"/v1/workspaces/{workspace}"
    api.put(f"{path}/endpoints/sink", json={"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}).raise_for_status()
    return path


def _listed(api: httpx.Client, base: str, **query: str) -> list[str]:
    seen: list[str] = []
    while True:
        answer = api.get(f"{base}/jobs", params={"limit": "2", **query})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert all(not name.startswith("_") for job in page["data"] for name in job)
        seen += [job["job_id"] for job in page["data"]]
        if page["next_cursor"] is None:
            return seen
        query["cursor"] = page["next_cursor"]


def test_jobs_are_listed_by_name_and_by_next_run(api: httpx.Client, base: str) -> None:
    yearly = _made(api, base, name="b-yearly")
    often = _made(api, base, name="c-often", cron="* * * * *")
    unnamed = _made(api, base, cron="0 0 1 2 *")
    paused = _made(api, base, name="a-paused", cron="* * * * *")
    api.post(f"{base}/jobs/{paused}/pause").raise_for_status()
    api.post(f"{base}/jobs", json={"endpoint": "sink", "trigger": "IMMEDIATE", "name": "once"}).raise_for_status()
    assert _listed(api, base, sort="name") == [paused, yearly, often, unnamed]
    by_run = _listed(api, base, sort="next_run")
    assert (by_run[0], by_run[-1], set(by_run)) == (often, paused, {often, yearly, unnamed, paused})
    assert _listed(api, base, sort="name", status="ACTIVE") == [yearly, often, unnamed]
    assert _listed(api, base, sort="name", q="C-OFT") == [often]


def test_jobs_are_listed_by_the_longest_names_that_there_are(api: httpx.Client, base: str) -> None:
    made = [_made(api, base, name=f"{nth}{'x' * 126}") for nth in range(3)]
    assert _listed(api, base, sort="name") == made


def test_a_cursor_is_of_one_order(api: httpx.Client, base: str) -> None:
    for nth in range(3):
        _made(api, base, name=f"n-{nth}")
    cursors = {
        sort: api.get(f"{base}/jobs", params={"sort": sort, "limit": "1"}).json()["next_cursor"]
        for sort in ("created", "name", "next_run")
    }
    for sort in cursors:
        for other, cursor in cursors.items():
            answer = api.get(f"{base}/jobs", params={"sort": sort, "cursor": cursor})
            assert answer.status_code == (200 if sort == other else 400), (sort, other)


@pytest.mark.parametrize("query", [{"trigger": "DELAYED"}, {"status": "RETIRED"}])
def test_what_has_no_such_order_is_refused(api: httpx.Client, base: str, query: dict[str, str]) -> None:
    answer = api.get(f"{base}/jobs", params={"sort": "next_run", **query})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/sort"), answer.text
