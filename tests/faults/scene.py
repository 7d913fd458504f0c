"""A workspace's CRON jobs as callers change them over HTTP, their rows and entries in the database, and whether the two
sets agree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import httpx
import psycopg

from conftest import await_condition
from factory import EndpointRow

Rows: TypeAlias = list[tuple[Any, ...]]
_HOUR = (datetime.now(UTC) + timedelta(hours=12)).hour
# Daily ticks that are half a day away. The reaper leaves a job alone whose tick is near, and what a test expects of it
# would not come about at that time of day.
DAILY, DAILY_TOO = f"0 {_HOUR} * * *", f"30 {_HOUR} * * *"
SINK = {"endpoint": "sink", "trigger": "CRON"}
# The functions in which a request waits for a lock that another session holds; and its longest wait while a test holds
# the lock: less than a statement's 5 s.
WAITING = (
    "settle_ticks",
    "register_pg_cron",
    "unregister_pg_cron",
    "trigger_job",
    "suspend_workspace",
    "resume_workspace",
    "turn_further",
    "delete_workspace",
    "delete_endpoint",
    "retry_execution",
)
PATIENCE = "4500ms"
TABLES = ("kronos.jobs", "kronos.pointers", "cron.job", "kronos.execution_live", "kronos.execution_done")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One workspace through one client. `job` is a job's id or name."""

    client: httpx.Client
    workspace: str

    @property
    def jobs(self) -> str:
        return f"/v1/workspaces/{self.workspace}/jobs"

    def create(self, cron: str = DAILY, **more: object) -> httpx.Response:
        return self.client.post(self.jobs, json=SINK | {"cron": cron} | more)

    def created(self, cron: str = DAILY, **more: object) -> str:
        """Create a job and return its id."""
        answer = self.create(cron, **more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["job_id"])

    def patch(self, job: str, *, if_match: int | None = None, **changes: object) -> httpx.Response:
        headers = {} if if_match is None else {"If-Match": f'"{if_match}"'}
        return self.client.patch(f"{self.jobs}/{job}", json=changes or {"cron": DAILY_TOO}, headers=headers)

    def apply(self, **files: object) -> httpx.Response:
        return self.client.post(self.jobs.removesuffix("jobs") + "apply", json=files)

    def delete(self, job: str) -> httpx.Response:
        return self.client.delete(f"{self.jobs}/{job}")

    def pause(self, job: str) -> httpx.Response:
        return self.client.post(f"{self.jobs}/{job}/pause", json={"note": "maintenance"})

    def resume(self, job: str) -> httpx.Response:
        return self.client.post(f"{self.jobs}/{job}/resume")

    def skip_next(self, job: str) -> httpx.Response:
        return self.client.post(f"{self.jobs}/{job}/skip-next", json={"count": 1})

    def trigger(self, job: str) -> httpx.Response:
        return self.client.post(f"{self.jobs}/{job}/trigger")


def snapshot(superuser: psycopg.Connection) -> dict[str, Rows]:
    """Every row that an operation may write, in full."""
    return {
        table: superuser.execute(f"select each::text from {table} as each order by 1").fetchall() for table in TABLES
    }


def entries(superuser: psycopg.Connection) -> Rows:
    """pg_cron's entries with our names, as (name, schedule, command, user, database, active)."""
    return superuser.execute(
        "select jobname::text, schedule, command, username, database, active from cron.job where jobname like "
        "'kronos:%' order by 1"
    ).fetchall()


def wanted_entries(superuser: psycopg.Connection) -> Rows:
    """The entries that the ACTIVE CRON jobs need. Each cron of these tests is its own alarm."""
    return superuser.execute(
        """
        select 'kronos:' || job_id, cron, format('select kronos.fire(%L)', job_id), 'kronos_cron',
               current_setting('cron.database_name'), true
          from kronos.jobs
         where trigger = 'CRON' and status = 'ACTIVE'
         order by 1
        """
    ).fetchall()


def broken_chains(superuser: psycopg.Connection) -> Rows:
    """Jobs whose versions are not 1, 2, …, each linked to the one before and the one after, with only the last live."""
    return superuser.execute(
        """
        with chained as (
            select job_id, version, status, previous_version_id, replaced_by_id,
                   row_number() over chain as nth, lag(job_id) over chain as before, lead(job_id) over chain as after
              from kronos.jobs
            window chain as (partition by first_version_id order by version)
        )
        select job_id::text, version, status
          from chained
         where version <> nth
            or previous_version_id is distinct from before
            or replaced_by_id is distinct from after
            or (after is not null and status <> 'RETIRED')
        """
    ).fetchall()


def assert_agreement(superuser: psycopg.Connection) -> None:
    """Assert that jobs and entries are the same set, and that every chain of versions is complete."""
    assert entries(superuser) == wanted_entries(superuser)
    assert broken_chains(superuser) == []


def reaper(superuser: psycopg.Connection) -> str:
    """The id of the reaper's job."""
    ((job_id,),) = superuser.execute(
        "select job_id::text from kronos.jobs where name = 'reaper' and status = 'ACTIVE'"
    ).fetchall()
    return str(job_id)


def fire(superuser: psycopg.Connection, job_id: str) -> int:
    """Do what pg_cron does at an alarm. For the reaper's job, that reaps."""
    ((delivered,),) = superuser.execute("select kronos.fire(%s)", [job_id]).fetchall()
    return int(delivered)


@contextmanager
def patient(superuser: psycopg.Connection) -> Iterator[None]:
    """Let requests wait longer than the API's 2 s: on a busy machine, the test that holds them may stall."""
    for name in WAITING:
        superuser.execute(f"alter function kronos.{name} set lock_timeout = '{PATIENCE}'")
    try:
        yield
    finally:
        for name in WAITING:
            superuser.execute(f"alter function kronos.{name} reset lock_timeout")


def waiting(superuser: psycopg.Connection) -> list[int]:
    """The backends of this database that now wait for another backend's lock."""
    rows = superuser.execute(
        """
        select pid from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and cardinality(pg_blocking_pids(pid)) > 0
        """
    )
    return [pid for (pid,) in rows]


def await_waiting(superuser: psycopg.Connection, count: int, is_over: Callable[[], object] = lambda: False) -> bool:
    """Return whether `count` backends came to wait for a lock before `is_over()`."""
    found = False

    def came() -> bool:
        nonlocal found
        found = len(waiting(superuser)) >= count
        return found or bool(is_over())

    await_condition(came, f"{count} backends to wait for a lock")
    return found


def endpoint_of(superuser: psycopg.Connection, scene: Scene) -> EndpointRow:
    """The scene's endpoint, as a worker claims for it."""
    (row,) = superuser.execute(
        "select endpoint_id, workspace_id from kronos.endpoints join kronos.workspaces using (workspace_id) where "
        "slug = %s",
        [scene.workspace],
    ).fetchall()
    return EndpointRow(endpoint_id=row[0], workspace_id=row[1], timeout_ms=0, max_attempts=0, max_crashes=0)


@contextmanager
def at_entry(holder: psycopg.Connection) -> Iterator[None]:
    """Sessions wait before they write an entry of pg_cron, after all earlier writes."""
    with holder.transaction():
        holder.execute("lock table cron.job in share mode")
        yield


def watch(superuser: psycopg.Connection, *tables: str) -> None:
    """Let sessions that wrote a row of one of these tables be held at their commit (`at_commit`). Once for a file:
    after a change of a table, each session plans all statements about it again."""
    superuser.execute(f"""
        create function public.hold() returns trigger language plpgsql set lock_timeout = '{PATIENCE}'
            as $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$
    """)
    for table in tables:
        superuser.execute(
            f"create constraint trigger hold after insert or update on kronos.{table} deferrable initially deferred "
            "for each row execute function public.hold()"
        )


@contextmanager
def at_commit(holder: psycopg.Connection) -> Iterator[None]:
    """Sessions that wrote a row of a watched table wait at their commit, after all writes."""
    holder.execute("select pg_advisory_lock(1)")
    try:
        yield
    finally:
        holder.execute("select pg_advisory_unlock(1)")
