"""A job whose clock the test controls, and its operations at instants long past."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sql_factory import Connection, job, make_cron_job

T0 = datetime(2026, 3, 27, 21, 0, tzinfo=UTC)  # two days before clocks go forward in Berlin
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SCHEDULES = [
    ("* * * * *", "UTC"),
    ("*/7 * * * *", "UTC"),
    ("30 2 * * *", "Europe/Berlin"),
    ("0 */3 * * *", "Asia/Kolkata"),
    ("5 9 * * 1-5", "UTC"),
    ("every 7m", "UTC"),
    ("every 1d", "Europe/Berlin"),
]
SPANS = [timedelta(seconds=20), MINUTE, 3 * MINUTE, 10 * MINUTE, 3 * HOUR, timedelta(days=1, seconds=7)]


class Life:
    """A job whose clock the test controls, and its operations at instants long past."""

    def __init__(self, connection: Connection, **columns: Any) -> None:
        self.connection = connection
        self.now = T0
        self.versions: list[uuid.UUID] = []
        self.columns = columns
        schedule = str(columns.pop("schedule_of", "* * * * *"))
        zone = str(columns.pop("zone", "UTC"))
        first = make_cron_job(connection, ticks_from=T0, next_tick_at=T0, **columns)
        self._read(first, schedule, zone)
        self.versions.append(first)

    @property
    def job_id(self) -> uuid.UUID:
        return self.versions[-1]

    @property
    def is_live(self) -> bool:
        return job(self.connection, self.job_id)["status"] in ("ACTIVE", "PAUSED")

    def _read(self, job_id: uuid.UUID, cron: str, zone: str) -> None:
        every = cron.removeprefix("every ") if cron.startswith("every ") else None
        text = {
            "cron": None if every else cron,
            "every": every,
            "anchor": T0 if every else None,
            "zone": zone,
            "job_id": job_id,
        }
        self.connection.execute(
            """
            update kronos.jobs
               set cron = %(cron)s, every = %(every)s, anchor = %(anchor)s, timezone = %(zone)s,
                   schedule = kronos.read_schedule(%(cron)s, %(every)s, %(anchor)s, %(zone)s, 'SHIFT', 'FIRST')
             where job_id = %(job_id)s
            """,
            text,
        )
        self.connection.execute(
            "update tests.jobs set next_tick_at = kronos.next_tick(schedule, ticks_from) where job_id = %s", [job_id]
        )

    def pass_time(self, span: timedelta) -> None:
        self.now += span

    def ring(self) -> None:
        self.connection.execute("select kronos.account_each(array[%s::uuid], %s)", [self.job_id, self.now])

    def settle(self) -> None:
        """settle_ticks, at this job's clock."""
        if job(self.connection, self.job_id)["status"] == "PAUSED":
            reason = '{"code": "paused", "detail": "it was"}'
            self.connection.execute("select kronos.skip_ticks(%s, %s, %s)", [self.job_id, self.now, reason])
        else:
            self.ring()

    def pause(self) -> None:
        self.settle()
        self.connection.execute(
            "update kronos.jobs set status = 'PAUSED' where job_id = %s and status = 'ACTIVE'", [self.job_id]
        )

    def resume(self) -> None:
        self.settle()
        self.connection.execute(
            "update kronos.jobs set status = 'ACTIVE' where job_id = %s and status = 'PAUSED'", [self.job_id]
        )

    def skip_next(self, ticks: int) -> None:
        self.settle()
        self.connection.execute("update kronos.jobs set skip_next = %s where job_id = %s", [ticks, self.job_id])

    def patch(self, cron: str, zone: str) -> None:
        self.settle()
        if not self.is_live:
            return
        old, heir = self.job_id, uuid.uuid4()
        own = {"job_id", "version", "previous_version_id", "ticks_from", "name"}
        columns = [name for name in job(self.connection, old) if name not in own]
        with self.connection.transaction():
            before = job(self.connection, old)["status"]
            self.connection.execute(
                "update kronos.jobs set status = 'RETIRED', status_reason = '{}', ticks_until = %s where job_id = %s",
                [self.now, old],
            )
            self.connection.execute(
                f"""
                insert into tests.jobs (job_id, version, previous_version_id, ticks_from, {", ".join(columns)})
                select %(heir)s, version + 1, job_id, %(now)s, {", ".join(columns)} from tests.jobs
                       where job_id = %(old)s
                """,
                {"heir": heir, "old": old, "now": self.now},
            )
            self.connection.execute(
                "update tests.jobs set status = %s, runs = 0, retired_at = null, ticks_until = null where job_id = %s",
                [before, heir],
            )
            self._read(heir, cron, zone)
        self.versions.append(heir)


def live_a_life(connection: Connection, chance: random.Random) -> Life:
    cron, zone = chance.choice(SCHEDULES)
    life = Life(
        connection,
        schedule_of=cron,
        zone=zone,
        catch_up_policy=chance.choice(["SKIP", "LATEST", "ALL"]),
        catch_up_window_seconds=chance.choice([0, 600, 2678400]),
        overlap=chance.choice(["ALLOW", "ALLOW", "SKIP", "QUEUE", "REPLACE"]),
        ends_at=T0 + chance.choice([5 * HOUR, timedelta(days=40)]),
        max_runs=chance.choice([None, None, 7, 300]),
        jitter_seconds=chance.choice([0, 30]),
    )
    for _ in range(chance.randint(4, 14)):
        life.pass_time(chance.choice(SPANS))
        step = chance.random()
        if step < 0.5:
            life.ring()
        elif step < 0.6:
            life.pause()
        elif step < 0.75:
            life.resume()
        elif step < 0.9:
            life.skip_next(chance.randint(0, 4))
        else:
            life.patch(*chance.choice(SCHEDULES))
    life.settle()
    return life
