"""The cost of a delivery for PostgreSQL: claims and their results in batches, without HTTP. `python -m bench.drain`

CPU time is that of the one session that runs the statements (/proc/<pid>/schedstat); WAL is everything written during
that time. `--tree` uses another checkout's migrations and statements, `--variant` this one's after some SQL. Each has a
separate instance, and they take turns. To measure a limit: `--variant "limited=update kronos.endpoint_gate set
max_in_flight = 1000"`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import click
import psycopg
from psycopg.rows import tuple_row
from psycopg.types.array import ListBinaryDumper
from psycopg.types.string import StrBinaryDumper

from bench import common, deliver, machine
from bench.common import ENDPOINT
from kronos.worker.claims import EVERYTHING

_HERE = Path(__file__).parents[1]
# Runs in the measured tree, with its migrations, statements and session settings.
_HOST = """
import json, sys
from datetime import timedelta
from bench import common
from kronos import sql
with common.instance() as one:
    of_workers = [name for name in sql.texts() if name.startswith(("claims.", "results."))]
    statements = {name.partition(".")[2]: sql.texts()[name] for name in of_workers}
    print(json.dumps({"url": one.url, "statements": statements}), flush=True)
    sys.stdin.readline()
"""
# The same as in kronos.worker.link.
_SESSION = """
set role kronos_worker; set statement_timeout = '5s'; set lock_timeout = '2s';
set enable_hashjoin = off; set enable_mergejoin = off;
set enable_seqscan = off; set plan_cache_mode = force_generic_plan
"""
# Disable housekeeping that would write and lock during the measurement.
_QUIET = (
    "alter system set autovacuum = off",
    "alter system set checkpoint_timeout = '1h'",
    "alter system set max_wal_size = '8GB'",
)
_CRON_JOB = """
insert into kronos.jobs (first_version_id, job_id, workspace_id, name, endpoint_id, trigger, cron, timezone,
    schedule, alarm, description)
select new.job_id, new.job_id, endpoint.workspace_id, 'drain', endpoint.endpoint_id, 'CRON', '0 0 1 1 *', 'UTC',
       kronos.parse_cron('0 0 1 1 *'), '0 0 1 1 *', 'yearly'
  from kronos.endpoints as endpoint, (select gen_random_uuid() as job_id) as new
 where endpoint.name = %(endpoint)s
returning job_id
"""
# Due one after the other, a millisecond apart, like real executions.
_LIVE = """
insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
    scheduled_at, run_at,
                                   visible_at, max_attempts, max_crashes, timeout_ms, input)
select kronos.uuid7(), endpoint.workspace_id, job.job_id, endpoint.endpoint_id, 1, %(cause)s, now(), now(),
       now() - interval '1 minute' + job.n * interval '1 ms', made_of.max_attempts, made_of.max_crashes,
           made_of.timeout_ms,
       %(input)s::jsonb
  from kronos.endpoints as endpoint
  join kronos.endpoint_versions as made_of using (endpoint_id, version)
 cross join job
 where endpoint.name = %(endpoint)s
 order by job.n
"""
_CRON = "with job as (select %(job_id)s::uuid as job_id, n from generate_series(1, %(count)s) as n)" + _LIVE
_ONE_SHOTS = (
    """
with made as (
    insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, input)
    select fresh.job_id, fresh.job_id, endpoint.workspace_id, endpoint.endpoint_id, 'IMMEDIATE', %(input)s::jsonb
      from kronos.endpoints as endpoint, (select gen_random_uuid() as job_id from generate_series(1,
           %(count)s)) as fresh
     where endpoint.name = %(endpoint)s
    returning job_id
), job as (
    select job_id, row_number() over () as n from made
)
"""
    + _LIVE
)
_KINDS = {
    "cron": "a CRON job's executions",
    "one-shots": "executions of one-shots with a row",
    "lone": "one-shots that are their execution",
}
_INPUT = json.dumps({"order": 4711, "customer": "someone", "note": "x" * 150})
_REQUEST = json.dumps(
    {"url": "http://127.0.0.1:8080/deliveries", "method": "POST", "body_bytes": 195, "address": "127.0.0.1"}
)
_RESPONSE = json.dumps(
    {"status_code": 200, "body": "{}", "headers": {"content-type": "application/json"}, "body_bytes": 2}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A migrated instance, and the statements of its tree's worker."""

    url: str
    statements: Mapping[str, str]

    def finalize(self, *, holds_slot: bool) -> str:
        """What ends successes, of limited endpoints or of others: trees of before have one statement for all
        results."""
        name = "finalize_limited_successes" if holds_slot else "finalize_successes"
        return self.statements.get(name) or self.statements["finalize_executions"]


@contextmanager
def _host(tree: Path, change: str) -> Iterator[Host]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOST],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=tree,
        text=True,
    )
    try:
        made = common.told(process)
        with psycopg.connect(made["url"], autocommit=True) as connection:
            for setting in (*_QUIET, "select pg_reload_conf()", "checkpoint"):
                connection.execute(setting)
            if change:
                connection.execute(change)
        yield Host(url=made["url"], statements=made["statements"])
    finally:
        process.communicate("\n", timeout=60)


class Drain:
    """One contestant: its queue is filled by a superuser, and drained as kronos_worker."""

    def __init__(self, host: Host, *, kind: str) -> None:
        self._host = host
        self._is_lone = kind == "lone"
        self._owner = psycopg.connect(host.url, autocommit=True)
        self._worker = psycopg.connect(host.url, autocommit=True, prepare_threshold=0, row_factory=tuple_row)
        self._worker.adapters.register_dumper(str, StrBinaryDumper)
        self._worker.adapters.register_dumper(list, ListBinaryDumper)
        self._worker.execute(_SESSION, prepare=False)
        self._schedstat = Path(f"/proc/{self._worker.info.backend_pid}/schedstat")
        (self._endpoint,) = self._one("select endpoint_id from kronos.endpoints where name = %s", [ENDPOINT])
        self._job_id = self._one(_CRON_JOB, {"endpoint": ENDPOINT})[0] if kind == "cron" else None

    def _one(self, query: str, params: object = None) -> tuple[UUID, ...]:
        row = self._owner.execute(query, params).fetchone()  # type: ignore[call-overload]
        if row is None:
            raise RuntimeError(f"no row: {query}")
        return tuple(row)

    def fill(self, count: int) -> None:
        """Create this many executions, all due."""
        params = {"endpoint": ENDPOINT, "input": _INPUT, "count": count, "job_id": self._job_id}
        params["cause"] = "API" if self._job_id is None else "SCHEDULE"
        if self._is_lone:
            deliver.add(self._owner, count, json.loads(_INPUT))
            self._owner.execute("update kronos.execution_live set visible_at = visible_at - interval '1 minute'")
        else:
            self._owner.execute(_ONE_SHOTS if self._job_id is None else _CRON, params)
        self._owner.execute("vacuum full analyze kronos.execution_live")
        self._owner.execute("vacuum analyze kronos.jobs")
        self._floor = EVERYTHING

    def batch(self, size: int) -> dict[str, float]:
        """One claim and the statement that ends it: CPU µs of the session, WAL bytes and CPU µs of the client, an
        execution each."""
        token, wal, started, client = uuid4(), self._wal(), self._cpu(), time.thread_time()
        claimed = self._worker.execute(
            self._host.statements["claim_executions"], self._claim(size, self._floor, token), binary=True
        ).fetchall()
        at_claim = self._cpu()
        ids, self._floor = [row[0] for row in claimed], max(row[11] for row in claimed)
        places = [row[13] for row in claimed]  # older trees have none
        finalize = self._host.finalize(holds_slot=claimed[0][9])
        self._worker.execute(finalize, _results(ids, token, places), binary=True).fetchall()
        client, at_end = time.thread_time() - client, self._cpu()
        (left,) = self._one("select count(*) from kronos.execution_live where claim_token = %s", [token])
        if left or len(claimed) != size:
            raise RuntimeError(f"of a batch of {size}, {len(claimed)} were claimed and {left} of them not ended")
        spent = {
            "claim": at_claim - started,
            "finalize": at_end - at_claim,
            "both": at_end - started,
            "client": client * 1e6,
        }
        return {what: value / size for what, value in (spent | {"wal": self._wal() - wal}).items()}

    def _claim(self, batch: int, floor: datetime, token: UUID) -> dict[str, object]:
        return {
            "endpoint_ids": [self._endpoint],
            "quotas": [batch],
            "floors": [floor],
            "ranks": [floor],
            "claim_token": token,
            "worker_id": "worker-of-the-benchmark-1234",
            "margin_ms": 5000,
            "shortest_lease_ms": 30_000,
        }

    def _cpu(self) -> float:
        return int(self._schedstat.read_text().split()[0]) / 1000

    def _wal(self) -> float:
        (written,) = self._one("select (pg_current_wal_insert_lsn() - '0/0')::float8")
        return float(written)  # type: ignore[arg-type]


def _results(ids: Sequence[UUID], token: UUID, places: Sequence[object]) -> dict[str, object]:
    count = len(ids)
    return {
        "execution_ids": list(ids),
        "claim_tokens": [token] * count,
        "statuses": ["SUCCESS"] * count,
        "is_retryable": [False] * count,
        "retry_ms": [0] * count,
        "duration_ms": [12] * count,
        "requests": [_REQUEST] * count,
        "responses": [_RESPONSE] * count,
        "documents": [_REQUEST, _RESPONSE],
        "request_nths": [1] * count,
        "response_nths": [2] * count,
        "errors": [None] * count,
        "is_cut_off": [False] * count,
        "places": list(places),
    }


def _take_turns(contestants: Mapping[str, Drain], count: int, size: int) -> dict[str, dict[str, float]]:
    """Return the median of each measure over batches in turns, so that disturbances affect all alike."""
    for one in contestants.values():
        one.fill(count // size * size)
    batches: dict[str, list[dict[str, float]]] = {name: [] for name in contestants}
    for _ in range(count // size):
        for name, one in contestants.items():
            batches[name].append(one.batch(size))
    return {name: {what: median(each[what] for each in taken) for what in taken[0]} for name, taken in batches.items()}


def _table(title: str, what: str, measured: Mapping[int, Mapping[str, Mapping[str, float]]]) -> None:
    """Print contestants by batch size, with ratios to the first."""
    names = list(next(iter(measured.values())))
    print(f"\n| {title} | " + " | ".join(f"by {size}" for size in measured) + " |\n|---|" + "---|" * len(measured))
    for name in names:
        cells = [(taken[name][what], taken[name][what] / taken[names[0]][what]) for taken in measured.values()]
        print(f"| {name} | " + " | ".join(f"{value:,.1f} ({ratio:.2f})" for value, ratio in cells) + " |")


@click.command(help=__doc__)
@click.option("--count", default=3000, show_default=True, help="Executions per contestant and batch size.")
@click.option(
    "--of",
    "kind",
    type=click.Choice(list(_KINDS)),
    default="lone",
    show_default=True,
    help="Whose executions: lone are one-shots that are nothing but their execution.",
)
@click.option(
    "--tree", "trees", multiple=True, metavar="NAME=DIRECTORY", help="Directory of another checkout of Kronos."
)
@click.option("--variant", "variants", multiple=True, metavar="NAME=SQL", help="This tree after running some SQL.")
@click.option(
    "--batch",
    "sizes",
    multiple=True,
    type=int,
    default=(10, 25, 50, 100, 200),
    show_default=True,
    help="Executions per batch.",
)
def main(count: int, kind: str, trees: tuple[str, ...], variants: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    """Measure and print the tables."""
    with ExitStack() as stack:
        contestants = {}
        for name, tree, change in [
            ("this tree", _HERE, ""),
            *((name, Path(tree), "") for name, _, tree in (one.partition("=") for one in trees)),
            *((name, _HERE, change) for name, _, change in (one.partition("=") for one in variants)),
        ]:
            host = stack.enter_context(_host(tree, change))
            contestants[name] = Drain(host, kind=kind)
        _take_turns(contestants, 1000, 100)  # warms up one-time loading, planning and allocation
        measured = {size: _take_turns(contestants, count, size) for size in sizes}
    print(
        f"{machine.description()}; {count} of {_KINDS[kind]}, medians of their batches, which take turns; load "
        f"{os.getloadavg()[0]:.0f}."
    )
    for what, title in [
        ("both", "CPU µs of PostgreSQL's session an execution"),
        ("claim", "of these, the claim"),
        ("finalize", "of these, the result"),
        ("wal", "WAL bytes an execution"),
        ("client", "CPU µs of the client an execution"),
    ]:
        _table(title, what, measured)


if __name__ == "__main__":
    main()
