"""The command as it runs against the session's API."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conftest import Api
from kronos.__main__ import main

Import = Callable[..., Result]


@pytest.fixture
def run(shared_api: Api, workspace: str) -> Import:
    """Run a command in the test's workspace, with `env` in addition."""
    known = {
        "KRONOS_URL": str(shared_api.client.base_url),
        "KRONOS_API_KEY": shared_api.key,
        "KRONOS_WORKSPACE": workspace,
    }

    def invoke(*arguments: str | Path, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(
            main, [*map(str, arguments)], env=known | (env or {}), input=stdin, catch_exceptions=False
        )

    return invoke
