"""A log line for people and one for collectors: what each holds, of which task it is, and which lines are written."""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kronos import config, lines, logs
from kronos.lines import Log
from kronos.model import JsonObject
from own_logging import own_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore what `configure` and the lines' fields set for the whole process."""
    lines.begin()
    with own_logging():
        yield
    lines.begin()


def written(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def configured(log_format: str = "json", level: str = "INFO") -> None:
    logs.configure(config.load(database_url="postgresql://", log_format=log_format, log_level=level))


def test_a_line_for_collectors_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configured()
    Log("kronos.api").info("request.answered", "%s took %d ms", "GET\n/", 7, status=200, actor=None)
    (line,) = written(capsys)
    found: JsonObject = json.loads(line)
    assert found.pop("at").endswith("Z")
    assert found == {
        "level": "INFO", "logger": "kronos.api", "event": "request.answered", "message": "GET\n/ took 7 ms",
        "status": 200, "actor": None,
    }  # fmt: skip


def test_a_line_has_its_event_and_what_is_known_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    configured()
    lines.begin(request_id="r1")
    lines.about(workspace="acme")
    try:
        int("why")
    except ValueError as error:
        Log("kronos.test").error("thing.failed", "%s failed", "it", traced=error, job_id="j", attempt=2)
    lines.begin(request_id="r2")
    Log("kronos.test").info("thing.done", "100 %% of kr_live_%s_%s", "abc", "s" * 24)
    Log("kronos.test").debug("thing.seen", "not at this level")
    lines.begin()
    logging.getLogger("uvicorn.error").info("its start")
    logging.getLogger("uvicorn.error").warning("theirs")
    failed, done, theirs = map(json.loads, written(capsys))
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


def test_a_line_of_a_library_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    configured()
    logging.getLogger("some.library").warning("careful")
    (line,) = written(capsys)
    assert (json.loads(line)["event"], json.loads(line)["logger"]) == ("library", "some.library")


def test_a_line_for_people_has_its_second_and_milliseconds(capsys: pytest.CaptureFixture[str]) -> None:
    configured("text")
    record = logging.LogRecord("kronos.worker", logging.WARNING, "", 0, "it %s", ("waits",), None)
    for created, milliseconds in ((1_700_000_000.25, 250), (1_700_000_000.5, 500), (1_700_000_001.0, 0)):
        record.created, record.msecs = created, milliseconds
        logging.getLogger().handle(record)
    first, second, third = written(capsys)
    assert (first[19:], second[19:23], third[19:23]) == (".250 WARNING kronos.worker: it waits", ".500", ".000")
    assert (first[:19] == second[:19], int(third[17:19])) == (True, (int(first[17:19]) + 1) % 60)


def test_the_levels_below_the_setting_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configured(level="WARNING")
    log = Log("kronos.levels")
    assert [log.is_told(level) for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)] == [
        False, False, True, True,
    ]  # fmt: skip
    for write in (log.debug, log.info, log.warning, log.error):
        write("some.event", "said")
    assert [json.loads(line)["level"] for line in written(capsys)] == ["WARNING", "ERROR"]


@pytest.mark.parametrize(
    ("name", "written_from"),
    [
        ("asyncio", "WARNING"), ("uvicorn.error", "WARNING"), ("alembic.runtime", "WARNING"), ("psycopg.pool", "ERROR"),
        ("aiokafka.conn", None), ("kronos.api", "DEBUG"),
    ],
)  # fmt: skip
def test_a_library_is_heard_only_where_nothing_of_ours_says_it(
    capsys: pytest.CaptureFixture[str], name: str, written_from: str | None
) -> None:
    """A broker's library logs addresses and passwords at any level."""
    configured(level="DEBUG")
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    for level in levels:
        logging.getLogger(name).log(getattr(logging, level), "said")
    expected = [] if written_from is None else list(levels[levels.index(written_from) :])
    assert [json.loads(line)["level"] for line in written(capsys)] == expected


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_error_has_its_traceback_where_it_is_given(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configured(log_format)
    try:
        int("of ours")
    except ValueError as error:
        Log("kronos.api").error("request.failed", "it failed", traced=error)
    Log("kronos.api").error("request.failed", "it failed")
    text = "\n".join(written(capsys))
    assert (text.count("it failed"), text.count("ValueError: invalid literal")) == (2, 1)
    if log_format == "json":
        with_trace, without = map(json.loads, text.splitlines())
        assert ("Traceback" in with_trace["traceback"], "traceback" in without) == (True, False)


def test_a_line_for_people_names_its_request_once(capsys: pytest.CaptureFixture[str]) -> None:
    configured("text")
    lines.begin(request_id="r-1")
    Log("kronos.api").info("some.event", "done")
    Log("kronos.api").info("some.event", "r-1 is done")
    lines.begin()
    Log("kronos.api").info("some.event", "alone")
    assert [line.partition("kronos.api: ")[2] for line in written(capsys)] == [
        "done (request r-1)", "r-1 is done", "alone",
    ]  # fmt: skip


async def test_the_fields_of_a_task_are_its_own_and_those_of_the_tasks_that_it_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configured()

    async def request(number: int) -> None:
        lines.begin(request_id=f"r-{number}")
        await asyncio.sleep(0)
        lines.about(workspace="acme")
        await asyncio.create_task(below(number))
        Log("kronos.api").info("some.event", "end", number=number)

    async def below(number: int) -> None:
        lines.about(job_id=f"j-{number}")
        Log("kronos.api").info("some.event", "below", number=number)

    await asyncio.gather(request(1), request(2))
    found = [json.loads(line) for line in written(capsys)]
    assert {each["request_id"] == f"r-{each['number']}" for each in found} == {True}
    assert [each.get("job_id") for each in found if each["message"] == "end"] == [None, None]
    assert {each["job_id"] for each in found if each["message"] == "below"} == {"j-1", "j-2"}
    assert {each["workspace"] for each in found} == {"acme"}
    assert dict(lines.known_here()) == {}


def test_the_fields_of_a_line_come_before_those_of_its_task(capsys: pytest.CaptureFixture[str]) -> None:
    configured()
    lines.begin(workspace="acme", request_id="r-1")
    Log("kronos.api").info("some.event", "done", workspace="beta")
    lines.begin(worker_id="w-1")
    Log("kronos.api").info("some.event", "done")
    first, second = map(json.loads, written(capsys))
    assert (first["workspace"], first["request_id"]) == ("beta", "r-1")
    assert (second["worker_id"], "request_id" in second) == ("w-1", False)
    with pytest.raises(TypeError):
        lines.known_here()["worker_id"] = "w-2"  # type: ignore[index]


def test_lines_go_to_standard_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A command's standard output is its answer."""
    configured()
    configured()
    Log("kronos.api").info("some.event", "once")
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    handler: Any = logging.getLogger().handlers[0]
    assert handler.stream is sys.stderr
