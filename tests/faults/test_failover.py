"""A primary is killed with all its processes during work, and its streaming replica promoted. Synchronous: nothing is
lost or doubled. Asynchronous: losses are counted, and ticks repeat under their ids. The receivers are the judges."""

import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api_process import Process, serving
from conftest import await_condition, make_workspace, running_api
from depth import depth
from factory import EndpointRow
from faults.own_server import faulty_ledgers
from faults.replicas import Node, pair, url_of_both
from faults.sink import Sink
from kronos import errors, keys, migrations, session, timelines
from sql_factory import Connection, make_cron_job, records, value, values
from worker.running import Worker, workers

pytestmark = [pytest.mark.faults]
MINUTE, CALLS = timedelta(minutes=1), depth(24, deep=60)


@dataclass
class Load:
    """Callers that create one-shots, one after the other, each repeated under its own key until it is acknowledged."""

    client: httpx.Client
    path: str
    acknowledged: dict[str, str] = field(default_factory=dict)  # the key, and the job
    refusals: list[httpx.Response] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        threads = [threading.Thread(target=self._call, args=(name,)) for name in "abc"]
        for each in threads:
            each.start()
        try:
            yield self
        finally:
            self._ended.set()
            for each in threads:
                each.join(120)

    def _call(self, name: str) -> None:
        for number in range(1_000_000):
            key = f"{name}-{uuid.uuid4().hex[:8]}-{number}"
            while not self.make(key) and not self._ended.is_set():
                pass
            if self._ended.is_set():
                return

    def make(self, key: str) -> bool:
        answer = self.client.post(
            self.path, json={"endpoint": "sink", "trigger": "IMMEDIATE"}, headers={"Idempotency-Key": key}
        )
        if answer.is_success:
            self.acknowledged[key] = answer.json()["job_id"]
        else:
            self.refusals.append(answer)
        return answer.is_success

    def await_more(self, number: int, what: str) -> None:
        until = len(self.acknowledged) + number
        await_condition(lambda: len(self.acknowledged) >= until, f"{number} one-shots {what}", seconds=120)


@dataclass
class Instance:
    """An API process and two workers that know both servers."""

    api: Process
    client: httpx.Client
    workspace: str
    sink: Sink

    @property
    def jobs(self) -> str:
        return f"/v1/workspaces/{self.workspace}/jobs"

    def load(self) -> Load:
        return Load(self.client, self.jobs)


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[Node, Node]]:
    with pair() as made:
        migrations.migrate(made[0].url)  # its entries name the server that it was copied from
        with made[0].connected() as connection:  # otherwise ticks that are caught up on are staggered
            connection.execute("update kronos.catch_up_wave set stagger_seconds = 0")
        made[1].copy_of(made[0])
        made[1].start(synchronous_standby_names="")
        yield made


@pytest.fixture(scope="module")
def instance(nodes: tuple[Node, Node], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("failover")
    keys.ensure_admin_key(nodes[0].url, folder / "admin.key")
    url = url_of_both(nodes)
    with ExitStack() as stack:
        api = stack.enter_context(serving(url, KRONOS_EGRESS_ALLOW="127.0.0.0/8"))
        start = stack.enter_context(workers())
        started: list[Worker] = [start(url, folder / f"worker-{n}.log", log_level="INFO") for n in range(2)]
        client = stack.enter_context(
            httpx.Client(
                base_url=api.url,
                headers={"Authorization": f"Bearer {(folder / 'admin.key').read_text().strip()}"},
                timeout=60,
            )
        )
        sink = Sink()
        stack.callback(sink.close)
        workspace = make_workspace(client)
        # A claim whose answer was lost with the primary returns when its lease ends, after the timeout and 5 s.
        spec = {
            "name": "sink",
            "type": "HTTP",
            "spec": {"url": sink.url, "timeout_ms": 10_000},
            "retry_policy": {"max_attempts": 20, "initial_delay_ms": 100},
        }
        client.put(f"/v1/workspaces/{workspace}/endpoints/sink", json=spec).raise_for_status()
        await_condition(lambda: all("started" in each.log for each in started), "the workers to start")
        yield Instance(api=api, client=client, workspace=workspace, sink=sink)


def synchronous(primary: Node) -> None:
    """Commits are acknowledged once the replica has them."""
    primary.set("synchronous_standby_names", "*")
    with primary.connected() as connection:
        in_sync = "select exists (select from pg_stat_replication where sync_state = 'sync')"
        await_condition(lambda: value(connection, in_sync), "the replica to be synchronous")


def overdue_jobs(connection: Connection, instance: Instance, count: int) -> list[uuid.UUID]:
    """Jobs that tick every minute, and have been unaccounted for five."""
    (found,) = records(
        connection,
        "select endpoint_id, workspace_id from kronos.endpoints join kronos.workspaces using (workspace_id) "
        "where slug = %s and endpoints.name = 'sink'",
        [instance.workspace],
    )
    endpoint = EndpointRow(**found, timeout_ms=5000, max_attempts=20, max_crashes=5)
    minute = value(connection, "select date_trunc('minute', kronos.clock())")
    return [
        make_cron_job(
            connection,
            endpoint,
            is_registered=True,
            next_tick_at=minute - 5 * MINUTE,
            ticks_from=minute - 5 * MINUTE - timedelta(seconds=1),
            created_at=minute - 5 * MINUTE - timedelta(seconds=1),
            catch_up_policy="ALL",
            catch_up_window_seconds=3600,
        )
        for _ in range(count)
    ]


def await_accounted(connection: Connection, jobs: list[uuid.UUID]) -> None:
    due = "select exists (select from kronos.pointers where job_id = any (%s) and next_tick_at <= now())"
    await_condition(lambda: not value(connection, due, [jobs]), "the ticks to be accounted for")


def await_delivered(connection: Connection, instance: Instance) -> None:
    """Wait until the instance's workspace has no open execution, not even one that waits for its next attempt."""
    is_open = """
        select exists (select from kronos.execution_live join kronos.workspaces using (workspace_id) where slug = %s)
    """
    await_condition(lambda: not value(connection, is_open, [instance.workspace]), "all to be delivered", seconds=120)


def judge(connection: Connection, instance: Instance, acknowledged: dict[str, str]) -> None:
    """Assert that each acknowledged job exists once for its key, succeeded and was received; that each request is a
    stored attempt; and that only attempts with an unknown end were repeated."""
    jobs = values(
        connection,
        "select e.job_id::text from kronos.executions as e where e.job_id = any (%s::uuid[]) and e.status = 'SUCCESS'",
        [list(acknowledged.values())],
    )
    assert Counter(jobs) == Counter(acknowledged.values())
    ended = records(
        connection,
        """
        select e.execution_id::text as id, count(*) as attempts,
               count(*) filter (where a.status not in ('SUCCESS', 'LOST', 'UNKNOWN', 'FAILED', 'TIMED_OUT')) as others,
               count(*) filter (where a.status = 'SUCCESS') as successes
          from kronos.executions as e join kronos.attempts as a using (execution_id)
         where e.job_id = any (%s::uuid[])
         group by e.execution_id
        """,
        [list(acknowledged.values())],
    )
    received = Counter(instance.sink.keys)
    assert [row for row in ended if row["successes"] != 1 or row["others"]] == []
    assert [row for row in ended if not 1 <= received[row["id"]] <= row["attempts"]] == []


def judge_same_from_both(primary: Node, client: httpx.Client, slug: str, one_shot: dict[str, Any]) -> None:
    """Each read that a replica may answer has the primary's answer; only the primary has the workers' sessions."""
    jobs = f"/v1/workspaces/{slug}/jobs"
    cron = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *", "starts_at": "2090-01-01T00:00:00Z"}
    job_id = client.post(jobs, json=cron).json()["job_id"]
    window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    backfill = client.post(f"{jobs}/{job_id}/backfill", json=window).json()
    ids = {"j": one_shot["job_id"], "e": one_shot["execution"]["execution_id"], "b": backfill["backfill_id"]}
    paths = [
        path.format_map(ids | {"w": slug})
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        if "Kronos-Read-From" in methods.get("get", {"responses": {"200": {}}})["responses"]["200"].get("headers", {})
    ]
    assert len(paths) > 10

    def are_same() -> bool:
        of_replica = [client.get(path) for path in paths]
        of_primary = [client.get(path, headers={"Kronos-Read-From": "primary"}) for path in paths]
        assert {each.status_code for each in of_replica} == {200}
        return all(
            one.headers["Kronos-Read-From"].startswith("replica") and one.content == other.content
            for one, other in zip(of_replica, of_primary, strict=True)
        )

    with psycopg.connect(primary.url, application_name="kronos-worker-claim"):
        await_condition(are_same, "the replica to answer as the primary")


def test_reads_go_to_the_replica_as_long_as_it_is_fresh(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    primary, replica = nodes
    terms = {"database_read_url": replica.url, "read_max_lag_seconds": 2, "database_wait_seconds": 3}
    with running_api(primary.url, tmp_path, **terms) as api:
        slugs = [make_workspace(api.client) for _ in range(2)]
        jobs = [f"/v1/workspaces/{slug}/jobs" for slug in slugs]
        made = api.client.post(jobs[0], json={"endpoint": "sink", "trigger": "IMMEDIATE"}).json()

        def read_from(path: str = jobs[0], **headers: str) -> tuple[str, int, int]:
            answer = api.client.get(path, headers=headers)
            return answer.headers["Kronos-Read-From"], answer.status_code, len(answer.json().get("data", []))

        def is_served(by: str, count: int) -> bool:
            who, status, found = read_from()
            assert status == 200
            return who.startswith(by) and found == count

        await_condition(lambda: is_served("replica; lag_seconds=", 1), "the replica to answer")
        asked = {"Kronos-Read-From": "primary"}
        assert api.client.get(jobs[0], headers=asked).headers["Kronos-Read-From"] == "primary; because=asked"
        assert api.client.get(jobs[0], headers={"Kronos-Read-From": "moon"}).status_code == 400
        assert "Kronos-Read-From" not in api.client.get(f"/v1/workspaces/{slugs[0]}").headers
        assert read_from(jobs[1])[1:] == (200, 0), "row level security applies there"
        missing = api.client.get(f"{jobs[1]}/{made['job_id']}")
        assert (missing.status_code, missing.headers["Kronos-Read-From"][:7]) == (404, "replica")
        with replica.connected() as connection:
            acting = "select distinct usename from pg_stat_activity where application_name = 'kronos-api-reads'"
            assert values(connection, acting) == ["postgres"]
            connection.execute("select pg_wal_replay_pause()")
            api.client.post(jobs[0], json={"endpoint": "sink", "trigger": "IMMEDIATE"}).raise_for_status()
            await_condition(lambda: is_served("primary; lag_seconds=", 2), "the primary to answer for the lag")
            connection.execute("select pg_wal_replay_resume()")
            await_condition(lambda: is_served("replica; lag_seconds=", 2), "the replica to have caught up")
        replica.kill()
        assert read_from()[1:] == (200, 2)
        await_condition(lambda: is_served("primary; because=down", 2), "the primary to answer for the dead")
        replica.start(synchronous_standby_names="")
        await_condition(lambda: is_served("replica; lag_seconds=", 2), "the replica to be back")
        judge_same_from_both(primary, api.client, slugs[0], made)


def test_a_synchronous_fail_over_loses_nothing_and_doubles_nothing(
    nodes: tuple[Node, Node], instance: Instance
) -> None:
    primary, replica = nodes
    synchronous(primary)
    with instance.load().running() as load:
        load.await_more(CALLS, "before the failover")
        with primary.connected() as connection:
            ticking = overdue_jobs(connection, instance, 3)
        primary.kill()
        await_condition(lambda: load.refusals, "a refused call")
        ready = instance.client.get("/readyz")
        assert (ready.status_code, "Retry-After" in ready.headers) == (503, True), ready.text
        replica.promote()
        load.await_more(CALLS, "after the failover")
    assert {(each.status_code, "Retry-After" in each.headers) for each in load.refusals} == {(503, True)}
    with replica.connected() as connection:
        await_accounted(connection, ticking)
        await_delivered(connection, instance)
        judge(connection, instance, load.acknowledged)
        assert faulty_ledgers(connection) == []
        launcher = "select exists (select from pg_stat_activity where application_name = 'pg_cron scheduler')"
        await_condition(lambda: value(connection, launcher), "pg_cron's launcher on the new primary")
        entries = "select count(*) from cron.job where active and jobname = any (%s)"
        assert value(connection, entries, [[f"kronos:{each}" for each in ticking]]) == len(ticking)


def test_an_old_primary_that_comes_back_is_not_written_to(nodes: tuple[Node, Node], instance: Instance) -> None:
    """It accepts writes, and is first in the URL: by these alone it would be taken for the primary."""
    old, primary = nodes
    timelines.SEEN.forget()
    session.connect(primary.url, session.wanted(None)).close()
    old.start(synchronous_standby_names="")
    with old.connected() as connection:
        assert value(connection, "select not pg_is_in_recovery()")
        before = value(connection, "select count(*) from kronos.workspaces")
    with pytest.raises(errors.Unconnected, match="a primary that a failover left behind") as refused:
        session.connect(old.url, session.wanted(None))
    assert "make it a standby of the new primary" in refused.value.said
    with primary.connected() as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'kronos%'"
        )
        slugs: list[str] = []

        def makes_another() -> bool:
            slug = f"w-{uuid.uuid4().hex[:9]}"
            if instance.client.post("/v1/workspaces", json={"slug": slug, "name": slug}).is_success:
                slugs.append(slug)
            return len(slugs) >= 10

        await_condition(makes_another, "ten workspaces on the new primary")
        assert sorted(values(connection, "select slug from kronos.workspaces where slug = any (%s)", [slugs])) == (
            sorted(slugs)
        )
    with old.connected() as connection:
        assert value(connection, "select count(*) from kronos.workspaces") == before
    old.kill()
    timelines.SEEN.forget()


def test_what_an_asynchronous_fail_over_loses_is_counted_and_its_ticks_come_again_under_their_ids(
    nodes: tuple[Node, Node], instance: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    replica, primary = nodes
    replica.copy_of(primary)
    replica.start(synchronous_standby_names="")
    with primary.connected() as connection:
        streams = "select exists (select from pg_stat_replication where state = 'streaming')"
        await_condition(lambda: value(connection, streams), "the replica to stream")
        with instance.load().running() as kept:
            kept.await_more(CALLS // 2, "that the replica has")
        await_delivered(connection, instance)
        lsn = value(connection, "select pg_current_wal_lsn()")
        with replica.connected() as standby:
            passed = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
            await_condition(lambda: value(standby, passed, [lsn]), "the replica to have all of it")
            ticking = overdue_jobs(connection, instance, 2)
            # The pointers are still before their ticks: from here on the replica receives nothing.
            lsn = value(connection, "select pg_current_wal_lsn()")
            await_condition(lambda: value(standby, passed, [lsn]), "the replica to have the jobs")
            lost_from = len(instance.sink.keys)
        replica.set_unheard()
        cut_off_at = value(connection, "select clock_timestamp()")
        with instance.load().running() as lost:
            lost.await_more(CALLS // 2, "that the replica never hears of")
        with connection.transaction():
            connection.execute("set local role kronos_cron")
            for job_id in ticking:
                connection.execute("select kronos.fire(%s)", [job_id])
        # Another ring may hold the jobs when these come: their ticks are then its ticks, and appear once it commits.
        # Should that have been before the replica was cut off, the ticks of the next minute are the lost ones.
        ids = "select execution_id::text from kronos.executions where job_id = any (%s) and created_at > %s"
        unheard, of = f"{ids} and status = 'SUCCESS'", [ticking, cut_off_at]
        await_condition(lambda: values(connection, unheard, of), "ticks that it never hears of", seconds=120)
        await_accounted(connection, ticking)
        await_delivered(connection, instance)
        fired = set(values(connection, unheard, of))
    primary.kill()
    replica.promote()
    with replica.connected() as connection:
        again = "select count(*) from kronos.executions where execution_id = any (%s::uuid[]) and status = 'SUCCESS'"
        await_condition(
            lambda: value(connection, again, [list(fired)]) == len(fired), "the lost ticks to come again", seconds=120
        )
        gone = len(lost.acknowledged) - value(
            connection,
            "select count(*) from kronos.executions where job_id = any (%s::uuid[])",
            [list(lost.acknowledged.values())],
        )
        received = Counter(instance.sink.keys)
        assert {received[each] for each in fired} == {2}, "a repeated tick has the same id as before"
        assert faulty_ledgers(connection, list(map(str, ticking))) == []
        judge(connection, instance, kept.acknowledged)
        key, job = next(iter(lost.acknowledged.items()))
        await_condition(lambda: lost.make(key), "a lost call that is repeated")
        assert lost.acknowledged[key] != job, "its key is lost as well: it is created again, under another id"
    with capsys.disabled():
        sys.stdout.write(
            f"\nasynchronous failover: {len(lost.acknowledged)} acknowledged after the replica's last record, {gone} "
            f"of them gone, {len(instance.sink.keys) - lost_from} requests since, {len(fired)} ticks twice\n"
        )
