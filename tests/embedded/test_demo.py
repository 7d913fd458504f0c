"""`kronos up --demo`, as a new user sees it: three jobs, and a tick that fires inside PostgreSQL and is delivered."""

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded.conftest import Up
from embedded.waiting import eventually

pytestmark = pytest.mark.pg_cron


def jobs(up: Up) -> list[dict[str, str]]:
    """The demo's jobs, asked of the API."""
    key = Path(str(up.told["admin_key_file"])).read_text().strip()
    request = urllib.request.Request(f"{up.url}/v1/workspaces/demo/jobs", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        found: list[dict[str, str]] = json.load(response)["data"]
    return found


def test_within_70_s_a_tick_fires_and_is_delivered_and_a_second_run_goes_on(first_up: Callable[..., Up]) -> None:
    first = first_up("--demo")
    shown = first.home / "up.out"
    for line in (
        r"right-away +delivered \d+\.\d{3} s after",
        r"in-ten-seconds +delivered \d+\.\d{3} s after",
        r"every-minute +fired in PostgreSQL \d+\.\d{3} s, delivered \d+\.\d{3} s after \d\d:\d\d:00.000Z, attempt 1",
    ):
        pattern = re.compile(line)
        eventually(lambda: pattern.search(shown.read_text()), lambda: f"no line {line}: {first.said()}", seconds=70)  # noqa: B023
    made = {job["name"]: job["job_id"] for job in jobs(first)}
    assert set(made) == {"right-away", "in-ten-seconds", "every-minute"}
    first.process.terminate()
    assert first.process.wait(60) == 0

    again = first_up("--demo")
    again.await_ready()
    eventually(lambda: shown.read_text().count("(from an earlier run, ") == 3, "the second run does not find the jobs")
    assert {job["name"]: job["job_id"] for job in jobs(again)} == made
