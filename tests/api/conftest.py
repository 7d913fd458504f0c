"""Fixtures that several files of the API's tests share."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing

import httpx
import psycopg
import pytest

from api_callers import CONNECTIONS, NO_DATABASE, PER_ADDRESS, Caller
from api_process import Process, serving
from explain_scene import Scene
from kronos.pool import Pool


@pytest.fixture
def scene(api: httpx.Client, workspace: str, shared_superuser: psycopg.Connection) -> Scene:
    """A scene for tests of GET …/explain."""
    return Scene(api, shared_superuser, workspace)


@pytest.fixture(scope="module")
def untouched(new_workspace: Callable[[], str]) -> str:
    """A workspace that all tests of a file share: they change nothing in it, as what they send is rejected."""
    return new_workspace()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """An API process's connections to the test's own database."""
    made = Pool(database_url, size=4, wait_seconds=60)
    await made.open(wait=True)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    """An API process without a database, with limits short enough for a test to wait for."""
    with serving(
        NO_DATABASE,
        KRONOS_HEAD_SECONDS="1",
        KRONOS_IDLE_SECONDS="2",
        KRONOS_WRITE_SECONDS="1",
        KRONOS_MAX_CONNECTIONS=str(CONNECTIONS),
        KRONOS_MAX_CONNECTIONS_PER_ADDRESS=str(PER_ADDRESS),
    ) as process:
        yield process


@pytest.fixture
def caller(process: Process) -> Iterator[Caller]:
    """A connection to that process."""
    with closing(Caller(process)) as caller:
        yield caller
