"""Commands that use the API do not load what only the server needs. psycopg, pydantic and FastAPI take 0.2 s of CPU;
the command itself takes 0.1 s."""

import os
import subprocess
import sys

import pytest

from kronos.__main__ import main
from kronos.cli.root import Root

_OF_THE_SERVER = {"psycopg", "pydantic", "pydantic_settings", "fastapi", "starlette", "uvicorn", "aiohttp"}
_ON_THE_SERVER = {
    *("audit", "doctor", "import", "key", "mcp", "migrate", "next", "psql", "retention", "secrets"),
    *("serve", "support-bundle", "up", "worker"),
}
"""Commands that work in the database, at least partly, or are the server itself."""
_LOADED = """
import sys
from kronos.__main__ import main
for name in sys.argv[1:]:
    before = set(sys.modules)
    main.get_command(None, name)
    print(name, *sorted({each.partition(".")[0] for each in set(sys.modules) - before}))
"""


def _loaded(*names: str) -> dict[str, set[str]]:
    """The modules that each command loads and the commands before it have not."""
    command = [sys.executable, "-c", _LOADED, *names]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return {(words := line.split())[0]: set(words[1:]) for line in ran.stdout.splitlines()}


@pytest.fixture(scope="module")
def over_the_api() -> list[str]:
    assert isinstance(main, Root)
    return [name for name in main._places if name not in _ON_THE_SERVER]


def test_no_command_over_the_api_loads_what_only_the_server_needs(over_the_api: list[str]) -> None:
    loaded = _loaded(*over_the_api)
    assert loaded.keys() == set(over_the_api)
    assert {"job", "workspace", "execution", "endpoint"} <= loaded.keys()
    assert {name: found for name, each in loaded.items() if (found := each & _OF_THE_SERVER)} == {}


@pytest.mark.parametrize(
    "variable", ["KRONOS_URL", "KRONOS_API_KEY", "KRONOS_WORKSPACE", "KRONOS_CONTEXT", "KRONOS_HOME"]
)
def test_no_variable_of_the_command_line_loads_the_settings_of_the_server(variable: str) -> None:
    code = "import sys; from kronos.cli import target; target.warn_of_unknown(); print(*sys.modules)"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("KRONOS_")}

    def loaded(**variables: str) -> set[str]:
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, env=bare | variables, capture_output=True, text=True, check=True, timeout=120)
        return set(ran.stdout.split()) & _OF_THE_SERVER

    assert loaded(**{variable: "x"}) == set()
    assert "pydantic" in loaded(KRONOS_PORT="1")


def test_what_the_server_needs_is_seen_where_it_is_loaded() -> None:
    assert "psycopg" in _loaded("doctor")["doctor"]
