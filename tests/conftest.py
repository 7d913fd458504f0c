"""One PostgreSQL with pg_cron for the session, and the databases and servers that a test can use.

    database_url, superuser            the test's own database, as new, in which nothing fires: a copy of a migrated
                                       template, or the previous test's database without its changes (tests/lent.py)
    cron_database_url, cron_superuser  the session's database that pg_cron's launcher serves: what is scheduled there
                                       fires, but only while a file runs that requests it
    api, workspace                     a real API server on a copy that the session shares, and the test's own workspace
    own_api                            a real API server on the test's own database, for tests that break things

With --containers the server is PostgreSQL 17 with pg_cron 1.6 in the project's own image, otherwise the system's
packages.
"""

import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import hypothesis
import psycopg
import pytest
import uvicorn

import durations
import forked
import surroundings
import taken
import template_database
from depth import DEEP, depth
from hurried import hurry
from kept import Kept, kept
from kronos import config, encryption, garbage, keys, pool, session
from kronos.loading import loading
from lent import Lent
from looking import looks
from moved_clock import lending
from new_workspaces import NewWorkspaces
from servers import EmbeddedServer, Server, remove_homes

ROOT = Path(__file__).parents[1]
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""`verify` for a client that speaks only plain HTTP: otherwise it reads the system's authorities, in 18 ms of CPU."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by file, in the order that keeps the cores busy (tests/durations.py)."""
    files = {item.path for item in items}
    order = durations.order({file.relative_to(ROOT).as_posix() for file in files})
    place = {ROOT / file: number for number, file in enumerate(order)}
    items.sort(key=lambda item: place[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector: nothing that 10,000 tests and their imports create is garbage, now or
    later. Tests then collect as rarely as the code that they test. Collecting after every 700 objects took a twentieth
    of the whole run.
    """
    with loading():
        collected = yield
    garbage.leave_what_is_there()
    return collected


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--deep"):
        os.environ[DEEP] = "1"
    hypothesis.settings.load_profile(depth("kronos", deep="kronos-deep"))
    if config.getoption("--taken"):
        taken.begin(config)


def pytest_unconfigure() -> None:
    forked.end()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        remove_homes()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--containers",
        action="store_true",
        help="PostgreSQL 17 + pg_cron 1.6 in the project's image, through testcontainers",
    )
    parser.addoption("--deep", action="store_true", help="try more of what is drawn at random (tests/depth.py)")
    parser.addoption("--hurried", action="store_true", help="time is always up, in SQL (tests/hurried.py)")
    parser.addoption(
        "--taken", action="store_true", help="write what each file takes into tests/durations.txt (tests/taken.py)"
    )
    parser.addoption(
        "--storm", type=int, metavar="EXECUTIONS", help="how many executions tests/faults/test_storm.py delivers"
    )


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made: Server
    if request.config.getoption("--containers"):
        from container_server import ContainerServer  # imported here because it imports Docker's client

        made = ContainerServer(ROOT)
    else:
        made = EmbeddedServer(tmp_path_factory.mktemp("postgres"))
    try:
        made.start()
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest, server: Server) -> str:
    """The name of a migrated database without connections."""
    server.have_template()
    if request.config.getoption("--hurried"):
        with psycopg.connect(url_of(server.superuser_url, template_database.NAME)) as connection:
            hurry(connection)
    return template_database.NAME


@contextmanager
def cloned(server: Server, template: str) -> Iterator[str]:
    """The superuser's URL of a new copy of the template, which is dropped afterwards."""
    name = f"kronos_test_{uuid.uuid4().hex[:12]}"
    server.databases.copy(template, name)
    try:
        yield url_of(server.superuser_url, name)
    finally:
        server.databases.drop(name)


def url_of(url: str, database: str) -> str:
    return url.rsplit("/", 1)[0] + "/" + database


@pytest.fixture(scope="session")
def lent(server: Server, template: str) -> Iterator[Lent]:
    with closing(Lent(server.databases, server.superuser_url, template)) as made:
        yield made


@pytest.fixture(scope="session")
def lent_with_clock(server: Server, template: str) -> Iterator[Lent]:
    with lending(server, template) as made:
        yield made


@pytest.fixture
def database_url(lent: Lent, request: pytest.FixtureRequest) -> str:
    lent.lend(request.path)
    return lent.url


@pytest.fixture
def superuser(lent: Lent, database_url: str) -> psycopg.Connection:
    """One session for all tests of a file, as new for each of them."""
    return lent.connection


@pytest.fixture(scope="module")
def cron_database_url(server: Server, template: str) -> Iterator[str]:
    """Depends on `template`, so that a test's committed rows never reach another test's database."""
    template_database.let_ring(server.superuser_url, True)
    yield server.superuser_url
    template_database.let_ring(server.superuser_url, False)


@pytest.fixture
def cron_superuser(cron_database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cron_database_url, autocommit=True) as connection:
        yield connection


@dataclass
class Api:
    """A running API server. `client` has the administrator's key; `database_url` is the superuser's URL of its
    database.
    """

    client: httpx.Client
    database_url: str
    key: str


def _settings(url: str, key_file: Path, more: dict[str, object]) -> config.Settings:
    given: dict[str, object] = dict(
        database_url=url,
        admin_key_file=key_file,
        encryption_key_file=_encryption_key_file(key_file.with_name("encryption.key")),
        port=0,
        egress_allow="127.0.0.0/8",
        log_level="WARNING",
        database_pool_size=10,
        database_wait_seconds=60,
        ready_seconds=60,
        request_seconds=float(os.environ.get("KRONOS_REQUEST_SECONDS", "240")),  # a busy machine may be slow
    )
    return config.load(**(given | more))


def _encryption_key_file(path: Path) -> Path:
    if not path.exists():
        encryption.make_key_file(path)
    return path


@contextmanager
def running_api(url: str, directory: Path, **more: object) -> Iterator[Api]:
    """A real server in a thread of this process, on a free port, with `more` settings."""
    from documented import documented
    from kronos.api import app as api_app  # imported here, so that tests of the database alone do not load FastAPI
    from kronos.api import serve
    from kronos.dashboard import app as dashboard

    key_file = directory / "admin.key"
    keys.ensure_admin_key(url, key_file)
    settings = _settings(url, key_file, more)
    configuration = serve.configuration(documented(api_app.create(settings, pages=dashboard.routes())), settings)
    configuration.port = 0
    serving = uvicorn.Server(configuration)
    thread = threading.Thread(target=serving.run, name="api", daemon=True)
    thread.start()
    await_condition(lambda: serving.started or not thread.is_alive(), "the API server to start")
    assert thread.is_alive(), "the API server ended while it started"
    port = serving.servers[0].sockets[0].getsockname()[1]
    key = key_file.read_text().strip()
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=300,
            verify=PLAIN,
        ) as client:
            yield Api(client=client, database_url=url, key=key)
    finally:
        serving.should_exit = True
        thread.join(60)
        assert not thread.is_alive(), "the API server did not stop"


@pytest.fixture(scope="session")
def shared_api(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with cloned(server, template) as url, _patience(), running_api(url, tmp_path_factory.mktemp("api")) as api:
        yield api


@contextmanager
def _patience() -> Iterator[None]:
    """Allow a statement of the API four minutes instead of 5 s: a busy machine is slow."""
    terms = session.wanted(
        "kronos_api",
        statement_timeout=timedelta(minutes=4),
        lock_timeout=timedelta(seconds=2),
        idle_in_transaction=timedelta(minutes=4),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pool, "api_session", lambda: terms)
        yield


@pytest.fixture
def api(shared_api: Api) -> httpx.Client:
    return shared_api.client


@pytest.fixture(scope="session")
def kept_superuser(shared_api: Api) -> Iterator[Kept]:
    with kept(shared_api.database_url) as connections:
        yield connections


@pytest.fixture
def shared_superuser(kept_superuser: Kept) -> Iterator[psycopg.Connection]:
    """The superuser's connection to the database behind `api`."""
    with kept_superuser.connection() as connection:
        yield connection


@pytest.fixture
def own_api(database_url: str, tmp_path: Path) -> Iterator[Api]:
    with running_api(database_url, tmp_path) as api:
        yield api


@contextmanager
def holding(api: httpx.Client, key: str) -> Iterator[httpx.Client]:
    """A client with this key."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=api.base_url, headers=headers, timeout=300, verify=PLAIN) as client:
        yield client


def make_workspace(client: httpx.Client) -> str:
    """Create a workspace with an endpoint `sink`. Return its slug."""
    slug = f"w-{uuid.uuid4().hex[:12]}"
    made = client.post("/v1/workspaces", json={"slug": slug, "name": slug})
    assert made.status_code == 201, made.text
    endpoint = client.post(
        f"/v1/workspaces/{slug}/endpoints",
        json={"name": "sink", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/hook"}},
    )
    assert endpoint.status_code == 201, endpoint.text
    return slug


@pytest.fixture(scope="session")
def new_workspace(shared_api: Api) -> Iterator[Callable[[], str]]:
    """Make workspaces as make_workspace does, by copying the rows of one that it made."""
    slug = make_workspace(shared_api.client)
    with psycopg.connect(shared_api.database_url, autocommit=True, prepare_threshold=0) as connection:
        yield NewWorkspaces(connection, slug).make


@pytest.fixture
def workspace(new_workspace: Callable[[], str]) -> str:
    return new_workspace()


@pytest.fixture
def own_workspace(own_api: Api) -> str:
    return make_workspace(own_api.client)


def await_condition(holds: Callable[[], object], what: str, *, seconds: float = 60) -> None:
    """Return once `holds()` is true. Fail with `what` after `seconds`."""
    for pause in looks(seconds):
        if holds():
            return
        time.sleep(pause)
    assert holds(), f"waited {seconds} s for {what}"


def minute_with_time_left(connection: psycopg.Connection) -> datetime:
    """The current minute, but not within its last six seconds: a test's next steps end before the next minute, or day,
    begins.
    """
    minute: list[datetime] = []

    def comes() -> bool:
        rows = connection.execute(
            "select date_trunc('minute', at) from clock_timestamp() as clock (at) where extract(second from at) < 54"
        ).fetchall()
        minute.extend(at for (at,) in rows)
        return bool(minute)

    await_condition(comes, "a minute with time left")
    return minute[0]


# The time that a case takes, or takes to generate, depends on how busy the machine is. A test that sets its own
# suppress_health_check must include this one.
for name, examples in (("kronos", 30), ("kronos-deep", 100)):
    hypothesis.settings.register_profile(
        name, deadline=None, max_examples=examples, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
surroundings.forget()
