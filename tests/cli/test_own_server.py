"""pg_cron that may not log in, on a server set up by an administrator: `kronos migrate` and doctor say which line to
add.

readyz and explain name the cause too.
"""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner, Result

from conftest import await_condition, make_workspace, running_api
from kronos import doctor, migrations, ringing
from kronos.__main__ import main
from kronos.doctor import finding
from kronos.doctor.finding import Finding
from kronos.embedded import configuration
from kronos.embedded.cluster import Cluster
from kronos.embedded.installation import Installation
from looking import starved
from sql_factory import make_cron_job, value, values

pytestmark = pytest.mark.pg_cron
_WRITTEN = "write into "


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """PostgreSQL whose pg_hba.conf requires a password of every role. pg_cron connects over TCP, as by default, and
    Kronos is not installed yet."""
    if request.config.getoption("--containers"):
        pytest.skip("needs a server of the system's packages, whose pg_hba.conf a test can write")
    conf = configuration.kronos_conf

    def as_initdb(
        installation: Installation, listener: configuration.ListenAddress, *, durable: bool, is_held: bool
    ) -> str:
        told = conf(installation, listener, durable=durable, is_held=is_held)
        return (
            "\n".join(line for line in told.splitlines() if "cron.host" not in line and "background" not in line) + "\n"
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configuration, "kronos_conf", as_initdb)
        patch.setattr(
            configuration,
            "pg_hba_conf",
            lambda *_: "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n",
        )
        made = Cluster(tmp_path_factory.mktemp("own"), durable=False)
        made.start()
        try:
            yield made
        finally:
            made.destroy()


def migrate(cluster: Cluster, *options: str) -> Result:
    return CliRunner().invoke(
        main, ["migrate", *options], env={"KRONOS_DATABASE_URL": cluster.superuser_url}, catch_exceptions=False
    )


def examined(cluster: Cluster) -> dict[str, Finding]:
    return {each.check: each for each in doctor.examine(cluster.superuser_url, fix=False, progress=lambda *_: None)}


@pytest.fixture
def copy(cluster: Cluster, database_url: str, superuser: psycopg.Connection) -> Iterator[str]:
    """The id of a CRON job in another server's dump, restored here, where Kronos's roles never existed."""
    job_id = str(make_cron_job(superuser, is_registered=True))
    bin_dir = cluster.installation.bin_dir
    dump = subprocess.run([bin_dir / "pg_dump", "-Fc", database_url], capture_output=True, check=True).stdout
    restored = subprocess.run(
        [bin_dir / "pg_restore", "-d", cluster.superuser_url], input=dump, capture_output=True, check=False
    )
    assert 'role "kronos_owner" does not exist' in restored.stderr.decode()
    yield job_id
    with psycopg.connect(cluster.superuser_url, autocommit=True) as connection:
        connection.execute("drop schema kronos cascade")
        connection.execute("drop extension pg_cron")
        for role in ("kronos_owner", "kronos_cron", "kronos_api", "kronos_worker"):
            connection.execute(f"drop owned by {role}")
            connection.execute(f"drop role {role}")


def test_a_copy_that_was_restored_without_its_roles_is_put_right_by_migrate(cluster: Cluster, copy: str) -> None:
    found = examined(cluster)
    assert (found["roles"].ok, found["roles"].fix) == (False, finding.MIGRATE)
    planned = migrate(cluster, "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "create role kronos_owner" in planned.output
    assert "give schema kronos, and the objects of postgres in it, to kronos_owner" in planned.output
    told = migrate(cluster)
    assert f"migrated from {migrations.head()} to {migrations.head()}" in told.output
    found = examined(cluster)
    wrong = {each.check for each in found.values() if not each.ok}
    by_nobody = {"alarms", "workers", "heartbeat", "overdue jobs", "ledger", "audit"}  # while nothing rings here
    by_nobody |= {"administrators", "durability"}  # a test server has no key and no fsync
    assert wrong <= by_nobody, [found[each] for each in wrong]
    with psycopg.connect(cluster.superuser_url) as connection:
        owners = "select distinct {}::regrole::text from {} where {} = 'kronos'::regnamespace order by 1"
        assert values(connection, owners.format("relowner", "pg_class", "relnamespace")) == ["kronos_owner"]
        assert values(connection, owners.format("proowner", "pg_proc", "pronamespace")) == [
            "kronos_cron",
            "kronos_owner",
        ]
        assert value(connection, "select status from kronos.jobs where job_id = %s", [copy]) == "ACTIVE"


def test_migrate_says_at_once_that_pg_cron_may_not_log_in_and_which_line_lets_it(cluster: Cluster) -> None:
    began, before = time.monotonic(), starved()
    told = migrate(cluster)
    assert time.monotonic() - began < 30 + starved() - before, "the file alone shows it, without waiting for a ring"
    assert told.exit_code == 1
    assert f"migrated from nothing to {migrations.head()}" in told.output
    assert "line 2 of pg_hba.conf asks kronos_cron for a password (scram-sha-256), and it has none" in told.output
    assert (
        f"write into {cluster.data / 'pg_hba.conf'}, above line 2: host kronos kronos_cron samehost trust"
        in told.output
    )
    found = examined(cluster)["alarms"]
    assert (found.ok, "above line 2" in (found.fix or "")) == (False, True), found


def test_a_launcher_that_does_not_run_is_reported_within_seconds(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before pg_cron 1.6 when its launcher was terminated: it stays down until PostgreSQL restarts."""
    with psycopg.connect(cluster.superuser_url, autocommit=True) as connection:
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_cron scheduler'"
        migrations.migrate(cluster.superuser_url)  # unless an earlier test did
        (version,) = values(connection, "select extversion from pg_extension where extname = 'pg_cron'")
        if tuple(int(part) for part in str(version).replace("-", ".").split(".")[:2]) >= (1, 6):
            pytest.skip(f"pg_cron {version}'s launcher comes back by itself")
        connection.execute(ended)
        monkeypatch.setattr(ringing, "_LAUNCHER_WITHIN", 0.6)
        progress: list[str] = []
        rung = ringing.check(cluster.superuser_url, progress=progress.append)
        assert (rung.verdict, rung.detail) == ("no", "pg_cron's launcher is not running")
        assert progress[0].startswith("waiting for pg_cron's launcher")
    cluster.restart()


def test_a_ring_that_fails_is_seen_by_migrate_doctor_readyz_and_explain_and_the_line_lets_it_ring(
    cluster: Cluster, tmp_path: Path
) -> None:
    """kronos_cron has a password, so the file alone does not show the fault. The next minute's alarms do, as rows
    without a time."""
    migrations.migrate(cluster.superuser_url)  # unless an earlier test did
    with (
        psycopg.connect(cluster.superuser_url, autocommit=True) as superuser,
        running_api(cluster.superuser_url, tmp_path, database_wait_seconds=3) as api,
    ):
        superuser.execute("alter role kronos_cron password 'nobody told pg_cron'")
        workspace = make_workspace(api.client)
        job = {"endpoint": "sink", "trigger": "CRON", "cron": "* * * * *"}
        job_id = api.client.post(f"/v1/workspaces/{workspace}/jobs", json=job).json()["job_id"]
        progress: list[str] = []
        rung = ringing.check(cluster.superuser_url, progress=progress.append)
        assert (rung.verdict, rung.detail) == ("no", "pg_cron cannot ring: connection failed")
        assert (rung.fix or "").startswith(_WRITTEN)
        assert "waiting for pg_cron to ring as kronos_cron" in progress[0]
        assert (
            value(superuser, "select count(*) from cron.job_run_details where status = 'failed' and start_time is null")
            >= 1
        )

        found = examined(cluster)
        assert found["alarms"].detail.startswith(
            "the newest alarms fail with 'connection failed': line 2 of pg_hba.conf asks"
        )
        assert (found["alarms"].fix or "").startswith(_WRITTEN)
        ready = api.client.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "pg_cron_unavailable")
        assert "'connection failed'; run `kronos doctor`: it prints what to change, and where" in ready.json()["detail"]
        _first_tick_is_explained(api.client, superuser, workspace, job_id)

        _write(superuser, cluster.data / "pg_hba.conf", rung.fix or "")
        found = examined(cluster)
        assert found["alarms"].detail == "the newest alarms fail with 'connection failed'", "until the next minute"
        with psycopg.connect(host="127.0.0.1", port=cluster.port, user="kronos_cron", dbname="kronos") as as_pg_cron:
            assert value(as_pg_cron, "select current_user") == "kronos_cron"

        rings = _rings_soon(cluster, progress)
        assert rings.verdict == "yes", rings
        assert examined(cluster)["heartbeat"].ok
        ready = api.client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["warnings"] == ["no worker is connected: nothing is delivered until `kronos worker` runs"]


def _rings_soon(cluster: Cluster, progress: list[str]) -> ringing.Ringing:
    """Migrate's verdict about an internal job that rings while migrate waits."""
    told = len(progress)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ringing.check, cluster.superuser_url, progress=progress.append)
        await_condition(lambda: len(progress) > told, "migrate to wait")
        with psycopg.connect(cluster.superuser_url) as connection:
            connection.execute("update kronos.heartbeats set rang_at = clock_timestamp()")
        return waiting.result(60)


def _first_tick_is_explained(client: httpx.Client, superuser: psycopg.Connection, workspace: str, job_id: str) -> None:
    """The alarms that failed may be those of the minute in which the job was created."""
    minute = "select date_trunc('minute', created_at) + interval '1 minute' from kronos.jobs where job_id = %s"
    first = value(superuser, minute, (job_id,))

    def explained() -> dict[str, Any]:
        return _explained(client, workspace, job_id, first)

    await_condition(lambda: explained()["code"] == "alarm_failed", "the job's first alarm to fail", seconds=90)
    assert explained()["decision"] == "OVERDUE"
    assert "pg_cron could not start the alarm: connection failed" in explained()["because"]


def _explained(client: httpx.Client, workspace: str, job_id: str, minute: datetime) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(
        f"/v1/workspaces/{workspace}/jobs/{job_id}/explain", params={"at": minute.isoformat()}
    ).json()
    return answer


def _write(superuser: psycopg.Connection, hba: Path, fix: str) -> None:
    """Follow the printed instructions to the letter."""
    line = fix.partition(": ")[2].partition("  and run: ")[0]
    hba.write_text(line + "\n" + hba.read_text())
    superuser.execute(fix.partition("and run: ")[2].encode())
