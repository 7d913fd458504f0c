"""For jobs with calendars, explain and the list of ticks describe coming ticks as the next runs show them."""

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
    """A job with one calendar, which closes weekends, or `days`. The time is noon on a Friday."""

    def __init__(
        self, api: httpx.Client, superuser: psycopg.Connection, days: list[dict[str, str]] | None = None, **terms: Any
    ) -> None:
        Clock(superuser).set(_FRIDAY)
        self._base = base = f"/v1/workspaces/{make_workspace(api)}"
        closed = {"days": days} if days else _WEEK
        api.put(f"{base}/calendars/week", json={"timezone": "UTC", **closed}).raise_for_status()
        self._api, self._path = api, f"{base}/jobs/job"
        self.again("job", **terms)

    def again(self, name: str, **terms: Any) -> None:
        """Create another job with the same calendar."""
        body = {"name": name, "endpoint": "sink", "trigger": "CRON", "cron": "0 9 * * *", "calendars": ["week"]}
        self._api.post(f"{self._base}/jobs", json=body | terms).raise_for_status()

    def load(self) -> dict[str, int]:
        """The minutes of the coming week in which jobs run, and how many."""
        found = self._api.get(f"{self._base}/load", params={"window": "7d"}).raise_for_status().json()
        since = datetime.fromisoformat(found["from_at"])
        return {
            f"{since + timedelta(minutes=nth):%Y-%m-%dT%H:%M:%SZ}": runs
            for nth, runs in enumerate(found["runs"])
            if runs
        }

    def names(self, at: str) -> list[str]:
        """The jobs that run in a minute."""
        found = self._api.get(f"{self._base}/load/minute", params={"at": at}).raise_for_status().json()
        return [job["name"] for job in found["jobs"]]

    def post(self, action: str, **body: Any) -> None:
        self._api.post(f"{self._path}/{action}", json=body).raise_for_status()

    def get(self, name: str, **params: str) -> Any:
        return self._api.get(f"{self._path}/{name}", params=params).raise_for_status().json()

    def codes(self) -> list[str]:
        """The codes of the coming days' ticks, from explain. The list must agree."""
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
    """Saturday's tick used to be reported as the one to skip, and Monday's as the one to run."""
    job = Job(own_api.client, superuser)
    job.post("skip-next", count=1)
    assert job.first()[:10] == "2027-06-15"
    codes = job.codes()
    assert codes[:3] == ["blackout", "blackout", "skip_next"]
    assert codes[3] == codes[4] != "skip_next"


def test_ticks_that_calendars_close_use_up_no_runs(own_api: Api, superuser: psycopg.Connection) -> None:
    """The job's one run, on Monday, used to be reported as beyond its max_runs."""
    job = Job(own_api.client, superuser, max_runs=1)
    assert job.first()[:10] == "2027-06-14"
    codes = job.codes()
    assert codes[:2] == ["blackout", "blackout"]
    assert codes[3:] == ["max_runs_reached"] * 2
    assert codes[2] != "max_runs_reached"


@pytest.mark.parametrize(
    ("on_blackout", "until", "code", "first"),
    [
        ("NEXT", "2027-06-13T00:00:00Z", "rolled", "2027-06-14"),  # on Monday, after the pause
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


# One of Saturday's two ticks waits for the other. Before noon, Saturday is closed and Monday is open; after noon,
# Saturday is closed and Friday is open.
_HELD = [
    ("NEXT", [("2027-06-12", "2027-06-12T12:00"), ("2027-06-13", "2027-06-13")], ["2027-06-14T09:00:00Z"] * 2),
    ("PREVIOUS", [("2027-06-12T12:00", "2027-06-13")], ["2027-06-12T09:00:00Z"] * 2),
]
_TICKS = ["2027-06-12T09:00:00Z", "2027-06-12T17:00:00Z"]


@pytest.mark.parametrize(("on_blackout", "closed", "runs_at"), _HELD)
def test_a_tick_that_waits_for_the_one_before_it_is_told_of_where_it_runs(
    own_api: Api, superuser: psycopg.Connection, on_blackout: str, closed: list[tuple[str, str]], runs_at: list[str]
) -> None:
    """explain used to name its own time, or Friday, and so did the load and its list of jobs."""
    terms = {"cron": "0 9,17 12 6 *", "on_blackout": on_blackout}
    job = Job(own_api.client, superuser, days=[{"starts": a, "ends": b, "name": "shut"} for a, b in closed], **terms)
    for now in ("2027-06-11T12:00:00Z", "2027-06-12T08:59:00Z", *["2027-06-12T20:00:00Z"][: on_blackout == "NEXT"]):
        Clock(superuser).stand(datetime.fromisoformat(now))
        runs = job.get("next-runs", count="2")["next_runs"]
        assert [run["at"] for run in runs] == runs_at
        assert [run["rolled_from"] or run["at"] for run in runs] == _TICKS
        listed = job.get("ticks", **{"from": _TICKS[0], "to": "2027-06-13T00:00:00Z"})["data"]
        explained = [job.get("explain", at=at) for at in _TICKS]
        for said, tick, run in zip(explained, listed, runs, strict=True):
            assert (said["decision"], said["code"], said["because"]) == (
                tick["decision"], tick["code"], tick["because"],
            )  # fmt: skip
            assert said["decision"] == "WILL_RUN"
            if run["rolled_from"]:
                assert said["because"] == f"It will run at {run['at']}: {run['reason']}.", said
        assert explained[1]["code"] == "in_turn"
        assert job.load() == {runs_at[0]: 2}


def test_a_job_made_between_two_ticks_waits_for_neither(own_api: Api, superuser: psycopg.Connection) -> None:
    """Among jobs with the same schedule, some answer for the tick that is moved and others do not."""
    half = [{"starts": a, "ends": b, "name": "shut"} for a, b in _HELD[0][1]]
    terms = {"cron": "0 9,17 12 6 *", "on_blackout": "NEXT"}
    job = Job(own_api.client, superuser, days=half, **terms)
    Clock(superuser).set(datetime(2027, 6, 12, 10, tzinfo=UTC))
    job.again("later", **terms)
    assert job.load() == {_TICKS[1]: 1, "2027-06-14T09:00:00Z": 2}
    assert (job.names(_TICKS[1]), job.names("2027-06-14T09:00:00Z")) == (["later"], ["job"])
