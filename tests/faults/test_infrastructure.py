"""Failures of the servers under Kronos, one by one: /readyz names the failure, calls are answered 503 with Retry-After,
and everything recovers by itself once it ends."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from api_process import serving
from clock import Clock
from conftest import await_condition, make_workspace
from factory import add_endpoint
from faults.own_server import connected, own_server
from faults.sink import Sink
from faults.stepped_clock import library, needs_library
from killing import kill
from kronos import keys
from kronos.embedded import processes
from kronos.embedded.cluster import Cluster
from sql_factory import make_cron_job, value
from worker.running import workers

pytestmark = [pytest.mark.faults]
MINUTE = timedelta(minutes=1)
_ROOM = "300m"


@dataclass
class Ground:
    """A PostgreSQL on its own small disk, and an API process with few connections."""

    cluster: Cluster
    disk: Path | None
    client: httpx.Client
    workspace: str
    said: list[tuple[float, str]] = field(default_factory=list)

    @property
    def jobs(self) -> str:
        return f"/v1/workspaces/{self.workspace}/jobs"

    def create(self) -> httpx.Response:
        return self.client.post(
            self.jobs, json={"endpoint": "sink", "trigger": "IMMEDIATE", "input": {"a": "b" * 4000}}
        )

    def says(self, words: str) -> bool:
        ready = self.client.get("/readyz")
        self.said.append((ready.elapsed.total_seconds(), ready.text))
        return ready.status_code == 503 and "Retry-After" in ready.headers and words in ready.json()["detail"]

    def warns(self, words: str) -> bool:
        ready = self.client.get("/readyz").json()
        return words in " ".join(ready.get("warnings", [])) or words in ready.get("detail", "")

    def await_recovery(self) -> None:
        await_condition(lambda: self.create().status_code == 201, "a job to be made", seconds=90)
        with connected(self.cluster) as superuser:
            superuser.execute("set default_transaction_read_only = off")
            superuser.execute("update kronos.heartbeats set rang_at = clock_timestamp()")  # it may still be silent
        await_condition(lambda: self.client.get("/readyz").status_code == 200, "readyz")


@contextmanager
def _disk() -> Iterator[Path | None]:
    """A disk of 300 MB; None if this process may not mount one."""
    place = Path(tempfile.mkdtemp(prefix="kronos-disk-"))
    place.chmod(0o711)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_ROOM},mode=711", "tmpfs", place], check=False, capture_output=True
    )
    try:
        yield place if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", place], check=True)
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("ground")
    with ExitStack() as stack:
        disk = stack.enter_context(_disk())
        cluster = stack.enter_context(own_server(disk / "home" if disk else None))
        with connected(cluster) as superuser:
            superuser.execute("alter system set max_wal_size = '64MB'")
            superuser.execute("alter system set min_wal_size = '32MB'")
            superuser.execute("select pg_reload_conf()")
        keys.ensure_admin_key(cluster.superuser_url, folder / "admin.key")
        api = stack.enter_context(
            serving(cluster.superuser_url, KRONOS_DATABASE_POOL_SIZE="3", KRONOS_EGRESS_ALLOW="127.0.0.0/8")
        )
        key = (folder / "admin.key").read_text().strip()
        client = stack.enter_context(
            httpx.Client(base_url=api.url, headers={"Authorization": f"Bearer {key}"}, timeout=120)
        )
        yield Ground(cluster=cluster, disk=disk, client=client, workspace=make_workspace(client))


def refused(ground: Ground) -> httpx.Response:
    """The answer to a write, once it is 503."""
    answers: list[httpx.Response] = []

    def is_refused() -> bool:
        answers.append(ground.create())
        return answers[-1].status_code == 503

    await_condition(is_refused, "a refused write")
    assert "Retry-After" in answers[-1].headers, answers[-1].text
    return answers[-1]


def test_postgresql_is_stopped(ground: Ground) -> None:
    ground.cluster.stop()
    await_condition(lambda: ground.says("nothing listens at PostgreSQL's address"), "the cause")
    refused(ground)
    ground.cluster.start()
    ground.await_recovery()


def test_postgresql_is_killed_with_all_its_processes(ground: Ground) -> None:
    kill(processes.postgres_processes(ground.cluster.data))
    await_condition(lambda: ground.says("PostgreSQL"), "the cause")
    ground.cluster.stop()
    ground.cluster.start()
    ground.await_recovery()


def test_postgresql_answers_nothing(ground: Ground) -> None:
    """As behind a network that drops all packets: connections stay open, and no answer comes."""
    ground.client.get("/v1/workspaces").raise_for_status()
    stopped = processes.postgres_processes(ground.cluster.data)
    kill(stopped, signal.SIGSTOP)
    try:
        await_condition(lambda: ground.says("answer"), "the cause")
    finally:
        kill(stopped, signal.SIGCONT)
    ground.await_recovery()


def test_all_connections_of_the_pool_are_in_use(ground: Ground) -> None:
    with psycopg.connect(ground.cluster.superuser_url) as holding, ExitStack() as stack:
        holding.execute("lock table kronos.workspaces in access exclusive mode")
        callers = [
            stack.enter_context(
                httpx.Client(base_url=ground.client.base_url, headers=ground.client.headers, timeout=60)
            )
            for _ in range(3)
        ]
        with ThreadPoolExecutor(3) as asked:
            waiting = [asked.submit(each.get, "/v1/workspaces") for each in callers]
            await_condition(lambda: ground.says("all 3 (KRONOS_DATABASE_POOL_SIZE) are in use"), "the cause")
            holding.rollback()
            assert {each.result().status_code for each in waiting} <= {200, 503}
    ground.await_recovery()


def test_the_database_takes_no_writes(ground: Ground) -> None:
    """As configured by a hosting service when its disk fills up, or before a switchover."""
    with connected(ground.cluster) as superuser:
        superuser.execute("alter system set default_transaction_read_only = on")
        superuser.execute("select pg_reload_conf()")
    ground.await_recovery()  # Kronos's sessions set themselves to read-write
    with connected(ground.cluster) as superuser:
        superuser.execute("alter system reset default_transaction_read_only")
        superuser.execute("select pg_reload_conf()")


_WITHOUT_PG_CRON = {
    "it is not loaded": ("shared_preload_libraries", "", "its launcher is not running"),
    "it works for another database": ("cron.database_name", "postgres", "its launcher serves another database"),
}


@pytest.mark.parametrize("case", _WITHOUT_PG_CRON)
def test_pg_cron_does_not_ring_and_ticks_are_accounted_for_all_the_same(
    ground: Ground, case: str, tmp_path: Path
) -> None:
    """The cause is named immediately; after 90 s of silence, 503."""
    setting, text, cause = _WITHOUT_PG_CRON[case]
    with connected(ground.cluster) as superuser:
        job = make_cron_job(superuser, add_endpoint(superuser), is_registered=True)
    settings = ground.cluster.data / "postgresql.conf"
    before = settings.read_text()
    settings.write_text(f"{before}\n{setting} = '{text}'\n")
    ground.cluster.restart()
    try:
        await_condition(lambda: ground.warns(cause), "the cause")
        made = ground.client.post(ground.jobs, json={"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *"})
        assert made.status_code in (201, 503), made.text
        assert ("Retry-After" in made.headers) == (made.status_code == 503)
        with connected(ground.cluster) as superuser, workers() as start:
            clock = Clock(superuser)
            try:
                clock.step(timedelta(seconds=200))
                assert ground.says(cause), ground.said[-1]
                start(ground.cluster.superuser_url, tmp_path / "worker.log")
                due = "select next_tick_at <= kronos.clock() from kronos.pointers where job_id = %s"
                await_condition(lambda: not value(superuser, due, [job]), "the worker to account for what is due")
                assert value(superuser, "select count(*) from kronos.executions where job_id = %s", [job]) > 0
            finally:
                clock.step(-clock.by)
            superuser.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [job])
    finally:
        settings.write_text(before)
        ground.cluster.restart()
    ground.await_recovery()


def _fill(disk: Path) -> Path:
    """Fill the disk completely."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        block = b"\0" * 65536
        try:
            while True:
                file.write(block)
        except OSError:
            return ballast


def test_the_disk_of_the_data_is_full(ground: Ground) -> None:
    if ground.disk is None:
        pytest.skip("this process may not mount a disk: it needs CAP_SYS_ADMIN")
    ballast = _fill(ground.disk)
    try:
        answer = refused(ground)
        assert answer.json()["pg_sqlstate"] == "53100", answer.text
        assert ground.says("PostgreSQL's disk is full"), ground.client.get("/readyz").text
        assert ground.client.get(ground.jobs).status_code == 200, "existing data can be read"
    finally:
        ballast.unlink()
    ground.await_recovery()


def test_the_disk_of_the_log_is_full(ground: Ground) -> None:
    """PostgreSQL stops, and restarts until there is room."""
    if ground.disk is None:
        pytest.skip("this process may not mount a disk: it needs CAP_SYS_ADMIN")
    ballast = _fill(ground.disk)
    try:
        with connected(ground.cluster) as superuser, pytest.raises(psycopg.OperationalError):
            superuser.execute(
                "select count(pg_logical_emit_message(false, 'full', repeat('x', 1000000))) "
                "from generate_series(1, 200)"
            )
        await_condition(lambda: ground.says("PostgreSQL"), "the cause")
    finally:
        ballast.unlink()
    ground.cluster.stop()
    ground.cluster.start()
    ground.await_recovery()


@needs_library
@pytest.mark.parametrize("ahead", [300, -300])
def test_nothing_goes_by_the_clocks_of_api_and_worker(
    ground: Ground, ahead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API is five minutes ahead of PostgreSQL and the worker behind it, and the other way round."""
    skewed = {"LD_PRELOAD": str(library()), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    url = ground.cluster.superuser_url
    for name, text in (skewed | {"FAKETIME": f"{-ahead:+d}s"}).items():
        monkeypatch.setenv(name, text)
    with ExitStack() as stack:
        stack.enter_context(workers())(url, tmp_path / "worker.log")
        api = stack.enter_context(serving(url, **skewed, FAKETIME=f"{ahead:+d}s", KRONOS_EGRESS_ALLOW="127.0.0.0/8"))
        for name in (*skewed, "FAKETIME"):
            monkeypatch.delenv(name)
        client = stack.enter_context(httpx.Client(base_url=api.url, headers=ground.client.headers, timeout=60))
        superuser = stack.enter_context(connected(ground.cluster))
        sink = Sink()
        stack.callback(sink.close)
        spec = {"type": "HTTP", "spec": {"url": sink.url}}
        client.put(f"/v1/workspaces/{ground.workspace}/endpoints/skewed", json=spec).raise_for_status()
        now: datetime = value(superuser, "select clock_timestamp()")

        def made(**job: object) -> httpx.Response:
            return client.post(ground.jobs, json={"endpoint": "skewed", **job})

        soon = now + timedelta(seconds=3)
        delayed = made(trigger="DELAYED", run_at=soon.isoformat())
        assert delayed.status_code == 201, delayed.text
        passed = made(trigger="DELAYED", run_at=(now - timedelta(seconds=200)).isoformat())
        assert (passed.status_code, "in the past" in passed.text) == (422, True), passed.text
        job = made(trigger="CRON", cron="0 0 1 1 *").json()["job_id"]
        until = {"until": (now + timedelta(seconds=200)).isoformat()}
        assert client.post(f"{ground.jobs}/{job}/pause", json=until).status_code == 200
        client.post(f"{ground.jobs}/{job}/resume").raise_for_status()
        run = client.post(f"{ground.jobs}/{job}/trigger").json()["execution_id"]
        assert abs((int(run.replace("-", "")[:12], 16) / 1000) - now.timestamp()) < 60, (
            "its id contains its creation time"
        )
        await_condition(lambda: len(sink.keys) >= 2, "both deliveries")
        assert {abs(each - now.timestamp()) < 60 for each in sink.timestamps.values()} == {True}
        began = """
            select min(attempt.started_at)
              from kronos.attempts as attempt join kronos.executions as execution using (execution_id)
             where execution.job_id = %s
        """
        assert value(superuser, began, [delayed.json()["job_id"]]) >= soon
