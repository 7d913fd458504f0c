"""An API on a database that the tests of a module share: each test breaks something and repairs it."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from conftest import Api, cloned, make_workspace, running_api
from embedded.conftest import home, up, used_home  # noqa: F401  (fixtures)
from faults.scene import Scene, patient
from faults.sessions import Sessions, sessions_to
from new_workspaces import NewWorkspaces
from servers import Server


@pytest.fixture(scope="module")
def module_api(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with cloned(server, template) as url, running_api(url, tmp_path_factory.mktemp("faults")) as api:
        yield api


@pytest.fixture(scope="module")
def patient_requests(module_api: Api) -> Iterator[None]:
    """For tests that hold requests."""
    with psycopg.connect(module_api.database_url, autocommit=True) as superuser, patient(superuser):
        yield


@pytest.fixture(scope="module")
def new_scene(module_api: Api) -> Iterator[Callable[[], Scene]]:
    """Make scenes whose workspaces are as make_workspace makes them."""
    model = make_workspace(module_api.client)
    with psycopg.connect(module_api.database_url, autocommit=True, prepare_threshold=0) as connection:
        made = NewWorkspaces(connection, model)
        yield lambda: Scene(client=module_api.client, workspace=made.make())


@pytest.fixture
def scene(new_scene: Callable[[], Scene]) -> Scene:
    return new_scene()


@pytest.fixture(scope="module")
def sessions(module_api: Api) -> Iterator[Sessions]:
    with sessions_to(module_api.database_url) as made:
        yield made


@pytest.fixture
def su(sessions: Sessions) -> Iterator[psycopg.Connection]:
    """The superuser's connection to the module's database."""
    with sessions.superusers.connection() as connection:
        yield connection


@pytest.fixture
def worker(sessions: Sessions) -> Iterator[psycopg.Connection]:
    """A worker's connection to that database."""
    with sessions.workers.connection() as connection:
        yield connection
