"""The costs of work, and whether `kronos capacity` predicts what an instance does. `bin/bench capacity`

First measures each cost of kronos/capacity.py separately. Then it measures three other workloads and compares each with
the model's prediction. CPU time is relative to that of a fixed piece of Python in the same minute (bench/costs.py), so
that other users of the machine matter less. This is a report; it never fails.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from statistics import median

import click

from bench import common, deliver, machine
from bench.common import ENDPOINT, WORKSPACE, Instance
from kronos import capacity
from kronos.capacity import loop
from kronos.model import JsonObject

_KIB = 1024
_SMALL, _LARGE = 200, 8 * _KIB
_SLOW, _FAST = 5, 20
"""One-shots over HTTP that come alone, a second: the slower they come, the colder are the caches for each. Their$
cost is the mean of both."""
_SECONDS = 20
_JOBS = """
with read as materialized (
    select schedule, kronos.alarm('* * * * *', schedule) as alarm, kronos.describe_schedule(schedule) as description
      from kronos.read_schedule('* * * * *', null, null, 'UTC', 'SHIFT', 'FIRST') as schedule
), fresh as materialized (
    select gen_random_uuid() as job_id from generate_series(1, %(jobs)s)
), made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule,
                             alarm, description, input)
    select fresh.job_id, fresh.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'CRON', '* * * * *', 'UTC',
           read.schedule, read.alarm, read.description, %(input)s
      from fresh cross join read cross join kronos.endpoints as endpoint
     where endpoint.name = %(endpoint)s
    returning job_id, workspace_id
)
insert into kronos.pointers (job_id, workspace_id, next_tick_at)
select job_id, workspace_id, date_trunc('minute', clock_timestamp()) + %(ahead)s * interval '1 minute' from made
returning job_id
"""
_REGISTER = """
select count(kronos.register_pg_cron(job_id)) from kronos.jobs join kronos.workspaces using (workspace_id)
 where slug = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The resources used by a workload: CPU time in thousand loops, and bytes."""

    postgres: float = 0
    worker: float = 0
    api: float = 0
    wal: float = 0
    disk: float = 0

    def each(self, count: int) -> "Spent":
        """Return the share of one unit."""
        return Spent(**{name: value / count for name, value in asdict(self).items()})

    def beyond(self, other: "Spent") -> "Spent":
        """Return the difference to the other."""
        return Spent(**{name: value - getattr(other, name) for name, value in asdict(self).items()})

    def mean(self, other: "Spent") -> "Spent":
        """Return the mean of the two."""
        return Spent(**{name: (value + getattr(other, name)) / 2 for name, value in asdict(self).items()})


class Works:
    """One instance, with a worker and an API if the workload needs them."""

    def __init__(self, one: Instance, arrived: Callable[[], int], forget: Callable[[], None]) -> None:
        self._one, self._arrived, self._forget = one, arrived, forget
        self._connection = one.connect()

    def idle(self, seconds: float) -> Spent:
        """Measure one second of an idle instance."""
        with self._processes() as (worker, api, _), self._spent(worker, api) as found:
            time.sleep(seconds)  # this time is measured
        return found[0].each(round(seconds))

    def delivered(self, count: int, size: int) -> Spent:
        """Measure deliveries of existing one-shots with inputs of this size."""
        with self._processes() as (worker, api, _):
            self._connection.execute("begin")
            deliver.add(self._connection, count, _input(size))
            self._connection.execute("notify kronos_work")
            with self._spent(worker, api) as found:
                self._connection.execute("commit")
                self._until(count)
        return found[0]

    def created(self, seconds: float, size: int, *, is_delivered: bool, rate: int | None) -> tuple[Spent, int, float]:
        """Measure one-shots created over HTTP by eight callers, at a rate or as fast as responses arrive, and delivered
        immediately or never due. Returns the resources used, the number, and the seconds.

        Requests that wait together share a statement, and on a busy machine more of them wait. So the rate is either
        far below the machine's capacity, so that each comes alone, or unlimited, so that they come together.
        """
        body: JsonObject = {"endpoint": ENDPOINT, "trigger": "IMMEDIATE", "input": _input(size)}
        if not is_delivered:
            body |= {"trigger": "DELAYED", "run_at": "2090-01-01T00:00:00Z"}
        order = {
            "path": f"/v1/workspaces/{WORKSPACE}/jobs",
            "headers": f"Authorization: Bearer {self._one.key_file.read_text().strip()}\r\n",
            "bodies": [json.dumps(body)],
            "connections": 8,
            "per_second": rate,
        }
        with self._processes() as (worker, api, port), common.child(["-m", "bench.callers"]) as client:
            common.told(client, order | {"port": port, "seconds": 1})
            if is_delivered:
                deliver.await_end(self._connection)
            self._forget()
            with self._spent(worker, api) as found:
                made = common.told(client, order | {"port": port, "seconds": seconds})
                if is_delivered:
                    self._until(made["requests"])
        if made["other"]:
            raise RuntimeError(f"the API answered {made['other'][0]}")
        return found[0], made["requests"], made["seconds"]

    def rows(self, jobs: int) -> Spent:
        """Measure the session's CPU time for ticks that one ring accounts for."""
        self._clean()
        ids = self._connection.execute(_JOBS, self._jobs(jobs, _SMALL, ahead=0)).fetchall()
        self._connection.execute("vacuum analyze kronos.jobs, kronos.pointers")
        pid = self._connection.info.backend_pid
        before, began, wal = loop(), machine.session_seconds(pid), self._wal()
        made = self._connection.execute("select kronos.fire(%s)", [ids[0][0]]).fetchone()
        used = machine.session_seconds(pid) - began
        if made is None or made[0] < jobs // 3:  # a ring takes one of two lines (account_all)
            raise RuntimeError(f"of {jobs} ticks {made} were accounted for")
        return Spent(postgres=used * 1e6 / ((before + loop()) / 2), wal=self._wal() - wal).each(made[0])

    def rung(self, jobs: int, size: int) -> Spent:
        """Measure a minute of CRON jobs that run every minute: their pg_cron entries, rows and deliveries."""
        with self._processes() as (worker, api, _):
            while (left := 60 - self._second()) < 20:
                time.sleep(left + 0.1)  # into the next minute
            self._connection.execute(_JOBS, self._jobs(jobs, size, ahead=1))
            self._connection.execute(_REGISTER, [WORKSPACE])
            time.sleep(60 - self._second() - 2)  # pg_cron rereads its entries once per second
            with self._spent(worker, api) as found:
                time.sleep(57)  # a whole minute of the instance, including idle work
                self._until(jobs)
        return found[0]

    def _jobs(self, jobs: int, size: int, *, ahead: int) -> JsonObject:
        return {"jobs": jobs, "input": json.dumps(_input(size)), "endpoint": ENDPOINT, "ahead": ahead}

    def _second(self) -> float:
        row = self._connection.execute("select extract(second from clock_timestamp())::float8").fetchone()
        return float(row[0]) if row else 0.0

    @contextmanager
    def _processes(self) -> Iterator[tuple[int, int, int]]:
        """Provide the pids of a worker and an API, and its port, on an instance without jobs."""
        self._clean()
        with deliver.worker(self._one) as worker, common.served(self._one) as (api, port):
            deliver.await_listeners(self._connection, 1)
            yield worker.pid, api.pid, port

    @contextmanager
    def _spent(self, worker: int, api: int) -> Iterator[list[Spent]]:
        found: list[Spent] = []
        pids = {"postgres": self._one.postgres_pid, "worker": worker, "api": api}
        before, used = loop(), {name: machine.cpu_seconds(pid) for name, pid in pids.items()}
        wal, disk = self._wal(), self._disk()
        yield found
        used = {name: machine.cpu_seconds(pid) - used[name] for name, pid in pids.items()}
        turn = (before + loop()) / 2
        loops = {name: seconds * 1e6 / turn for name, seconds in used.items()}
        found.append(Spent(**loops, wal=self._wal() - wal, disk=self._disk() - disk))

    def _until(self, count: int) -> None:
        common.wait_until(lambda: self._arrived() >= count, "the deliveries do not end", seconds=300, every=0.05)
        deliver.await_end(self._connection)

    def _wal(self) -> float:
        row = self._connection.execute("select (pg_current_wal_insert_lsn() - '0/0')::float8").fetchone()
        return float(row[0]) if row else 0.0

    def _disk(self) -> float:
        row = self._connection.execute("""
            select coalesce(sum(pg_total_relation_size(inhrelid)), 0)::float8 from pg_inherits
             where inhparent in ('kronos.execution_done'::regclass, 'kronos.attempt'::regclass)
        """).fetchone()
        return float(row[0]) if row else 0.0

    def _clean(self) -> None:
        self._forget()
        self._one.forget_jobs()


def _input(size: int) -> JsonObject:
    """Return an input of this many bytes that hardly compresses."""
    text = "".join(f"{number * 2654435761 % 2**32:08x}" for number in range(size // 8 + 1))
    return {"order": 4711, "text": text[: max(0, size - 30)]}


def _costs(works: Works, count: int) -> capacity.Costs:
    """Measure each cost separately."""
    idle = works.idle(30)
    small, large = (works.delivered(count, size).each(count) for size in (_SMALL, _LARGE))
    made, made_large, slow, fast = (
        _beyond_idle(idle, *works.created(seconds, size, is_delivered=rate is not None, rate=rate))
        for seconds, size, rate in (
            (count / 500, _SMALL, None),
            (count / 500, _LARGE, None),
            (_SECONDS, _SMALL, _SLOW),
            (_SECONDS, _SMALL, _FAST),
        )
    )
    rows = works.rows(2000)
    jobs = 250
    rung = works.rung(jobs, _SMALL)
    kib = (_LARGE - _SMALL) / _KIB
    us = capacity.LOOP_US
    per, more = small.each(1), large.beyond(small)
    more_made, alone = made_large.beyond(made), slow.mean(fast).beyond(made).beyond(per)
    ring = (rung.postgres - 60 * idle.postgres) / jobs - rows.postgres - per.postgres
    return capacity.Costs(
        idle_us=idle.postgres * us,
        idle_worker_us=idle.worker * us,
        idle_api_us=idle.api * us,
        ring_us=ring * us,
        row_us=rows.postgres * us,
        delivery_us=per.postgres * us,
        delivery_worker_us=per.worker * us,
        alone_us=alone.postgres * us,
        alone_worker_us=alone.worker * us,
        alone_api_us=alone.api * us,
        creation_us=made.postgres * us,
        creation_api_us=made.api * us,
        delivery_kib_us=more.postgres / kib * us,
        delivery_kib_worker_us=more.worker / kib * us,
        creation_kib_us=more_made.postgres / kib * us,
        creation_kib_api_us=more_made.api / kib * us,
        row_wal=rows.wal,
        delivery_wal=per.wal,
        creation_wal=made.wal,
        delivery_kib_wal=more.wal / kib,
        creation_kib_wal=more_made.wal / kib,
        ring_wal=rung.wal / jobs - rows.wal - per.wal,
        kept=per.disk,
        kept_kib=more.disk / kib,
    )


Work = tuple[str, Spent, capacity.Workload]


def _points(works: Works, count: int) -> Iterator[Work]:
    """Return workloads that no cost was derived from: their measured resources, and their description for the model."""
    yield (
        f"{count:,} deliveries of 4 KiB",
        works.delivered(count, 4 * _KIB),
        capacity.Workload(deliveries=count, payload_bytes=4 * _KIB),
    )
    jobs = 400
    yield (
        f"a minute of {jobs} CRON jobs of 1 KiB",
        works.rung(jobs, _KIB),
        capacity.Workload(seconds=60, rings=jobs, rows=jobs, deliveries=jobs, payload_bytes=_KIB),
    )
    rate = 2 * _SLOW
    mixed, made, seconds = works.created(_SECONDS, 2 * _KIB, is_delivered=True, rate=rate)
    yield (
        f"one-shots of 2 KiB over HTTP, {rate} a second, and delivered",
        mixed,
        capacity.Workload(seconds=seconds, creations=made, alone=made, deliveries=made, payload_bytes=2 * _KIB),
    )


def _beyond_idle(idle: Spent, took: Spent, count: int, seconds: float) -> Spent:
    """Return the cost of one unit, without the cost of an idle instance in that time."""
    left = {name: value - getattr(idle, name) * seconds for name, value in asdict(took).items()}
    return Spent(**left).each(count)


def _said(costs: capacity.Costs, work: capacity.Workload) -> Spent:
    took = capacity.took(costs, work)
    cpu = {name: us / capacity.LOOP_US for name, us in asdict(took).items() if name in ("postgres", "worker", "api")}
    return Spent(**cpu, wal=took.wal)


def _median(found: Sequence[capacity.Costs]) -> capacity.Costs:
    names = [each.name for each in fields(capacity.Costs)]
    return capacity.Costs(**{name: max(0.0, median(getattr(one, name) for one in found)) for name in names})


@click.command(help=__doc__)
@click.option("--runs", default=3, show_default=True)
@click.option("--count", default=5000, show_default=True, help="Deliveries per sample.")
def main(runs: int, count: int) -> None:
    """Measure and print."""
    with ExitStack() as stack:
        sink = stack.enter_context(common.child(["-m", "bench.sink"]))
        url = f"http://127.0.0.1:{common.told(sink)['port']}/deliveries"
        one = stack.enter_context(common.instance(sink_url=url))
        works = Works(one, lambda: common.told(sink, "count")["count"], lambda: common.told(sink, "forget") and None)
        taken, points = list[capacity.Costs](), list[list[Work]]()
        for _ in range(runs):  # in turns, so that disturbances affect all alike
            taken.append(_costs(works, count))
            points.append(list(_points(works, count)))
        costs = _median(taken)
        print("| cost | measured | kronos/capacity.py |\n|---|---|---|")
        for name, value in asdict(costs).items():
            print(f"| {name} | {value:.1f} | {getattr(capacity.COSTS, name):.1f} |")
        print("\n| work | of | said by kronos/capacity.py / measured: median (each) | by this run's costs |")
        print("|---|---|---|---|")
        for same in zip(*points, strict=True):
            title = same[0][0]
            for name in ("postgres", "worker", "api", "wal"):
                if getattr(_said(costs, same[0][2]), name):
                    known, now = _shown(capacity.COSTS, same, name), _shown(costs, same, name)
                    print(f"| {title} | {name} | {known} | {now} |")


def _shown(costs: capacity.Costs, same: Sequence[Work], name: str) -> str:
    """Return the prediction of these costs for a workload relative to the measurement: the median, and each run."""
    ratios = [getattr(_said(costs, work), name) / max(getattr(took, name), 1e-9) for _, took, work in same]
    return f"{median(ratios):.2f} ({', '.join(f'{each:.2f}' for each in ratios)})"


if __name__ == "__main__":
    main()
