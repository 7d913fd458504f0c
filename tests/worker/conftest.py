"""Workers on the test's own database."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from kronos.worker.link import Link, Outage
from lent import Lent
from moved_clock import lent_to
from worker.protocol import as_worker
from worker.running import Worker, keep_from_ringing, workers


@pytest.fixture(scope="module")
def lent(lent: Lent, request: pytest.FixtureRequest) -> Lent:
    return lent_to(request, lent)


@pytest.fixture
def start(superuser: psycopg.Connection, database_url: str, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start a worker process on the test's database that delivers, and does not ring."""
    with workers() as starting:

        def started(**settings: object) -> Worker:
            keep_from_ringing(superuser)  # it would find the jobs overdue
            return starting(database_url, tmp_path / "worker.log", **{"poll_seconds": 0.2, **settings})

        yield started


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection]:
    """A second connection, in a transaction that holds its locks until the test ends."""
    with psycopg.connect(database_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def worker(database_url: str) -> Iterator[psycopg.Connection]:
    with as_worker(database_url) as connection:
        yield connection


@pytest.fixture
async def link(database_url: str) -> AsyncIterator[Link]:
    made = Link(database_url, "test", Outage())
    yield made
    await made.close()
