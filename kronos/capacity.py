"""What an instance of given size can do: a model of costs that were measured, and what to add where it is not enough.

Costs are CPU time on the machine that docs/capacity.md names, whose `loop` takes LOOP_US; another one is as much faster
as its own loop. `bin/bench capacity` measures them, and works that are none of them beside what the model says.
"""

import json
import math
import time
from dataclasses import dataclass
from hashlib import sha256

LOOP_US = 2000.0
"""CPU µs of `loop` on the machine of the costs."""
SMALL_BYTES = 200
"""The payload of the costs; each KiB beyond it costs what has `kib` in its name."""
_KIB, _MINUTE, _DAY = 1024, 60, 86_400
WORKER_SLOTS = 300
"""Deliveries that a worker has under way at once (KRONOS_WORKER_CONCURRENCY)."""
WORKER_CONNECTIONS = 6
"""Of a worker to PostgreSQL, and of an API process (KRONOS_POOL_SIZE and one that listens)."""
API_CONNECTIONS = 11
PG_CRON_CONNECTIONS = 34
"""Of pg_cron and of what an operator needs: 32 places, its own, and one."""
ALONE_PER_SECOND = 100
"""One-shots that come alone: what comes faster waits for what is before it, and is one statement with its like."""
BUSY_AT_MOST = 0.7
"""Of a machine's CPU time: what is beyond waits in line, and a busy minute finds no room."""
ENTRIES_PER_MINUTE = 8_000
"""Of pg_cron, an entry each (kronos/load.py)."""
SCHEDULE_US = 1.3
"""Of a minute, for each live CRON job: the reaper compares all of them with their entries (docs/benchmarks.md)."""
HISTORY_ON_ONE = 1_000_000_000
"""Rows of history up to which one machine was thought through: beyond it they are better on several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Of one each. `_us`: CPU µs, of PostgreSQL where no process is named; `_wal`: bytes of WAL; `kept`: of disk, for
    an execution in the history; `idle_`: of a second in which nothing is due; `creation` and `delivery`: of one among
    many; `alone_`: what a one-shot takes more that is made, claimed and ended by statements of its own."""

    idle_us: float
    idle_worker_us: float
    idle_api_us: float
    ring_us: float
    row_us: float
    alone_us: float
    alone_worker_us: float
    alone_api_us: float
    delivery_us: float
    delivery_worker_us: float
    creation_us: float
    creation_api_us: float
    delivery_kib_us: float
    delivery_kib_worker_us: float
    creation_kib_us: float
    creation_kib_api_us: float
    ring_wal: float
    row_wal: float
    delivery_wal: float
    creation_wal: float
    delivery_kib_wal: float
    creation_kib_wal: float
    kept: float
    kept_kib: float


COSTS = Costs(
    idle_us=4000,
    idle_worker_us=2250,
    idle_api_us=2000,
    ring_us=6700,
    row_us=70,
    alone_us=3200,
    alone_worker_us=2500,
    alone_api_us=1830,
    delivery_us=42,
    delivery_worker_us=38,
    creation_us=90,
    creation_api_us=240,
    delivery_kib_us=10.5,
    delivery_kib_worker_us=2.5,
    creation_kib_us=22,
    creation_kib_api_us=40,
    ring_wal=1700,
    row_wal=1330,
    delivery_wal=2327,
    creation_wal=1055,
    delivery_kib_wal=1141,
    creation_kib_wal=1122,
    kept=1230,
    kept_kib=1077,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """So much of each, in so many seconds. `alone`: how many of the one-shots come alone."""

    seconds: float = 0
    schedules: float = 0
    rings: float = 0
    rows: float = 0
    alone: float = 0
    creations: float = 0
    deliveries: float = 0
    payload_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """CPU µs by process, and bytes of WAL."""

    postgres: float
    worker: float
    api: float
    wal: float

    @property
    def cpu(self) -> float:
        """Of all processes."""
        return self.postgres + self.worker + self.api


def took(costs: Costs, work: Workload) -> Took:
    """What a workload takes."""
    kib = max(0, work.payload_bytes - SMALL_BYTES) / _KIB
    return Took(
        postgres=work.seconds * (costs.idle_us + work.schedules * SCHEDULE_US / _MINUTE)
        + work.rings * costs.ring_us
        + work.rows * costs.row_us
        + work.alone * costs.alone_us
        + work.deliveries * (costs.delivery_us + kib * costs.delivery_kib_us)
        + work.creations * (costs.creation_us + kib * costs.creation_kib_us),
        worker=work.seconds * costs.idle_worker_us
        + work.alone * costs.alone_worker_us
        + work.deliveries * (costs.delivery_worker_us + kib * costs.delivery_kib_worker_us),
        api=work.seconds * costs.idle_api_us
        + work.alone * costs.alone_api_us
        + work.creations * (costs.creation_api_us + kib * costs.creation_kib_api_us),
        wal=work.rings * costs.ring_wal
        + work.rows * costs.row_wal
        + work.deliveries * (costs.delivery_wal + kib * costs.delivery_kib_wal)
        + work.creations * (costs.creation_wal + kib * costs.creation_kib_wal),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedInstance:
    """An instance: its cores, and what it is to do. `runs_per_minute`: ticks of CRON jobs, the average;
    `busiest_minute`: of them in the busiest; `rings_per_minute`: entries of pg_cron that ring for them (None: one a
    run, as with an entry for each job; with shared alarms: how many distinct alarms); `latency_ms`: how long endpoints
    take; `speed`: of the machine, beside that of the costs."""

    cores: int = 2
    schedules: int = 1_000
    runs_per_minute: float = 100
    busiest_minute: float | None = None
    rings_per_minute: float | None = None
    one_shots_per_second: float = 0
    payload_bytes: int = 1_000
    latency_ms: float = 100
    history_days: float = 30
    workers: int = 1
    api_processes: int = 1
    speed: float = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it comes to. CPU in cores; `busy`: the share of all cores that is used; `busiest_minute_seconds`: how long
    the busiest minute's work takes with the cores that it has; `most_runs_per_minute`: with everything else as it is,
    until `busy` is 0.7; `advice`: what to add, or change, and why."""

    postgres_cores: float
    worker_cores: float
    api_cores: float
    busy: float
    busiest_minute_seconds: float
    most_runs_per_minute: int
    workers_needed: int
    api_processes_needed: int
    connections: int
    wal_mib_per_hour: float
    wal_gib_per_day: float
    history_rows: int
    history_gib: float
    fits: bool
    advice: list[str]


def answer(asked: AskedInstance, costs: Costs = COSTS) -> Answer:
    """The model's answer. A workload that is larger in anything never needs less of anything."""
    per_minute = took(costs, _minute(asked, asked.runs_per_minute))
    cores = {name: getattr(per_minute, name) / 1e6 / _MINUTE / asked.speed for name in ("postgres", "worker", "api")}
    busy = sum(cores.values()) / asked.cores
    peak = asked.runs_per_minute if asked.busiest_minute is None else max(asked.busiest_minute, asked.runs_per_minute)
    peak_seconds = took(costs, _minute(asked, peak)).cpu / 1e6 / asked.speed / asked.cores
    workers, apis = _processes(asked, cores, took(costs, _minute(asked, peak)))
    rows = (asked.runs_per_minute / _MINUTE + asked.one_shots_per_second) * _DAY * asked.history_days
    kib = max(0, asked.payload_bytes - SMALL_BYTES) / _KIB
    found = Answer(
        postgres_cores=cores["postgres"],
        worker_cores=cores["worker"],
        api_cores=cores["api"],
        busy=busy,
        busiest_minute_seconds=peak_seconds,
        most_runs_per_minute=_most_runs(asked, costs),
        workers_needed=workers,
        api_processes_needed=apis,
        connections=max(workers, asked.workers) * WORKER_CONNECTIONS
        + max(apis, asked.api_processes) * API_CONNECTIONS
        + PG_CRON_CONNECTIONS,
        wal_mib_per_hour=per_minute.wal * 60 / 2**20,
        wal_gib_per_day=per_minute.wal * 1440 / 2**30,
        history_rows=math.ceil(rows),
        history_gib=rows * (costs.kept + kib * costs.kept_kib) / 2**30,
        fits=busy <= BUSY_AT_MOST and peak_seconds <= _MINUTE and _rings(asked, peak) <= ENTRIES_PER_MINUTE,
        advice=[],
    )
    found.advice.extend(_advice(asked, found, peak))
    return found


def _minute(asked: AskedInstance, runs: float) -> Workload:
    """A minute with so many runs. What is due together is claimed together; one-shots come alone, up to a rate."""
    one_shots = asked.one_shots_per_second * _MINUTE
    return Workload(
        seconds=_MINUTE,
        schedules=asked.schedules,
        rings=_rings(asked, runs),
        rows=runs,
        alone=min(one_shots, ALONE_PER_SECOND * _MINUTE),
        creations=one_shots,
        deliveries=runs + one_shots,
        payload_bytes=asked.payload_bytes,
    )


def _rings(asked: AskedInstance, runs: float) -> float:
    return runs if asked.rings_per_minute is None else asked.rings_per_minute


def _processes(asked: AskedInstance, cores: dict[str, float], peak: Took) -> tuple[int, int]:
    """Workers and API processes: each uses one core at most, and a worker has so many deliveries at once."""
    under_way = (asked.runs_per_minute / _MINUTE + asked.one_shots_per_second) * asked.latency_ms / 1000
    most = max(cores["worker"], peak.worker / 1e6 / _MINUTE / asked.speed)
    workers = max(1, math.ceil(most / BUSY_AT_MOST), math.ceil(under_way / WORKER_SLOTS))
    return workers, max(1, math.ceil(cores["api"] / BUSY_AT_MOST))


def _most_runs(asked: AskedInstance, costs: Costs) -> int:
    """Runs a minute, until 0.7 of the cores are used."""
    room = BUSY_AT_MOST * asked.cores * _MINUTE * 1e6 * asked.speed - took(costs, _minute(asked, 0)).cpu
    one, two = (took(costs, _minute(asked, 1_000_000 * nth)).cpu for nth in (1, 2))
    most = max(0, math.floor(room / ((two - one) / 1_000_000)))
    return most if asked.rings_per_minute is not None else min(most, ENTRIES_PER_MINUTE)


def _advice(asked: AskedInstance, found: Answer, peak: float) -> list[str]:
    """What to do, the cheapest first."""
    said = []
    rings = _rings(asked, peak)
    if rings > ENTRIES_PER_MINUTE or (found.busy > BUSY_AT_MOST and asked.rings_per_minute is None):
        said.append(
            f"share alarms: {rings:,.0f} entries of pg_cron ring in the busiest minute, and it runs about "
            f"{ENTRIES_PER_MINUTE:,}"
        )
    if found.busiest_minute_seconds > _MINUTE:
        said.append(
            f"spread the load (kronos load --plan): the busiest minute is work for {found.busiest_minute_seconds:.0f} s"
        )
    if found.workers_needed > asked.workers:
        said.append(f"add workers: {found.workers_needed} are needed, and there are {asked.workers}")
    if found.api_processes_needed > asked.api_processes:
        said.append(f"add API processes: {found.api_processes_needed} are needed, and there are {asked.api_processes}")
    on_postgres = found.postgres_cores / asked.cores
    if found.busy > BUSY_AT_MOST:
        said.append(
            f"a bigger primary: PostgreSQL alone needs {math.ceil(found.postgres_cores / BUSY_AT_MOST)} cores"
            if on_postgres > BUSY_AT_MOST
            else "workers and API processes on machines of their own: PostgreSQL has room on this one"
        )
    if on_postgres > 0.5:
        said.append("read from replicas (KRONOS_READ_FROM): lists and pages leave the primary alone")
    if found.history_rows > HISTORY_ON_ONE:
        said.append(
            f"keep less history, or distribute it: {found.history_rows:,} rows, {found.history_gib:,.0f} GiB, after "
            f"{asked.history_days:g} days"
        )
    return said


def loop() -> float:
    """CPU µs of a thousand turns of what Python does all day: dictionaries, texts, bytes, a hash."""
    began = time.process_time()
    for turn in range(20_000):
        fields = {"turn": turn, "name": f"job {turn}", "tags": ["a", "b"]}
        sha256(json.dumps(fields).encode()).hexdigest()
    return (time.process_time() - began) * 1e6 / 20
