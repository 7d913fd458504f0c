"""The fields of a log line besides its message. docs/logs.md lists each event as it is written."""

import ast
import asyncio
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextvars import copy_context

import pytest

from kronos import config, lines, logs
from kronos.lines import Log
from own_logging import own_logging
from parsed import ROOT, Parsed, modules

_LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR"}
_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")


def _modules() -> list[Parsed]:
    """All modules that may log. The client is a separate distribution."""
    return [module for module in modules() if not module.name.startswith("kronos/client/")]


def _is_log(node: ast.expr) -> bool:
    """Whether it is _log or Log("kronos")."""
    return (isinstance(node, ast.Name) and node.id == "_log") or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Log"
    )


def _written() -> Iterator[tuple[str, str, str]]:
    """The event, level and place of each log call."""
    for module in _modules():
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_log(node.func.value):
                if node.func.attr in _LEVELS:
                    event = node.args[0]
                    said = event.value if isinstance(event, ast.Constant) else ast.unparse(event)
                    yield str(said), _LEVELS[node.func.attr], f"{module.name}:{node.lineno}"
                else:
                    assert node.func.attr == "is_told", f"{module.name}:{node.lineno}"


def test_each_line_has_an_event_of_one_level_that_is_in_the_table() -> None:
    table = (ROOT / "docs" / "logs.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([A-Z]+) \|", table, re.MULTILINE)
    documented = dict(rows)
    assert len(documented) == len(rows)
    written = list(_written())
    assert [place for event, _, place in written if not _EVENT.fullmatch(event)] == []
    assert {(event, level) for event, level, _ in written} == set(documented.items())
    assert [event for event, _ in rows] == sorted(documented)


def test_nothing_is_logged_but_as_an_event() -> None:
    """The standard library's loggers write lines without an event. logs.py configures the loggers of other packages;
    lines.py has Kronos's own.
    """
    own = {"kronos/lines.py", "kronos/logs.py", "kronos/traces/pipeline.py"}
    loggers = [
        f"{module.name}:{node.lineno}"
        for module in _modules()
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr == "getLogger" and module.name not in own
    ]
    assert loggers == []


Written = Callable[[], list[str]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Written]:
    """The logged lines, as JSON or, with the fixture's parameter, as text."""
    stream = io.StringIO()
    for name, value in (("logThreads", True), ("logProcesses", True), ("logMultiprocessing", True), ("_srcfile", "")):
        monkeypatch.setattr(logging, name, value)
    monkeypatch.setattr("sys.stderr", stream)
    with own_logging():
        logs.configure(config.load(database_url="postgresql://", log_format=getattr(request, "param", "json")))
        yield lambda: stream.getvalue().splitlines()


def test_a_line_has_its_event_and_what_is_known_of_it(written: Written) -> None:
    def here() -> None:
        lines.begin(request_id="r1")
        lines.about(workspace="acme")
        try:
            int("why")
        except ValueError as error:
            Log("kronos.test").error("thing.failed", "%s failed", "it", traced=error, job_id="j", attempt=2)
        lines.begin(request_id="r2")
        Log("kronos.test").info("thing.done", "100 %% of kr_live_%s_%s", "abc", "s" * 24)
        Log("kronos.test").debug("thing.seen", "not at this level")

    copy_context().run(here)
    logging.getLogger("uvicorn.error").info("its start")
    logging.getLogger("uvicorn.error").warning("theirs")
    failed, done, theirs = map(json.loads, written())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(failed.pop("at")))
    assert str(failed.pop("traceback")).endswith("with base 10: 'why'")
    assert failed == {
        "level": "ERROR",
        "logger": "kronos.test",
        "event": "thing.failed",
        "message": "it failed",
        "request_id": "r1",
        "workspace": "acme",
        "job_id": "j",
        "attempt": 2,
    }
    assert (done["request_id"], done["message"], "workspace" in done) == ("r2", "100 % of kr_live_abc_***", False)
    assert (theirs["event"], theirs["message"], "request_id" in theirs) == (logs.OF_A_LIBRARY, "theirs", False)


async def test_what_one_task_says_of_itself_no_other_says(written: Written) -> None:
    async def one(name: str) -> None:
        lines.begin(request_id=name)
        await asyncio.sleep(0)
        Log("kronos.test").info("thing.done", "done")

    await asyncio.gather(*(asyncio.create_task(one(f"r{number}")) for number in range(3)))
    assert [json.loads(each)["request_id"] for each in written()] == ["r0", "r1", "r2"]


@pytest.mark.parametrize("written", ["text"], indirect=True)
def test_a_line_for_people_names_its_request_once(
    written: Written,
) -> None:
    def here() -> None:
        lines.begin(request_id="r-1")
        Log("kronos.test").info("thing.done", "something happened")
        Log("kronos.test").info("thing.done", "r-1 happened")

    copy_context().run(here)
    first, second = written()
    assert first.endswith("INFO    kronos.test: something happened (request r-1)")
    assert second.endswith("INFO    kronos.test: r-1 happened")
