"""Alarms are shared, unshared and folded while jobs are created, changed and ended. At any moment some entry rings for
each coming tick, and no entry is left over in the end.
"""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from clock import Clock
from conftest import Api, holding, make_workspace
from depth import depth
from sharing import reap, share, shared_entries, wanted_alarms
from sql_factory import records, value

_CRONS = ["0 9 * * *", "0 10 * * *", "*/20 * * * *", "20 * * * *", "40 3 * * *", "20,40 3 * * *", "7 7 7 7 *"]
# Live jobs whose next tick no entry rings for, in one snapshot.
_UNRUNG = """
select job.job_id, job.cron, pointer.next_tick_at
  from kronos.jobs as job
  join kronos.pointers as pointer using (job_id)
 where job.status = 'ACTIVE' and job.trigger = 'CRON' and not pointer.is_internal
   and not exists (
       select from cron.job as entry
        cross join lateral kronos.parse_cron(entry.schedule) as ringing
        where (entry.jobname = 'kronos:' || job.job_id or entry.jobname like 'kronos:@%')
          and entry.active
          and kronos.next_tick(ringing, date_trunc('minute', pointer.next_tick_at) - interval '1 us')
              = date_trunc('minute', pointer.next_tick_at))
"""


class AlarmLife:
    """A workspace whose jobs come and go while their alarms are shared and unshared."""

    def __init__(self, api: httpx.Client, url: str, seed: int) -> None:
        self._api, self._url, self._seed = api, url, seed
        self._base = f"/v1/workspaces/{make_workspace(api)}/jobs"
        self._is_over = threading.Event()

    def write(self, number: int, steps: int) -> None:
        """Make a caller's changes. Several callers run at the same time, often on the same alarm."""
        chance = random.Random(f"{self._seed} {number}")
        mine: list[str] = []
        with holding(self._api, self._api.headers["authorization"].removeprefix("Bearer ")) as client:
            for _ in range(steps):
                if not mine or chance.random() < 0.45:
                    body = {"endpoint": "sink", "trigger": "CRON", "cron": chance.choice(_CRONS)}
                    mine.append(client.post(self._base, json=body).raise_for_status().json()["job_id"])
                    continue
                at = chance.randrange(len(mine))
                path = f"{self._base}/{mine[at]}"
                kind = chance.choice(["cancel", "pause", "resume", "change"])
                if kind == "cancel":
                    client.delete(path).raise_for_status()
                    mine.pop(at)
                elif kind == "change":
                    answer = client.patch(path, json={"cron": chance.choice(_CRONS)}, headers={"If-Match": "*"})
                    mine[at] = answer.raise_for_status().json()["job_id"]
                else:
                    answer = client.post(f"{path}/{kind}", json={})
                    assert answer.status_code in (200, 409), answer.text  # the job already is

    def switch(self) -> None:
        """Share, unshare and fold alarms, and run the reaper. Some of its runs are rolled back."""
        chance = random.Random(self._seed)
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._is_over.is_set():
                wanted = chance.choice(["own", "shared", "shared"])
                connection.execute("update kronos.alarm_setting set wanted = %s", [wanted])
                with connection.transaction(force_rollback=chance.random() < 0.3):
                    if chance.random() < 0.6:  # as the reaper itself does once an hour
                        folded = sum(1 << minute for minute in chance.sample([0, 20, 40], chance.randint(0, 3)))
                        connection.execute(
                            "update kronos.alarm_setting set folded = %s, folded_at = now() where is_shared", [folded]
                        )
                    connection.execute("select kronos.reap()")

    def watch(self) -> None:
        """Check repeatedly that some entry rings for each job's next tick."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._is_over.is_set():
                assert records(connection, _UNRUNG) == []

    def live(self, steps: int) -> None:
        """Run everything at the same time, until the callers are done."""
        besides: list[Callable[[], None]] = [self.switch, self.watch]
        with ThreadPoolExecutor(6) as pool:
            others = [pool.submit(each) for each in besides]
            callers = [pool.submit(self.write, number, steps) for number in range(3)]
            try:
                for each in callers:
                    each.result(120)
            finally:
                self._is_over.set()
            for each in others:
                each.result(120)


@pytest.mark.parametrize("seed", range(depth(1, deep=8)))
def test_at_any_moment_something_rings_for_each_tick(own_api: Api, seed: int) -> None:
    life = AlarmLife(own_api.client, own_api.database_url, seed)
    with psycopg.connect(own_api.database_url, autocommit=True) as connection:
        # No tick is near: the reaper leaves a job alone that is about to tick, or has just ticked.
        Clock(connection).set(value(connection, "select date_trunc('hour', now()) + interval '27 minutes'"))
        life.live(depth(14, deep=80))
        for wanted in ("shared", "own"):
            connection.execute("update kronos.alarm_setting set folded_at = now()")
            share(connection, wanted=wanted)
            connection.execute("update kronos.alarm_setting set folded = 0, folded_at = now()")
            reap(connection)
            assert records(connection, _UNRUNG) == []
            assert own_api.client.get("/v1/system/drift").json()["differences"] == 0
            assert shared_entries(connection) == (wanted_alarms(connection) if wanted == "shared" else [])
