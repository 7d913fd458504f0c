"""What an instance of a given size can do: a model of measured costs, and what to add when that is not enough.

Costs are CPU time on the machine described in docs/capacity.md, where `loop` takes LOOP_US. Costs on another machine
scale with its own `loop`. `bin/bench capacity` measures the costs, and compares the model's answers with workloads that
were not used to measure them.
"""

import json
import math
import time
from hashlib import sha256

from kronos.counting import plural
from kronos.records import dataclass

LOOP_US = 2000.0
"""CPU µs of `loop` on the machine where the costs were measured."""
SMALL_BYTES = 200
"""The payload size of the costs. Each KiB above it adds the costs with `kib` in their names."""
_KIB, _MINUTE, _DAY = 1024, 60, 86_400
WORKER_SLOTS = 300
"""Concurrent deliveries of one worker (KRONOS_WORKER_CONCURRENCY)."""
WORKER_CONNECTIONS = 6
"""PostgreSQL connections of a worker. Below, of an API process: KRONOS_DATABASE_POOL_SIZE and one that listens."""
API_CONNECTIONS = 11
PG_CRON_CONNECTIONS = 34
"""Connections for pg_cron and the operator: 32 for its jobs, pg_cron's own, and one."""
ALONE_PER_SECOND = 100
"""One-shots per second that are handled one by one; above this rate they wait and are batched into one statement."""
BUSY_AT_MOST = 0.7
"""Share of a machine's CPU time to use: above it, work queues up and a busy minute finds no room."""
ENTRIES_PER_MINUTE = 8_000
"""Entries that pg_cron runs per minute, each of its own (kronos/load.py)."""
SCHEDULE_US = 1.3
"""CPU µs per minute for each live CRON job: the reaper compares all jobs with their entries (docs/benchmarks.md)."""
HISTORY_ON_ONE = 1_000_000_000
"""Rows of history up to which one machine was considered; more are better spread over several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs per item. `_us`: CPU µs, of PostgreSQL unless a process is named. `_wal`: bytes of WAL. `kept`: bytes of
    disk for an execution in the history. `idle_`: per second in which nothing is due. `creation` and `delivery`: one
    among many. `alone_`: the extra cost of a one-shot that is created, claimed and finalized by statements of its
    own."""

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
    """How much of each there is within `seconds`. `alone`: how many of the one-shots are handled one by one."""

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
        """CPU µs of all processes."""
        return self.postgres + self.worker + self.api


def took(costs: Costs, work: Workload) -> Took:
    """Return what a workload costs."""
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
    """An instance: its cores and its workload. `runs_per_minute`: ticks of CRON jobs, on average; `busiest_minute`: in
    the busiest minute. `rings_per_minute`: pg_cron entries that ring for them; None: one per run, as when each job has
    its own entry; with shared alarms, the number of distinct alarms. `latency_ms`: how long endpoints take. `speed`: of
    the machine, relative to the machine of the costs."""

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
    """The result. CPU is in cores. `busy`: the share of all cores in use. `busiest_minute_seconds`: how long these
    cores take for the busiest minute's work. `most_runs_per_minute`: until `busy` is 0.7, everything else unchanged.
    `advice`: what to add or change, and why."""

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
    """Return the model's answer. A workload that is larger in any respect never needs less of anything."""
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
    """Return a minute's workload. Runs due together are claimed together; one-shots are single up to a rate."""
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
    """Return the workers and API processes needed. Each uses at most one core, and a worker has WORKER_SLOTS."""
    under_way = (asked.runs_per_minute / _MINUTE + asked.one_shots_per_second) * asked.latency_ms / 1000
    most = max(cores["worker"], peak.worker / 1e6 / _MINUTE / asked.speed)
    workers = max(1, math.ceil(most / BUSY_AT_MOST), math.ceil(under_way / WORKER_SLOTS))
    return workers, max(1, math.ceil(cores["api"] / BUSY_AT_MOST))


def _most_runs(asked: AskedInstance, costs: Costs) -> int:
    """Return the runs per minute that use 0.7 of the cores."""
    room = BUSY_AT_MOST * asked.cores * _MINUTE * 1e6 * asked.speed - took(costs, _minute(asked, 0)).cpu
    one, two = (took(costs, _minute(asked, 1_000_000 * nth)).cpu for nth in (1, 2))
    most = max(0, math.floor(room / ((two - one) / 1_000_000)))
    return most if asked.rings_per_minute is not None else min(most, ENTRIES_PER_MINUTE)


def _advice(asked: AskedInstance, found: Answer, peak: float) -> list[str]:
    """Return what to do, cheapest first."""
    said = []
    rings = _rings(asked, peak)
    if rings > ENTRIES_PER_MINUTE or (found.busy > BUSY_AT_MOST and asked.rings_per_minute is None):
        said.append(
            f"share alarms: {rings:,.0f} pg_cron entries ring in the busiest minute, and pg_cron runs about "
            f"{ENTRIES_PER_MINUTE:,}"
        )
    if found.busiest_minute_seconds > _MINUTE:
        said.append(
            f"spread the load (kronos load --plan): the busiest minute is {found.busiest_minute_seconds:.0f} s of work"
        )
    if found.workers_needed > asked.workers:
        said.append(f"add workers: {found.workers_needed} are needed, there are {asked.workers}")
    if found.api_processes_needed > asked.api_processes:
        said.append(f"add API processes: {found.api_processes_needed} are needed, there are {asked.api_processes}")
    on_postgres = found.postgres_cores / asked.cores
    if found.busy > BUSY_AT_MOST:
        said.append(
            f"a bigger primary: PostgreSQL alone needs {math.ceil(found.postgres_cores / BUSY_AT_MOST)} cores"
            if on_postgres > BUSY_AT_MOST
            else "move workers and API processes to other machines: then this one has room for PostgreSQL"
        )
    if on_postgres > 0.5:
        said.append("read from a replica (KRONOS_DATABASE_READ_URL): it takes lists and pages off the primary")
    if found.history_rows > HISTORY_ON_ONE:
        said.append(
            f"keep less history, or distribute it: {found.history_rows:,} rows, {found.history_gib:,.0f} GiB after "
            f"{asked.history_days:g} {plural(asked.history_days, 'day')}"
        )
    return said


def loop() -> float:
    """Return the CPU µs of a thousand rounds of typical Python work: dictionaries, texts, bytes, a hash."""
    began = time.process_time()
    for turn in range(20_000):
        fields = {"turn": turn, "name": f"job {turn}", "tags": ["a", "b"]}
        sha256(json.dumps(fields).encode()).hexdigest()
    return (time.process_time() - began) * 1e6 / 20
