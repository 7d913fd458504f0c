"""An API on a database that the tests of a module share: each test breaks something and repairs it."""

from collections.abc import Iterator

import psycopg
import pytest

from conftest import Api, cloned, make_workspace, running_api
from embedded.conftest import home, up, used_home  # noqa: F401  (fixtures)
from faults.scene import Scene, patient
from kept import Kept, kept
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


@pytest.fixture
def scene(module_api: Api) -> Scene:
    return Scene(client=module_api.client, workspace=make_workspace(module_api.client))


@pytest.fixture(scope="module")
def kept_su(module_api: Api) -> Iterator[Kept]:
    with kept(module_api.database_url) as connections:
        yield connections


@pytest.fixture
def su(kept_su: Kept) -> Iterator[psycopg.Connection]:
    """The superuser's connection to the module's database."""
    with kept_su.connection() as connection:
        yield connection
