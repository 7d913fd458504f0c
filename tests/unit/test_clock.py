"""There is one clock: the product's SQL reads the time only through kronos.clock() and kronos.now()."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_GROUND = _ROOT / "sql/functions/ground"
_ASKS = re.compile(
    r"(?<![\w.])(?:pg_catalog\.)?(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)"
    r"|(?<!%[(])(?<![\w.'])(?:current_date|current_time|current_timestamp|localtime|localtimestamp)\b(?!')"
    r"|'(?:now|today|tomorrow|yesterday)'",
    re.IGNORECASE,
)
# The places that read PostgreSQL's clock directly, and why.
_MAY = {
    ("sql/functions/ground/clock.sql", "pg_catalog.clock_timestamp()"),  # defines kronos.clock()
    ("sql/functions/ground/now.sql", "pg_catalog.now()"),  # defines kronos.now()
    (
        "sql/functions/ground/is_alone.sql",
        "statement_timestamp()",
    ),  # how long a transaction has run: two readings of the real clock,
    ("sql/functions/ground/is_alone.sql", "now()"),  # between which a step of the test clock must not fall
    # tells the statements of a transaction apart; decides no time
    ("sql/functions/quotas/check_cron_quotas.sql", "statement_timestamp()"),
    (
        "sql/queries/doctor.sql",
        "clock_timestamp()",
    ),  # compares the server's clock with this machine's; the schema may not exist yet
    (
        "kronos/session.py",
        "clock_timestamp()",
    ),  # a new connection reads the real time before it knows whether the schema exists
    (
        "kronos/cli/import_pg_cron.py",
        "clock_timestamp()",
    ),  # pg_cron rings by it, in a database that need not be Kronos's
    (
        "kronos/ringing.py",
        "clock_timestamp()",
    ),  # how long until pg_cron's launcher rings; the launcher uses the machine's clock
}
_PYTHON = re.compile(r"(?<![\w.])(?:now|clock_timestamp)\(\)")
# The grace and the silence. They are defined in kronos.grace() and readiness.SILENT_AFTER.
_NINETY = re.compile(r"'(?:90|150) ?s(?:ec\w*)?'|'1\.5 min\w*'|'(?:00:)?01:30|(?:seconds|secs) ?(?:=>?) ?(?:90|150)\b")
_MAY_BE_NINETY = {("sql/functions/ground/grace.sql", "'90 seconds'"), ("kronos/readiness.py", "seconds=90")}


def _sql() -> list[Path]:
    return [
        path for folder in ("functions", "queries", "views") for path in sorted((_ROOT / "sql" / folder).rglob("*.sql"))
    ]


def _found(pattern: re.Pattern[str], path: Path, comment: str) -> set[tuple[str, str]]:
    text = path.read_text()
    if not pattern.search(text):  # most files: a tenth of the time of reading them line by line
        return set()
    name = str(path.relative_to(_ROOT))
    return {(name, each) for line in text.splitlines() for each in pattern.findall(line.partition(comment)[0])}


def test_the_time_is_asked_for_in_one_place() -> None:
    found = {each for path in _sql() for each in _found(_ASKS, path, "--")}
    found |= {each for path in sorted((_ROOT / "kronos").rglob("*.py")) for each in _found(_PYTHON, path, "#")}
    assert found - _MAY == set(), "write kronos.now() (the transaction's start) or kronos.clock() (read by each call)"
    assert _MAY - found == set(), "no longer in the code: remove it from the list"


# The places where Python reads this machine's clock, and why. Decisions use PostgreSQL's clock, server_time.CLOCK.
_OWN_CLOCK = re.compile(r"\b(?:datetime\.now|datetime\.utcnow|date\.today|time\.time|time\.time_ns)\(")
_MAY_READ_IT = {
    "kronos/server_time.py",  # before PostgreSQL has been queried
    "kronos/doctor/__init__.py",  # compares the two clocks, and checks what is in the past of either
    "kronos/system.py",  # whether time zone data is a year old
    "kronos/cli/demo.py",  # shows a person when a request arrived on this machine
}


def test_no_process_goes_by_its_own_clock() -> None:
    reads = {
        str(path.relative_to(_ROOT))
        for path in sorted((_ROOT / "kronos").rglob("*.py"))
        if _OWN_CLOCK.search(path.read_text())
    }
    assert reads - _MAY_READ_IT == set(), "write CLOCK.now() of kronos/server_time.py"


def test_the_grace_and_the_silence_are_said_once_each() -> None:
    found = {each for path in _sql() for each in _found(_NINETY, path, "--")}
    found |= {each for path in sorted((_ROOT / "kronos").rglob("*.py")) for each in _found(_NINETY, path, "#")}
    assert found == _MAY_BE_NINETY, "use kronos.grace(), readiness.SILENT_AFTER"


@pytest.mark.parametrize(
    "line",
    [
        "at <= now()",
        "x := clock_timestamp();",
        "pg_catalog.now()",
        "f(current_date - 1)",
        "current_timestamp",
        "'now'::timestamptz",
        "NOW ( )",
    ],
)
def test_the_guard_finds(line: str) -> None:
    assert _ASKS.findall(line) != []


@pytest.mark.parametrize(
    "line", ["kronos.now()", "kronos.clock()", "name not in ('localtime', 'Factory')", "current_date_of(x)", "v_now"]
)
def test_the_guard_lets_through(line: str) -> None:
    assert _ASKS.findall(line) == []
