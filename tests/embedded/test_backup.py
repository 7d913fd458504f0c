"""docs/backup.md, step by step: a held copy next to its original has all of the data and calls nothing, and sends
nothing twice once it is released."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import forked
from conftest import PLAIN
from embedded.conftest import Up, made_home, starting
from embedded.waiting import eventually
from kronos.embedded import installation, processes
from kronos.sql import texts
from servers import copy_home

pytestmark = pytest.mark.faults

_DAILY = f"0 {(datetime.now(UTC) + timedelta(hours=12)).hour} * * *"  # half a day away: it does not tick meanwhile
_ALLOW = {"KRONOS_EGRESS_ALLOW": "127.0.0.0/8"}
_BIN = installation.newest().bin_dir


class Receiver:
    """The production system that jobs call: `url`, and the idempotency key of each call."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                receiver.keys.append(self.headers["Idempotency-Key"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Write no log."""

        return Handler


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class Instance:
    """A running `kronos up`, as seen by its administrator, over one connection to its API and one to its database."""

    def __init__(self, up: Up) -> None:
        up.await_ready()
        self.up = up
        key = (up.home / "admin.key").read_text().strip()
        self._client = httpx.Client(
            base_url=up.url, headers={"Authorization": f"Bearer {key}"}, timeout=60, verify=PLAIN
        )
        self._connection = psycopg.connect(self.url, autocommit=True)

    @property
    def url(self) -> str:
        """Its database's."""
        return str(self.up.told["database_url"])

    def sql(self, query: str, *params: object) -> list[Any]:
        """Run a statement as the superuser."""
        answer = self._connection.execute(query.encode(), params)
        return answer.fetchall() if answer.description else []

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Call the API with this home's key."""
        answer = self._client.request(method, path, **more)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def status(self, job: str) -> str:
        """The status of the job's only execution."""
        (found,) = self.ask("GET", f"/v1/workspaces/shop/jobs/{job}/executions")["data"]
        return str(found["status"])

    def close(self) -> None:
        self._client.close()
        self._connection.close()

    def stop(self) -> None:
        self.close()
        self.up.process.terminate()
        assert self.up.process.wait(60) == 0, self.up.said()


@pytest.fixture(scope="module")
def homes(used_home: Path) -> Iterator["Homes"]:
    """Return a function that creates a home, used before or empty, and what starts `kronos up` there."""
    with ExitStack() as stack:

        def make(*, is_used: bool) -> tuple[Path, Callable[..., Up]]:
            home = stack.enter_context(made_home())
            if is_used:
                copy_home(used_home, home)
            return home, stack.enter_context(starting(home))

        yield make


Homes = Callable[..., tuple[Path, Callable[..., Up]]]


@pytest.fixture(scope="module")
def original(homes: Homes, receiver: Receiver) -> Iterator[Instance]:
    """A job that has run, one that is due and waits, and one that is due each day."""
    _, start = homes(is_used=True)
    with closing(Instance(start(**_ALLOW))) as made:
        fill(made, receiver)
        yield made


def fill(made: Instance, receiver: Receiver) -> None:
    made.ask("POST", "/v1/workspaces", json={"slug": "shop", "name": "Shop"})
    made.ask("PUT", "/v1/workspaces/shop/secrets/token", json={"value": "kept apart from the backup"})
    for name in ("orders", "bills"):
        spec = {"url": receiver.url, "method": "POST", "headers": {"X-Token": "{{secret.token}}"}}
        made.ask("POST", "/v1/workspaces/shop/endpoints", json={"name": name, "type": "HTTP", "spec": spec})
    # The paused endpoint will have an execution that is due and not delivered when the backup is made.
    made.sql(
        "update kronos.endpoint_gate as gate set paused_until = 'infinity' from kronos.endpoints as endpoint"
        " where endpoint.endpoint_id = gate.endpoint_id and endpoint.name = 'bills'"
    )
    made.ask("POST", "/v1/workspaces/shop/jobs", json={"name": "has-run", "endpoint": "orders", "trigger": "IMMEDIATE"})
    made.ask("POST", "/v1/workspaces/shop/jobs", json={"name": "waits", "endpoint": "bills", "trigger": "IMMEDIATE"})
    made.ask(
        "POST",
        "/v1/workspaces/shop/jobs",
        json={"name": "daily", "endpoint": "orders", "trigger": "CRON", "cron": _DAILY},
    )
    eventually(lambda: made.status("has-run") == "SUCCESS", "the first job does not run")


def time_passes(copy: Instance) -> None:
    """Make the daily job's tick due and ring for it, so that only the hold prevents the delivery."""
    copy.sql("update kronos.endpoint_gate set paused_until = '-infinity'")
    copy.sql(
        "update kronos.pointers set next_tick_at = date_trunc('minute', now())"
        " where job_id = (select job_id from kronos.jobs where name = 'daily')"
    )
    assert copy.sql("select kronos.fire(job_id) from kronos.jobs where name = 'daily'") == [(0,)]


def a_worker_looks(copy: Instance) -> None:
    """A worker started against the held copy looks for work, and finds none."""
    keys = str(copy.up.home / "encryption.key")
    environment = {"KRONOS_DATABASE_URL": copy.url, "KRONOS_ENCRYPTION_KEY_FILE": keys, "PATH": os.defpath, **_ALLOW}
    # The statement up to its first parameter: PostgreSQL shows the beginning of a running statement.
    begins = texts()["claims.list_due_endpoints"].partition("%(")[0]
    looks = (
        "select 1 from pg_stat_activity where application_name like 'kronos-worker-%%' and starts_with(query, %s) "
        "and state = 'idle'"
    )
    with forked.speaking("worker", environment):
        eventually(lambda: copy.sql(looks, begins), "the worker does not look for work", seconds=60)


def test_a_dump_restored_elsewhere(original: Instance, homes: Homes, receiver: Receiver, tmp_path: Path) -> None:
    dump = tmp_path / "kronos.dump"
    subprocess.run([_BIN / "pg_dump", "--format=custom", f"--file={dump}", original.url], check=True)
    before = list(receiver.keys)
    assert len(before) == 1

    _, start = homes(is_used=True)
    empty = Instance(start("--hold", **_ALLOW))
    with psycopg.connect(empty.url, autocommit=True) as connection:
        connection.execute(
            "set deadlock_timeout = '1min'"
        )  # pg_cron rings here, and `kronos up` queries: they are to give way
        connection.execute("drop schema kronos cascade")
        connection.execute("drop extension pg_cron cascade")
    subprocess.run([_BIN / "pg_restore", "--single-transaction", f"--dbname={empty.url}", dump], check=True)
    empty.stop()
    with (empty.up.home / "encryption.key").open("a") as keys:  # its secrets use the original's keys
        keys.write((original.up.home / "encryption.key").read_text())

    held = Instance(start("--hold", **_ALLOW))
    assert "held: no tick is accounted for" in held.up.said()
    assert "worker" not in held.up.children()
    assert [held.status(name) for name in ("has-run", "waits")] == ["SUCCESS", "QUEUED"]
    warnings = held.ask("GET", "/v1/system/status")["warnings"]
    assert [each for each in warnings if "the instance is held" in each]
    eventually(  # from the dump: the original's; jobs that are due now get theirs in the reaper's next runs
        lambda: (
            {row[0] for row in held.sql("select nodeport from cron.job where jobname like 'kronos:%%'")}
            == {int(str(conninfo_to_dict(held.url)["port"]))}
        ),
        "entries name the original's server",
        seconds=180,
    )
    time_passes(held)
    a_worker_looks(held)
    assert receiver.keys == before
    (tick,) = held.sql(
        "select kronos.iso(next_tick_at) from kronos.jobs join kronos.pointers using (job_id) where name = 'daily'"
    )[0]
    # Its schedule has no tick in this minute; and the job may be younger than the minute of its pointer.
    told = held.ask("GET", "/v1/workspaces/shop/jobs/daily/explain", params={"at": tick})["code"]
    assert told in ("held", "no_tick_at_this_minute", "not_yet_created")
    held.stop()

    let_go = Instance(start(**_ALLOW))
    eventually(lambda: len(receiver.keys) >= 3, lambda: f"what was due is not delivered: {receiver.keys}", seconds=60)
    names = ("has-run", "waits", "daily")
    eventually(lambda: [let_go.status(name) for name in names] == ["SUCCESS"] * 3, "it is not told as delivered")
    executions = let_go.sql(
        "select execution_id from kronos.executions join kronos.jobs using (job_id) where name = any (%s)", list(names)
    )
    assert sorted(receiver.keys) == sorted(str(row[0]) for row in executions)
    let_go.stop()


def test_a_base_backup_started_elsewhere(original: Instance, homes: Homes, receiver: Receiver) -> None:
    before = list(receiver.keys)
    home, start = homes(is_used=False)
    data, user = home / "postgres" / "data", processes.postgres_user()
    data.parent.mkdir()
    subprocess.run(
        [_BIN / "pg_basebackup", f"--pgdata={data}", "--checkpoint=fast", f"--dbname={original.url}"], check=True
    )
    (home / "cluster.json").write_bytes((original.up.home / "cluster.json").read_bytes())
    shutil.copy2(original.up.home / "encryption.key", home)
    subprocess.run(["chown", "-R", f"{user.uid}:{user.gid}", home / "postgres"], check=True)

    with closing(Instance(start("--hold", **_ALLOW))) as held:
        assert "moves to" in held.up.said()  # the original has the port
        assert [held.status(name) for name in ("has-run", "waits")] == ["SUCCESS", "QUEUED"]
        time_passes(held)
        a_worker_looks(held)
        assert receiver.keys == before
        assert original.ask("GET", "/v1/workspaces/shop")["slug"] == "shop"
        kept_in = held.sql("select kept_in from kronos.api_keys where revoked_at is null")
        assert {row[0].partition(":")[2] for row in kept_in} == {
            str(each / "admin.key") for each in (home, original.up.home)
        }
