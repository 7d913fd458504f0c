"""A client of the shared API, and one of an instance whose worker delivers."""

from collections.abc import Iterator

import pytest

from conftest import Api
from kronos.client import Kronos, WorkspaceClient


@pytest.fixture
def kronos(shared_api: Api) -> Iterator[Kronos]:
    with Kronos(str(shared_api.client.base_url), shared_api.key) as client:
        yield client


@pytest.fixture
def acme(kronos: Kronos, workspace: str) -> WorkspaceClient:
    """A workspace of the test's own, with an endpoint sink."""
    return kronos.workspace(workspace)
