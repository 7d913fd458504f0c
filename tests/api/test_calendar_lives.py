"""Whatever happens to calendars and to the jobs that roll by them, in any order: each tick is accounted for once, and
all answers agree on the coming runs.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest

from clock import Clock
from conftest import Api, make_workspace
from dead_letter_rows import Failing
from depth import depth
from sql_factory import records, value, values

_SINCE = datetime(2027, 3, 20, 7, 30, tzinfo=UTC)  # just before clocks change in Europe and on Lord Howe Island
_CRONS = ["0 9 * * *", "0 9 * * 6,0", "0 9,17 28,29 * *", "*/20 1-3 * * *", "30 2 * * 0", "0 0 1-5 * *", "*/5 * * * *"]
_ZONES = ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Etc/GMT+12", "Australia/Lord_Howe"]
_WEEKS = [None, ["mon", "tue", "wed", "thu", "fri"], ["sat"], ["mon", "wed", "fri"]]
_NAMES = ["one", "two", "three"]
_NEW = """
select live.scheduled_at, live.run_at, fate.run_at as own, (told.closure ->> 'due_at')::timestamptz as in_turn
  from kronos.execution_live as live
  join kronos.jobs as job using (job_id)
 cross join lateral kronos.fate_of(job, live.scheduled_at) as fate
  left join lateral kronos.closures_told(job, null, array[live.scheduled_at]) as told on true
 where live.execution_id <> all (%s) and live.cause = 'SCHEDULE' and job.status = 'ACTIVE'
"""
_SEEN = "select execution_id from kronos.execution_live union all select execution_id from kronos.execution_done"
# Ticks that more than one row accounts for. Rows that were made outside the schedule do not count.
_TWICE = """
select row.job_id, told.tick, count(*)
  from (select job_id, scheduled_at, 1 as tick_count, null::jsonb as status_reason, cause from kronos.execution_live
         union all
        select job_id, scheduled_at, tick_count, status_reason, cause from kronos.execution_done) as row
  join kronos.jobs as job using (job_id)
 cross join lateral kronos.ticks_within(job.schedule, row.scheduled_at,
                                        coalesce((row.status_reason ->> 'last')::timestamptz, row.scheduled_at)
                                            + interval '1 us', row.tick_count) as told (tick)
 where job.trigger = 'CRON' and row.cause in ('SCHEDULE', 'CATCH_UP')
 group by 1, 2 having count(*) > 1
"""
_AS_IT_IS = """
select kronos.fire_diff(job, job.schedule, job.starts_at, job.ends_at, job.max_runs,
                        kronos.now() + interval '7 days', 5)
  from kronos.jobs as job where job_id = %s
"""


class Life:
    """A workspace with calendars and jobs, and everything that may happen to them."""

    def __init__(self, api: httpx.Client, superuser: psycopg.Connection, seed: int) -> None:
        self._api, self._superuser, self.chance = api, superuser, random.Random(seed)
        self.base = f"/v1/workspaces/{make_workspace(api)}"
        self._failing = Failing(api, superuser, self.base)
        self.clock = Clock(superuser)
        self.clock.set(_SINCE)
        for name in _NAMES:
            self.put(name)
        self._names = (f"job-{nth}" for nth in count())
        self.jobs = [self._made() for _ in range(8)]

    def _made(self) -> str:
        name = next(self._names)
        terms = {
            "name": name, "endpoint": "sink", "trigger": "CRON", "cron": self.chance.choice(_CRONS),
            "timezone": self.chance.choice(_ZONES), "calendars": self.chance.sample(_NAMES, self.chance.choice([1, 2])),
            "on_blackout": self.chance.choice(["SKIP", "NEXT", "NEXT", "PREVIOUS", "PREVIOUS"]),
            "catch_up": {"policy": self.chance.choice(["SKIP", "LATEST", "ALL"]), "window_seconds": 86_400},
        }  # fmt: skip
        self._api.post(f"{self.base}/jobs", json=terms).raise_for_status()
        return name

    def _job(self) -> str:
        return f"{self.base}/jobs/{self.chance.choice(self.jobs)}"

    def put(self, name: str | None = None) -> None:
        now = self.now()
        days: list[dict[str, Any]] = []
        for _ in range(self.chance.choice([0, 1, 3])):
            first = now.date() + timedelta(days=self.chance.randint(-4, 12))
            last = first + timedelta(days=self.chance.choice([0, 0, 1, 5]))
            is_open = self.chance.random() < 0.2
            days.append({"starts": str(first), "ends": str(last), "name": f"day {first}", "open": is_open})
        if self.chance.random() < 0.1:
            days.append({"starts": "1970-01-01", "ends": "2999-12-31", "name": "for ever"})
        content: dict[str, Any] = {
            "timezone": self.chance.choice(_ZONES),
            "business_days": self.chance.choice(_WEEKS),
            "days": days,
        }
        if self.chance.random() < 0.3:
            content["business_hours"] = {"opens": "08:00", "closes": self.chance.choice(["17:00", "24:00"])}
        path = f"{self.base}/calendars/{name or self.chance.choice(_NAMES)}"
        self._api.put(path, json=content).raise_for_status()

    def put_unfollowed(self) -> None:
        """Change a calendar while another session holds the jobs, so that none can follow."""
        with psycopg.connect(self._superuser.info.dsn, password=self._superuser.info.password) as holder:
            holder.execute("select from kronos.jobs for no key update")
            self.put()

    def change(self) -> None:
        terms: dict[str, Any] = self.chance.choice(
            [
                {"on_blackout": self.chance.choice(["SKIP", "NEXT", "PREVIOUS"])},
                {"calendars": self.chance.sample(_NAMES, self.chance.choice([0, 1, 2]))},
                {"cron": self.chance.choice(_CRONS)},
                {"timezone": self.chance.choice(_ZONES)},
                {"ends_at": (self.now() + timedelta(hours=self.chance.choice([30, 80, 400]))).isoformat()},
                {"ends_at": None},
            ]
        )
        if terms.get("calendars") == []:
            terms["on_blackout"] = "SKIP"
        answer = self._api.patch(self._job(), json=terms)
        assert answer.status_code in (200, 422), answer.text  # NEXT without calendars

    def now(self) -> datetime:
        found: datetime = value(self._superuser, "select kronos.clock()")
        return found

    def turn(self) -> None:
        until = self.now() + timedelta(hours=self.chance.choice([1, 30]))
        body = self.chance.choice([{}, {"until": until.isoformat()}])
        self._api.post(f"{self._job()}/{self.chance.choice(['pause', 'resume'])}", json=body)  # or it already is

    def ring(self) -> None:
        known = values(self._superuser, _SEEN)
        self._superuser.execute("select kronos.account_all(kronos.clock())")
        for each in records(self._superuser, _NEW, [known]):
            assert each["run_at"] in (each["own"], each["in_turn"]), each

    def ring_undone(self) -> None:
        with self._superuser.transaction(force_rollback=True):
            self.ring()

    def go_on(self) -> None:
        """Move the clock to a few seconds after the next run; or by hours or days without a ring; or back."""
        kind = self.chance.random()
        if kind < 0.7:
            due = value(self._superuser, "select min(next_tick_at) from kronos.pointers where next_tick_at > %s"
                        " and not is_internal", [self.now()])  # fmt: skip
            self.clock.set(due + timedelta(seconds=self.chance.choice([0, 1, 50])))
        else:
            hours = self.chance.choice([1, 9, 26, 80]) if kind < 0.95 else -1
            self.clock.step(timedelta(hours=hours))
        self.ring()

    def follow(self) -> None:
        for (document_id,) in self._superuser.execute("select document_id from kronos.calendar_moves").fetchall():
            with self._superuser.transaction(force_rollback=self.chance.random() < 0.3):
                self._superuser.execute("select kronos.move_some(%s, %s)", [document_id, self.chance.choice([1, 9])])

    def follow_all(self) -> None:
        """Finish what the reaper, which has 50 ms for it, leaves on a busy machine."""
        self._superuser.execute("select kronos.move_all(kronos.clock() + interval '1 minute')")

    def backfill(self) -> None:
        """Backfill past days, whatever had become of their ticks, and advance other backfills."""
        until = self.now()
        window = {"from": (until - timedelta(days=self.chance.choice([1, 4]))).isoformat(), "to": until.isoformat()}
        include = self.chance.choice([["MISSED", "SKIPPED"], ["FAILED"], ["MISSED", "SKIPPED", "CANCELLED", "FAILED"]])
        answer = self._api.post(f"{self._job()}/backfill", json=window | {"include": include})
        assert answer.status_code in (202, 409, 422), answer.text  # no tick is left, or a backfill is in progress
        self._superuser.execute("select kronos.advance_backfills(%s)", [self.chance.choice([1, 50])])

    def skip_next(self) -> None:
        answer = self._api.post(f"{self._job()}/skip-next", json={"count": self.chance.choice([1, 2, 5])})
        assert answer.status_code in (200, 409), answer.text

    def trigger(self) -> None:
        answer = self._api.post(f"{self._job()}/trigger")
        assert answer.status_code in (202, 409), answer.text

    def fail(self) -> None:
        """Fail everything that waits; sometimes redrive all that failed."""
        self._failing.fail()
        if self.chance.random() < 0.6:
            self._api.post(f"{self.base}/dead-letters/redrive", json={}).raise_for_status()
            self._failing.steps()

    def cancel(self) -> None:
        """Cancel a job for good, and create another in its place."""
        name = self.chance.choice(self.jobs)
        self._api.delete(f"{self.base}/jobs/{name}").raise_for_status()
        self.jobs[self.jobs.index(name)] = self._made()

    def drop(self) -> None:
        """Delete a calendar if no job names it, and create it again."""
        name = self.chance.choice(_NAMES)
        answer = self._api.delete(f"{self.base}/calendars/{name}")
        assert answer.status_code in (200, 204, 409), answer.text
        if answer.status_code != 409:
            self.put(name)

    def drop_another(self) -> None:
        """Create another workspace with calendars and jobs of the same names, and delete it in steps, some of which are
        rolled back.
        """
        mine, jobs = self.base, self.jobs
        slug = make_workspace(self._api)
        self.base = f"/v1/workspaces/{slug}"
        for name in _NAMES:
            self.put(name)
        for _ in range(2):
            self._made()
        self.ring()
        operation = self._api.delete(self.base, params={"confirm": slug}).raise_for_status().json()["operation_id"]
        self.base, self.jobs = mine, jobs
        for _ in range(40):
            self.clock.step(timedelta(seconds=1))
            with self._superuser.transaction(force_rollback=self.chance.random() < 0.2):
                self._superuser.execute("select kronos.delete_some(%s)", [operation])

    def reap(self) -> None:
        self._superuser.execute("select kronos.reap()")

    def judge(self) -> None:
        """Each tick of each version is accounted for exactly once, entries match the jobs, and explain agrees."""
        for (job_id,) in self._superuser.execute("select job_id from kronos.jobs where trigger = 'CRON'").fetchall():
            (found,) = records(
                self._superuser, "select * from kronos.check_ledger(%s, %s, kronos.clock())", [job_id, _SINCE]
            )
            assert (found["unaccounted"], found["surplus"], found["error"]) == (0, 0, None), (job_id, found)
        assert records(self._superuser, _TWICE) == []
        assert records(self._superuser, "select * from kronos.pg_cron_drift()") == []
        self.explain()

    def explain(self) -> None:
        """The list of ticks and explain agree on what became of some ticks of a job, and what will become of others."""
        name = self.chance.choice(self.jobs)
        window = {
            "from": (self.now() - timedelta(days=2)).isoformat(),
            "to": (self.now() + timedelta(days=4)).isoformat(),
        }
        listed = (
            self._api.get(f"{self.base}/jobs/{name}/ticks", params=window | {"limit": 100}).raise_for_status().json()
        )
        for tick in self.chance.sample(listed["data"], min(4, len(listed["data"]))):
            assert tick["decision"] not in ("UNACCOUNTED", "ERROR"), tick
            said = (
                self._api.get(f"{self.base}/jobs/{name}/explain", params={"at": tick["tick"]}).raise_for_status().json()
            )
            assert (said["tick"], said["decision"]) == (tick["tick"], tick["decision"]), (said, tick)
            if said["decision"] != "OVERDUE":  # the list checks the alarm of the first of them only
                assert (said["code"], said["because"]) == (tick["code"], tick["because"]), (said, tick)

    def agree(self) -> None:
        """Each job's page, list of runs, plan and explain agree on its next runs. Nothing may be due."""
        for name in self.jobs:
            job = self._api.get(f"{self.base}/jobs/{name}").raise_for_status().json()
            if job["status"] != "ACTIVE" and job["resume_at"] is None:
                continue
            runs = self._api.get(f"{self.base}/jobs/{name}/next-runs", params={"count": 3}).raise_for_status().json()
            first = runs["next_runs"][0]["at"] if runs["next_runs"] else None
            assert job["next_run_at"] == first, (job, runs)
            planned = value(self._superuser, _AS_IT_IS, [job["job_id"]])
            assert (planned["added"], planned["removed"], planned["moved"]) == (0, 0, 0), (job, planned)
            for run in runs["next_runs"] if job["status"] == "ACTIVE" else []:
                at = run["rolled_from"] or run["at"]
                said = self._api.get(f"{self.base}/jobs/{name}/explain", params={"at": at}).raise_for_status().json()
                assert said["decision"] == "WILL_RUN", (said, runs)
                assert not run["rolled_from"] or f"at {run['at']}: {run['reason']}." in said["because"], (said, run)


@pytest.mark.parametrize("seed", range(depth(1, deep=12)))
def test_each_tick_is_told_of_once_and_all_say_the_same(own_api: Api, superuser: psycopg.Connection, seed: int) -> None:
    life = Life(own_api.client, superuser, seed)
    often: list[Callable[[], None]] = [life.go_on, life.go_on, life.go_on, life.put, life.put_unfollowed, life.follow]
    seldom = [life.change, life.turn, life.ring_undone, life.reap, life.backfill, life.skip_next, life.trigger]
    seldom += [life.fail, life.cancel, life.drop, life.drop_another]
    for number in range(depth(20, deep=60)):
        life.chance.choice([*often, *seldom])()
        if number % 4 == 3:
            life.judge()
    life.clock.step(timedelta(seconds=1))  # a move that met a lock is retried half a second later
    life.reap()
    life.follow_all()
    life.ring()
    life.judge()
    assert value(superuser, "select count(*) from kronos.calendar_moves") == 0
    life.agree()
