"""An instance for one test file: an API, a worker, and a receiver whose answers the test controls."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import psycopg
from click.testing import CliRunner, Result

from conftest import Api, await_condition, running_api
from kronos.__main__ import main
from worker.running import keep_from_ringing, workers


@dataclass(slots=True)
class Instance:
    """An instance. `run` runs a command in the workspace acme.

    Endpoints: `ok` succeeds, `bad` gets a 500 while `is_bad`, and `held` is answered once `release` is set.
    """

    api: Api
    url: str
    release: Event = field(default_factory=Event)
    is_bad: bool = True
    asked: list[str] = field(default_factory=list)

    @property
    def known(self) -> dict[str, str]:
        return {
            "KRONOS_URL": str(self.api.client.base_url),
            "KRONOS_API_KEY": self.api.key,
            "KRONOS_WORKSPACE": "acme",
        }

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), env=self.known, input=stdin, catch_exceptions=False)

    def status(self, execution_id: str) -> str:
        found: str = self.api.client.get(f"/v1/workspaces/acme/executions/{execution_id}").json()["status"]
        return found

    def triggered(self, job: str) -> str:
        made = self.api.client.post(f"/v1/workspaces/acme/jobs/{job}/trigger")
        assert made.status_code == 202, made.text
        found: str = made.json()["execution_id"]
        return found


@contextmanager
def delivering(url: str, directory: Path) -> Iterator[Instance]:
    with (
        psycopg.connect(url, autocommit=True) as superuser,
        running_api(url, directory) as api,
        receiving() as (receiver, told),
        workers() as starting,
    ):
        keep_from_ringing(superuser)
        instance = Instance(api=api, url=receiver)
        told.append(instance)
        worker = starting(url, directory / "worker.log", poll_seconds=0.2)
        try:
            _make(api, receiver)
            await_condition(lambda: "started" in worker.log or worker.process.poll() is not None, "the worker")
            yield instance
        finally:
            instance.release.set()


def _make(api: Api, receiver: str) -> None:
    def post(path: str, **body: object) -> None:
        made = api.client.post(f"/v1/workspaces{path}", json=body)
        assert made.status_code == 201, made.text

    post("", slug="acme", name="acme")
    for name in ("ok", "bad", "held"):
        policy = {"max_attempts": 2, "initial_delay_ms": 100}
        post("/acme/endpoints", name=name, type="HTTP", spec={"url": f"{receiver}/{name}"}, retry_policy=policy)
        post("/acme/jobs", name=name, endpoint=name, trigger="CRON", cron="0 9 * * 1")


@contextmanager
def receiving() -> Iterator[tuple[str, list[Instance]]]:
    told: list[Instance] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            (instance,) = told
            instance.asked.append(self.path)
            if self.path == "/held":
                instance.release.wait(60)
            body = b"the disk is full" if self.path == "/bad" and instance.is_bad else b"{}"
            self.send_response(500 if body[:1] != b"{" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", told
    finally:
        server.shutdown()
        server.server_close()


def interrupt(*_: object) -> None:
    """Replaces a function that waits: the user presses Ctrl-C."""
    raise KeyboardInterrupt
