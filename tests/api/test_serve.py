"""The API process: its start, its end, its log, and an unavailable database."""

import os
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

import forked
from api_answers import problem_of
from api_process import PROGRAM, answers, serving, wait_for
from conftest import PLAIN
from held_ports import held_port
from kronos import keys


class Valve:
    """A TCP relay to PostgreSQL that can be closed: then it stops listening, and existing connections are cut."""

    def __init__(self, url: str) -> None:
        parts = conninfo_to_dict(url)
        self._target = (str(parts["host"]), int(str(parts.get("port") or 5432)))
        self._password = f":{parts['password']}" if parts.get("password") else ""
        self.port = held_port()  # a port that the system does not give to others while the valve is closed
        self.url = f"postgresql://{parts['user']}{self._password}@127.0.0.1:{self.port}/{parts['dbname']}"
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._turning = threading.Lock()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def close(self) -> None:
        with self._turning:
            assert self._listener is not None
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            for each in self._open:
                each.close()
            self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                inner, _ = listener.accept()
            except OSError:
                return
            outer = socket.create_connection(self._target)
            with self._turning:
                if self._listener is not listener:  # closed since the connection was accepted
                    inner.close()
                    outer.close()
                    return
                self._open += [inner, outer]
            for source, sink in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._pump, args=[source, sink], daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # the valve was closed
            while data := source.recv(65_536):
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):  # the other direction got here first
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def key(database_url: str, tmp_path: Path) -> str:
    file = tmp_path / "admin.key"
    keys.ensure_admin_key(database_url, file)
    return file.read_text().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_when_asked_to(database_url: str, number: signal.Signals) -> None:
    with serving(database_url) as process:
        process.child.send_signal(number)

        assert process.child.wait(60) == 0
        assert not answers(process.url)


def test_a_request_under_way_is_finished_before_the_end(
    database_url: str, key: str, superuser: psycopg.Connection
) -> None:
    superuser.execute(
        """
        create function public.wait() returns trigger language plpgsql set lock_timeout = 0
            as $$ begin perform pg_advisory_xact_lock(1); return new; end $$;
        create trigger wait before insert on kronos.workspaces for each row execute function public.wait();
        select pg_advisory_lock(1);
        """
    )
    with serving(database_url) as process:
        headers = {"Authorization": f"Bearer {key}"}
        got: list[httpx.Response] = []
        caller = threading.Thread(
            target=lambda: got.append(
                httpx.post(
                    f"{process.url}/v1/workspaces", headers=headers, json={"slug": "acme"}, timeout=60, verify=PLAIN
                )
            )
        )
        caller.start()
        waiting = "select 1 from pg_stat_activity where application_name = 'kronos-api' and wait_event = 'advisory'"
        wait_for(lambda: superuser.execute(waiting).fetchone(), "the request to wait for the lock")
        process.child.send_signal(signal.SIGTERM)
        wait_for(lambda: not answers(process.url), "the end to begin")
        superuser.execute("select pg_advisory_unlock(1)")
        caller.join(60)

        assert [response.status_code for response in got] == [201]
        assert process.child.wait(60) == 0


def test_each_request_is_one_line_in_the_log(database_url: str, key: str) -> None:
    line_of = r"{} (GET) (\S+) (\d+) [\d.]+ ms (\S+)\n"
    with serving(database_url) as process:
        httpx.get(
            f"{process.url}/v1/secret-path?token=hidden", headers={"Request-Id": "my-id"}, timeout=60, verify=PLAIN
        )
        headers = {"Request-Id": "known", "Authorization": f"Bearer {key}"}
        httpx.get(f"{process.url}/v1/workspaces", headers=headers, timeout=60, verify=PLAIN)

        line = wait_for(lambda: process.found(line_of.format("my-id")), "the log line")
        assert line.groups() == ("GET", "/v1/secret-path", "404", "-")
        line = wait_for(lambda: process.found(line_of.format("known")), "the log line")
        assert line.groups() == ("GET", "/v1/workspaces", "200", key.split("_")[2])
        assert not process.found("hidden")


def test_a_database_that_is_away_at_the_start_is_503_until_it_comes(database_url: str, key: str) -> None:
    valve = Valve(database_url)
    headers = {"Authorization": f"Bearer {key}"}
    with serving(valve.url) as process:
        down = httpx.get(f"{process.url}/v1/workspaces", headers=headers, timeout=60, verify=PLAIN)
        ready = httpx.get(f"{process.url}/readyz", timeout=60, verify=PLAIN)
        assert (down.status_code, problem_of(down)["code"]) == (503, "database_unavailable")
        assert (ready.status_code, problem_of(ready)["code"]) == (503, "database_unavailable")
        assert int(down.headers["retry-after"]) > 0

        valve.open()
        wait_for(
            lambda: (
                httpx.get(f"{process.url}/v1/workspaces", headers=headers, timeout=60, verify=PLAIN).status_code == 200
            ),
            "the database",
            40,
        )

        valve.close()
        cut = httpx.get(f"{process.url}/v1/workspaces", headers=headers, timeout=60, verify=PLAIN)
        assert (cut.status_code, problem_of(cut)["code"]) == (503, "database_unavailable")

        valve.open()
        wait_for(
            lambda: (
                httpx.get(f"{process.url}/v1/workspaces", headers=headers, timeout=60, verify=PLAIN).status_code == 200
            ),
            "the database",
            40,
        )
        valve.close()


def test_a_prefix_of_a_proxy_may_be_kept_or_stripped(database_url: str, key: str) -> None:
    with serving(database_url, KRONOS_PATH_PREFIX="/kronos") as process:
        base = process.url.removesuffix("/kronos")
        headers = {"Authorization": f"Bearer {key}"}

        kept = httpx.post(f"{base}/kronos/v1/workspaces", headers=headers, json={"slug": "a"}, timeout=60, verify=PLAIN)
        stripped = httpx.post(f"{base}/v1/workspaces", headers=headers, json={"slug": "b"}, timeout=60, verify=PLAIN)

        assert (kept.status_code, kept.headers["location"]) == (201, "/kronos/v1/workspaces/a")
        assert (stripped.status_code, stripped.headers["location"]) == (201, "/kronos/v1/workspaces/b")
        document = httpx.get(f"{base}/kronos/openapi.json", timeout=60, verify=PLAIN)
        assert document.status_code == 200, document.text
        assert document.json()["servers"] == [{"url": "/kronos"}]


def test_a_taken_port_ends_the_start_with_a_sentence(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = os.environ | {"KRONOS_DATABASE_URL": database_url, "KRONOS_PORT": str(taken.getsockname()[1])}
        ended = forked.run("serve", environment, program=PROGRAM)

    assert ended.returncode == 1
    assert "cannot listen on 127.0.0.1 port" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("given", ["9999", "0", "three"])
def test_a_descriptor_that_listens_to_nobody_ends_the_start_with_a_sentence(given: str, database_url: str) -> None:
    environment = os.environ | {"KRONOS_DATABASE_URL": database_url, "KRONOS_LISTEN_FD": given}
    ended = forked.run("serve", environment, program=PROGRAM)
    assert (ended.returncode, f"KRONOS_LISTEN_FD={given} is not a listening socket" in ended.stderr) == (1, True)
    assert "Traceback" not in ended.stderr


def test_a_wrong_egress_network_ends_the_start_with_a_sentence(database_url: str) -> None:
    environment = os.environ | {
        "KRONOS_DATABASE_URL": database_url,
        "KRONOS_PORT": "0",
        "KRONOS_EGRESS_ALLOW": "10.0.0.0/33",
    }

    ended = forked.run("serve", environment, program=PROGRAM)

    assert ended.returncode == 1
    assert "KRONOS_EGRESS_ALLOW: '10.0.0.0/33' is not a network" in ended.stderr
    assert "Traceback" not in ended.stderr
