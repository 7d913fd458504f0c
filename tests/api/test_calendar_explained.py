"""What explain and the list of ticks say of ticks to come of jobs with calendars: as the next runs have it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from clock import Clock
from conftest import Api, make_workspace

_FRIDAY = datetime(2027, 6, 11, 12, 0, tzinfo=UTC)
_WEEK = {"business_days": ["mon", "tue", "wed", "thu", "fri"]}
_NAMES = ["sat", "sun", "mon", "tue", "wed"]


class Job:
    """A job of one calendar, which closes weekends, at noon of a Friday."""

    def __init__(self, api: httpx.Client, superuser: psycopg.Connection, **terms: Any) -> None:
        Clock(superuser).set(_FRIDAY)
        base = f"/v1/workspaces/{make_workspace(api)}"
        api.put(f"{base}/calendars/week", json={"timezone": "UTC", **_WEEK}).raise_for_status()
        body = {"name": "job", "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *", "calendars": ["week"]}
        api.post(f"{base}/jobs", json=body | terms).raise_for_status()
        self._api, self._path = api, f"{base}/jobs/job"

    def post(self, action: str, **body: Any) -> None:
        self._api.post(f"{self._path}/{action}", json=body).raise_for_status()

    def get(self, name: str, **params: str) -> Any:
        return self._api.get(f"{self._path}/{name}", params=params).raise_for_status().json()

    def codes(self) -> list[str]:
        """Of the ticks of the days to come, by explain and by the list, which agree."""
        times = [f"{_FRIDAY + timedelta(days=n):%Y-%m-%d}T09:00:00Z" for n in range(1, 6)]
        explained = {at: self.get("explain", at=at) for at in times}
        listed = self.get("ticks", **{"from": times[0], "to": "2027-06-17T00:00:00Z"})["data"]
        for tick in listed:
            assert tick["decision"] == explained[tick["tick"]]["decision"], (tick, explained[tick["tick"]])
        return [explained[at]["code"] for at in times]

    def first(self) -> str:
        runs = self.get("next-runs")["next_runs"]
        assert runs[0]["at"] == self._api.get(self._path).json()["next_run_at"]
        return str(runs[0]["at"])


def test_ticks_that_calendars_close_are_none_of_those_to_be_skipped(
    own_api: Api, superuser: psycopg.Connection
) -> None:
    """Saturday's was said to be the one, and Monday's to run."""
    job = Job(own_api.client, superuser)
    job.post("skip-next", count=1)
    assert job.first()[:10] == "2027-06-15"
    codes = job.codes()
    assert codes[:3] == ["blackout", "blackout", "skip_next"]
    assert codes[3] == codes[4] != "skip_next"


def test_ticks_that_calendars_close_use_up_no_runs(own_api: Api, superuser: psycopg.Connection) -> None:
    """The job's one run, on Monday, was said to be beyond its max_runs."""
    job = Job(own_api.client, superuser, max_runs=1)
    assert job.first()[:10] == "2027-06-14"
    codes = job.codes()
    assert codes[:2] == ["blackout", "blackout"]
    assert codes[3:] == ["max_runs_reached"] * 2
    assert codes[2] != "max_runs_reached"


@pytest.mark.parametrize(
    ("on_blackout", "until", "code", "first"),
    [
        ("NEXT", "2027-06-13T00:00:00Z", "rolled", "2027-06-14"),  # on Monday, when the pause is over
        ("PREVIOUS", "2027-06-18T12:00:00Z", "paused", "2027-06-25"),  # on the 18th, in the pause; the tick is not
    ],
)
def test_a_tick_that_moves_is_the_pauses_where_it_runs(
    own_api: Api, superuser: psycopg.Connection, on_blackout: str, until: str, code: str, first: str
) -> None:
    job = Job(own_api.client, superuser, cron="0 9 * * 6", on_blackout=on_blackout)
    job.post("pause", until=until)
    assert job.first()[:10] == first
    tick = "2027-06-12T09:00:00Z" if on_blackout == "NEXT" else "2027-06-19T09:00:00Z"
    assert job.get("explain", at=tick)["code"] == code
