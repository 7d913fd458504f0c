"""Whatever is done to jobs, in whatever order: pg_cron's entries are those that follow from the jobs' rows."""

import random
import uuid
from dataclasses import dataclass, field

import pytest

from depth import depth
from factory import EndpointRow, add_endpoint
from moved_clock import MovedClock
from sharing import add, end, own_entries, reap, shared_entries, uncovered, wanted_alarms
from sql_factory import Connection, make_cron_job, value, values

_ALARMS = ("0 9 * * *", "0 10 * * *", "*/15 * * * *", "30 6 * * 1", "20 seconds")


@dataclass
class _Instance:
    """An instance, and random operations on it."""

    connection: Connection
    drawn: random.Random
    endpoints: list[EndpointRow] = field(default_factory=list)
    is_shared: bool = False

    def jobs(self, status: str) -> list[uuid.UUID]:
        return values(
            self.connection,
            "select job_id from kronos.jobs where status = %s and trigger = 'CRON'"
            " and workspace_id = any (%s) order by job_id",
            [status, [endpoint.workspace_id for endpoint in self.endpoints]],
        )

    def pick(self, status: str) -> uuid.UUID | None:
        found = self.jobs(status)
        return self.drawn.choice(found) if found else None

    def create(self) -> None:
        endpoint = self.drawn.choice(self.endpoints)
        if (
            value(
                self.connection, "select status from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id]
            )
            == "ACTIVE"
        ):
            add(self.connection, self.drawn.choice(_ALARMS[:4]), endpoint=endpoint)

    def cancel(self) -> None:
        if job_id := self.pick("ACTIVE"):
            end(self.connection, job_id)

    def pause(self) -> None:
        if job_id := self.pick("ACTIVE"):
            end(self.connection, job_id, status="PAUSED")

    def resume(self) -> None:
        if job_id := self.pick("PAUSED"):
            with self.connection.transaction():
                self.connection.execute("update kronos.jobs set status = 'ACTIVE' where job_id = %s", [job_id])
                if value(self.connection, "select kronos.alarm_of(%s)", [job_id]) is not None:
                    self.connection.execute("select kronos.register_pg_cron(%s)", [job_id])

    def patch(self) -> None:
        """Retire the current version and make the next one, in one transaction."""
        if job_id := self.pick("ACTIVE"):
            (workspace_id,) = values(
                self.connection, "select workspace_id from kronos.jobs where job_id = %s", [job_id]
            )
            endpoint = next(each for each in self.endpoints if each.workspace_id == workspace_id)
            with self.connection.transaction(force_rollback=self.drawn.random() < 0.2):
                self.connection.execute("update kronos.jobs set status = 'RETIRED' where job_id = %s", [job_id])
                self.connection.execute("select kronos.unregister_pg_cron(%s)", [job_id])
                made = make_cron_job(self.connection, endpoint, cron=self.drawn.choice(_ALARMS[:4]))
                if value(self.connection, "select kronos.alarm_of(%s)", [made]) is not None:
                    self.connection.execute("select kronos.register_pg_cron(%s)", [made])

    def turn(self) -> None:
        """Suspend or resume a workspace; its jobs follow in steps."""
        workspace_id = self.drawn.choice(self.endpoints).workspace_id
        with self.connection.transaction():
            self.connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
            was = value(self.connection, "select status from kronos.workspaces where workspace_id = %s", [workspace_id])
            self.connection.execute(
                "select kronos.suspend_workspace()" if was == "ACTIVE" else "select kronos.resume_workspace()"
            )
        while value(self.connection, "select count(*) from kronos.turns"):
            self.connection.execute("select kronos.turn_some(%s, 3)", [workspace_id])

    def switch(self) -> None:
        self.is_shared = not self.is_shared
        self.connection.execute("update kronos.alarm_setting set wanted = %s", ["shared" if self.is_shared else "own"])
        reap(self.connection)

    def fold(self) -> None:
        """Set the fold, as the reaper would."""
        self.connection.execute(
            "update kronos.alarm_setting set folded = %s, folded_at = kronos.now() where is_shared",
            [self.drawn.choice([0, 1, 1 | 1 << 30, (1 << 60) - 1])],
        )
        reap(self.connection)

    def agrees(self) -> None:
        folded = value(self.connection, "select folded from kronos.alarm_setting")
        wanted = wanted_alarms(self.connection)
        if self.is_shared:
            minutes = {
                "0 9 * * *": 1,
                "0 10 * * *": 1,
                "*/15 * * * *": 1 | 1 << 15 | 1 << 30 | 1 << 45,
                "30 6 * * 1": 1 << 30,
            }
            apart = [alarm for alarm in wanted if not folded or minutes[alarm] & ~folded]
            fold = {0: [], 1: ["0"], 1 | 1 << 30: ["0,30"]}.get(folded, ["*"])
            texts = [f"{each} {hours} * * *" for each in fold for hours in ("*", "*/1")]
            assert shared_entries(self.connection) == sorted(apart + texts)
            assert own_entries(self.connection) == []
        else:
            assert shared_entries(self.connection) == []
            assert len(own_entries(self.connection)) == len(
                values(
                    self.connection,
                    "select job_id from kronos.jobs join kronos.workspaces as workspace using (workspace_id)"
                    " where trigger = 'CRON' and jobs.status = 'ACTIVE' and workspace.status = 'ACTIVE'"
                    "   and job_id not in (select job_id from kronos.heartbeats)",
                )
            )
        assert value(self.connection, "select kronos.is_pg_cron_right()")
        assert uncovered(self.connection) == [] or folded not in (0, (1 << 60) - 1)


@pytest.mark.parametrize("seed", range(depth(2, deep=5)))
def test_entries_are_as_the_jobs_say_after_every_step(superuser: Connection, seed: int) -> None:
    # None of the alarms' minutes is near: the reaper leaves a job alone that is about to tick, or has just ticked.
    MovedClock(superuser).set(value(superuser, "select date_trunc('hour', now()) + interval '7 minutes'"))
    drawn = random.Random(seed)
    instance = _Instance(superuser, drawn, [add_endpoint(superuser) for _ in range(3)])
    steps = [instance.create] * 6 + [instance.cancel, instance.pause, instance.resume, instance.patch] * 3
    steps += [instance.turn, instance.switch, instance.fold, instance.fold]
    for number in range(70):
        step = instance.switch if number == 5 else drawn.choice(steps)
        step()
        instance.agrees()
