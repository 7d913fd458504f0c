"""Connections for tests of the SQL. A test's own database comes from the root conftest.py; tests that only read or add
rows share one per module.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg
import pytest

from conftest import cloned, minute_with_time_left
from enqueueing import App, granted_app
from factory import EndpointRow, add_endpoint
from kept import Kept, kept
from lent import Lent
from moved_clock import lent_to
from overlap_runs import Ticking
from servers import Server
from set_clock import NOON, SetClock
from sql_factory import Connection, make_cron_job
from worker.protocol import as_worker


@pytest.fixture(scope="module")
def lent(lent: Lent, request: pytest.FixtureRequest) -> Lent:
    return lent_to(request, lent)


@pytest.fixture(scope="module")
def module_database_url(server: Server, template: str) -> Iterator[str]:
    """The superuser's URL of a database that the tests of one module share."""
    with cloned(server, template) as url:
        yield url


@pytest.fixture(scope="module")
def kept_shared(module_database_url: str) -> Iterator[Kept]:
    with kept(module_database_url) as connections:
        yield connections


@pytest.fixture
def shared(kept_shared: Kept) -> Iterator[psycopg.Connection]:
    """The superuser's connection to the module's database."""
    with kept_shared.connection() as connection:
        yield connection


@pytest.fixture
def undone(shared: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """That connection, in a transaction that is undone after the test: now() stands in it."""
    with shared.transaction(force_rollback=True):
        yield shared


@pytest.fixture(scope="module")
def kept_cron(cron_database_url: str) -> Iterator[Kept]:
    with kept(cron_database_url) as connections:
        yield connections


@pytest.fixture
def cron_superuser(kept_cron: Kept) -> Iterator[psycopg.Connection]:
    """The superuser's connection to the database that pg_cron serves."""
    with kept_cron.connection() as connection:
        yield connection


@pytest.fixture(scope="module")
def set_clock(kept_shared: Kept) -> SetClock:
    """The clock of the module's database, which stands where a test sets it."""
    with kept_shared.connection() as connection:
        return SetClock(connection)


@pytest.fixture
def at_noon(shared: psycopg.Connection, set_clock: SetClock) -> None:
    """That clock stands at noon, once the connection is lent to the test: no day ends during it."""
    set_clock.set(NOON)


@pytest.fixture
def tick(superuser: Connection) -> datetime:
    """The current minute: due, and on time (90 s) whenever it is fired during the test."""
    return minute_with_time_left(superuser)


@pytest.fixture
def worker(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection with the worker's role."""
    with as_worker(database_url) as connection:
        yield connection


@pytest.fixture
def endpoint(superuser: Connection) -> EndpointRow:
    """An endpoint, in a new workspace."""
    return add_endpoint(superuser)


@pytest.fixture
def job_id(superuser: Connection, endpoint: EndpointRow) -> uuid.UUID:
    """A CRON job with that endpoint."""
    return make_cron_job(superuser, endpoint)


@pytest.fixture
def ticking(superuser: Connection, worker: psycopg.Connection) -> Callable[..., Ticking]:
    """Make a job with this overlap rule, and other columns."""

    def make(overlap: str, *, endpoint: EndpointRow | None = None, **columns: object) -> Ticking:
        return Ticking(
            connection=superuser,
            worker=worker,
            endpoint=endpoint or add_endpoint(superuser),
            overlap=overlap,
            columns=columns,
        )

    return make


@pytest.fixture
def other(database_url: str) -> Iterator[Connection]:
    """A second connection, in a transaction that keeps its locks until the test ends."""
    with psycopg.connect(database_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="module")
def kept_apps(module_database_url: str) -> Iterator[tuple[Kept, Kept]]:
    with kept(module_database_url) as one, kept(module_database_url) as another:
        yield one, another


@pytest.fixture
def app(shared: Connection, kept_apps: tuple[Kept, Kept]) -> Iterator[App]:
    """An application that may make jobs by SQL, in its own workspace."""
    with kept_apps[0].connection() as connection, granted_app(shared, connection) as made:
        yield made


@pytest.fixture
def other_app(shared: Connection, kept_apps: tuple[Kept, Kept]) -> Iterator[App]:
    """Another application, in another workspace."""
    with kept_apps[1].connection() as connection, granted_app(shared, connection) as made:
        yield made
