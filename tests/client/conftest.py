"""A client of the shared API, and an instance whose worker delivers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import psycopg
import pytest

from client.both import Both, client_of
from client.meeting import KEY, Meet
from client.stub import Answering, Stub, stub
from conftest import Api, await_condition, cloned, running_api
from kronos.client import Kronos, WorkspaceClient
from servers import Server
from worker.running import Worker, keep_from_ringing, workers


@pytest.fixture
def kronos(shared_api: Api) -> Iterator[Kronos]:
    with Kronos(str(shared_api.client.base_url), shared_api.key) as client:
        yield client


@pytest.fixture
def acme(kronos: Kronos, workspace: str) -> WorkspaceClient:
    """A workspace for this test, with an endpoint sink."""
    return kronos.workspace(workspace)


@dataclass(frozen=True, slots=True)
class Instance:
    """An API, and a worker that delivers."""

    api: Api
    worker: Worker

    @property
    def url(self) -> str:
        return str(self.api.client.base_url).rstrip("/")


@pytest.fixture(scope="module")
def instance(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    directory = tmp_path_factory.mktemp("instance")
    with (
        cloned(server, template) as url,
        psycopg.connect(url, autocommit=True) as ringing,
        running_api(url, directory) as api,
        workers() as starting,
    ):
        keep_from_ringing(ringing)
        worker = starting(
            url, directory / "worker.log", poll_seconds=0.2, encryption_key_file=directory / "encryption.key"
        )
        await_condition(lambda: "started" in worker.log or worker.process.poll() is not None, "the worker to start")
        assert worker.process.poll() is None, worker.log
        yield Instance(api, worker)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes


@contextmanager
def receiving(status: Callable[[Delivered], int] = lambda _: 200) -> Iterator[tuple[str, list[Delivered]]]:
    """A receiver's address, and the requests that it got."""
    got: list[Delivered] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            got.append(Delivered(self.path, dict(self.headers.items()), body))
            self.send_response(status(got[-1]))
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", got
        finally:
            server.shutdown()


@pytest.fixture(params=["threads", "tasks"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def meet(kind: str) -> Iterator[Meet]:
    """Return a function that starts a server with these answers, and a client of it."""
    with ExitStack() as stack:

        def met(*script: Answering, key: Any = KEY, **options: object) -> tuple[Stub, Both]:
            server = stack.enter_context(stub(*script))
            options = {"first_pause": 0.001, "deadline": 30.0, **options}
            return server, stack.enter_context(client_of(kind, server.url, key, **options))

        yield met
