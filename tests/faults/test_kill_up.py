"""`kronos up` while its processes are killed at random: every job reaches a final state, and none is lost."""

import random
import signal
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import orjson
import psycopg
import pytest

from conftest import PLAIN, await_condition, make_workspace
from depth import depth
from embedded.conftest import Up
from killing import signalled

pytestmark = pytest.mark.faults

JOBS = depth(120, deep=1000)
VICTIMS = ("worker", "api", "postmaster", "backend")
KILLS_OF_EACH = depth(1, deep=2)
KILLS = KILLS_OF_EACH * len(VICTIMS)
SETTINGS = {"KRONOS_EGRESS_ALLOW": "127.0.0.0/8", "KRONOS_LEASE_SECONDS": "2", "KRONOS_WORKER_CONCURRENCY": "50"}


class Receiver:
    """Accepts every delivery, slowly, and records its job and its Idempotency-Key."""

    ANSWERS_AFTER_SECONDS = 0.3

    def __init__(self) -> None:
        self.keys: dict[int, list[str]] = defaultdict(list)
        self.under_way = 0
        self._lock = threading.Lock()
        self._never = threading.Event()
        self._is_held: Callable[[], bool] = lambda: False
        self._is_let_go = threading.Event()

    @contextmanager
    def holding(self, once: Callable[[], bool]) -> Iterator[None]:
        """From the moment of `once()`, answer nothing: deliveries stay under way, however fast the others ended."""
        self._is_let_go.clear()
        self._is_held = once
        try:
            yield
        finally:
            self._is_held = lambda: False
            self._is_let_go.set()

    def accept(self, number: int, key: str) -> None:
        with self._lock:
            self.keys[number].append(key)
            self.under_way += 1
        self._never.wait(self.ANSWERS_AFTER_SECONDS)
        if self._is_held():
            self._is_let_go.wait()
        with self._lock:
            self.under_way -= 1

    @property
    def deliveries(self) -> int:
        with self._lock:
            return sum(map(len, self.keys.values()))


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    """The receiver and its URL."""
    log = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            log.accept(body["number"], self.headers["Idempotency-Key"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore errors: a killed worker leaves its connection behind."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield log, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def key_of(up: Up) -> str:
    return Path(str(up.told["admin_key_file"])).read_text().strip()


def client_of(up: Up) -> httpx.Client:
    return httpx.Client(base_url=up.url, headers={"Authorization": f"Bearer {key_of(up)}"}, timeout=15, verify=PLAIN)


def persistently(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Repeat the request, as a careful client does, until the answer is not 5xx."""
    answers: list[httpx.Response] = []

    def is_answered() -> bool:
        try:
            answers.append(send())
        except httpx.TransportError:
            return False
        return answers[-1].status_code < 500

    await_condition(is_answered, "an answer of the API", seconds=60)
    return answers[-1]


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_one(up: Up, victim: str, chance: random.Random) -> None:
    """Kill -9 of the worker, the API, the postmaster or one of its children, as soon as it exists."""

    def is_killed() -> bool:
        children = up.children()
        try:
            pid = children.get("postgres" if victim in ("postmaster", "backend") else victim)
            if pid is not None and victim == "backend":
                backends = children_of(pid)
                pid = chance.choice(backends) if backends else None
            if pid is None:
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False  # it ended by itself in the meantime
        return signalled(pid, signal.SIGKILL)

    await_condition(is_killed, f"a {victim} to kill: {up.said()}", seconds=60)


def rows(up: Up, query: str, *params: object) -> list[tuple[object, ...]] | None:
    """The rows that the embedded cluster returns; None while it is down."""
    try:
        with psycopg.connect(str(up.told["database_url"]), connect_timeout=5) as connection:
            return connection.execute(query, params).fetchall()
    except (psycopg.OperationalError, FileNotFoundError):
        return None


def statuses(up: Up, workspace: str) -> Counter[str]:
    """The statuses of the workspace's executions; none while PostgreSQL is down."""
    found = rows(
        up,
        """
        select execution.status, count(*)
          from kronos.executions as execution
          join kronos.workspaces using (workspace_id)
         where slug = %s
         group by 1
        """,
        workspace,
    )
    return Counter({str(status): int(str(count)) for status, count in found or []})


def test_no_job_is_lost_whatever_is_killed(
    up: Callable[..., Up], receiver: tuple[Receiver, str], capsys: pytest.CaptureFixture[str]
) -> None:
    log, url = receiver
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    victims = chance.sample(VICTIMS * KILLS_OF_EACH, KILLS)
    with capsys.disabled():
        sys.stdout.write(f"\nkills: seed {seed}: {', '.join(victims)}\n")
    running = up(**SETTINGS)
    running.await_ready()
    with client_of(running) as client:
        workspace = make_workspace(client)
        endpoint = {"name": "log", "type": "HTTP", "spec": {"url": url, "timeout_ms": 2000}}
        policy = {"max_attempts": 20, "backoff": "fixed", "initial_delay_ms": 50, "max_delay_ms": 50}
        made = client.post(f"/v1/workspaces/{workspace}/endpoints", json=endpoint | {"retry_policy": policy})
        assert made.status_code == 201, made.text
        accepted: dict[int, str] = {}

        def post(number: int) -> None:
            body = {
                "endpoint": "log",
                "trigger": "IMMEDIATE",
                "input": {"number": number},
                "idempotency_key": f"key-{number}",
            }
            answer = persistently(lambda: client.post(f"/v1/workspaces/{workspace}/jobs", json=body))
            assert answer.status_code in (200, 201), answer.text
            accepted[number] = answer.json()["job_id"]

        with ThreadPoolExecutor(8) as threads:
            posts = [threads.submit(post, number) for number in range(JOBS)]
            for nth, victim in enumerate(victims, start=1):
                # Spread over the whole of the work, half of which is to accept jobs and half to deliver them.
                goal = 2 * JOBS * nth // (KILLS + 1)
                is_reached = partial(lambda goal: len(accepted) + len(log.keys) >= goal, goal)
                with log.holding(is_reached) if victim == "worker" else nullcontext():
                    await_condition(is_reached, f"{goal} of {2 * JOBS}: {running.said()}", seconds=60)
                    if victim == "worker":
                        await_condition(lambda: log.under_way >= 5, f"deliveries under way: {running.said()}")
                    kill_one(running, victim, chance)
            for each in posts:
                each.result(90)

    await_condition(
        lambda: statuses(running, workspace) == {"SUCCESS": JOBS}, f"all to succeed: {running.said()}", seconds=60
    )
    assert len(set(accepted.values())) == JOBS
    assert_log_agrees(running, workspace, log, accepted)
    assert log.deliveries > JOBS, "deliveries in progress when their worker dies are repeated"
    assert running.process.poll() is None
    with capsys.disabled():
        sys.stdout.write(f"kills: {log.deliveries} deliveries of {JOBS} jobs\n")

    recovers_from_its_own_death(running, up, workspace, log)


def assert_log_agrees(up: Up, workspace: str, log: Receiver, accepted: dict[int, str]) -> None:
    """Each job was received, at least once, under its only execution's id; nothing else was received."""
    stored = rows(
        up,
        """
        select (job.input ->> 'number')::integer, job.job_id::text, job.status, execution.execution_id::text
          from kronos.jobs as job
          join kronos.executions as execution using (job_id)
          join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
         where slug = %s
        """,
        workspace,
    )
    assert stored is not None
    assert {(number, job_id, status) for number, job_id, status, _ in stored} == {
        (number, job_id, "COMPLETED") for number, job_id in accepted.items()
    }
    assert {number: set(keys) for number, keys in log.keys.items()} == {
        number: {execution_id} for number, _, _, execution_id in stored
    }


def recovers_from_its_own_death(killed: Up, up: Callable[..., Up], workspace: str, log: Receiver) -> None:
    """After kill -9 of the supervisor and a new start, the state is the same, and the next job is delivered."""
    killed.process.kill()
    killed.process.wait(60)

    running = up(**SETTINGS)
    running.await_ready()

    assert statuses(running, workspace) == {"SUCCESS": JOBS}
    with client_of(running) as client:
        body = {"endpoint": "log", "trigger": "IMMEDIATE", "input": {"number": JOBS}}
        assert client.post(f"/v1/workspaces/{workspace}/jobs", json=body).status_code == 201
    await_condition(lambda: len(log.keys[JOBS]) == 1, f"a delivery after the new start: {running.said()}")
