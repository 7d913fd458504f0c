"""A pytest plugin for mutation testing: it breaks each line of SQL or Python in turn, and a test must fail.

    bin/mutants sql/functions/overlap/admit_run.sql sql/queries/results.sql -- tests/sql/test_overlap.py
    bin/mutants kronos/worker/backoff.py -- tests/worker/test_backoff.py

The tests run once unchanged. Then each mutant in turn replaces its original in the template of the tests' databases,
and the tests run until one fails: first those that found other mutants, then the fastest. A surviving mutant means a
missing test, an unneeded line, or an equivalent change: a person has to decide which.
"""

import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import hypothesis
import pluggy
import psycopg
import pytest
from _pytest.runner import runtestprotocol

import python_mutants
import sql_mutants
from kronos import sql
from sql_mutants import Mutant

ROOT = Path(__file__).parents[1]
_NOT_REPORTED = (TimeoutError, SystemError, pluggy.PluggyTeardownRaisedWarning)
"""What a test that failed raises here: its time was over, or pytest could not show its error, while it was reported."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mutants")
    group.addoption(
        "--mutate", action="append", default=[], metavar="FILE", help="a file of sql/ or kronos/, to make mutants of"
    )
    group.addoption("--only", default="", metavar="REGEX", help="mutants whose line matches")


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    # Do not shrink failing examples: one failure is enough.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutants", hypothesis.settings.default, phases=phases, database=None)
    hypothesis.settings.load_profile("mutants")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server ends too
    _Trial(session).run()
    return True


class _Follows(Protocol):
    def listchain(self) -> list[Any]: ...


class _Nobody:
    """Stands for the test after a mutant's last one: it ends shared fixtures, except those of the whole session."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    def listchain(self) -> list[Any]:
        return [self._session]


class _Trial:
    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._nobody = _Nobody(session)
        self._seconds: dict[pytest.Item, float] = {}
        self._found: dict[pytest.Item, int] = {}
        self._say = session.config.get_terminal_writer().line

    def run(self) -> None:
        for item in self._session.items:
            began = time.monotonic()
            if self._passes(item, self._nobody):
                self._seconds[item], self._found[item] = time.monotonic() - began, 0
        self._say(f"{len(self._seconds)} of {len(self._session.items)} tests pass")
        only = self._session.config.getoption("--only")
        counts = {"stillborn": 0, "found": 0, "survived": 0}
        for path in self._session.config.getoption("--mutate"):
            made = python_mutants if path.endswith(".py") else sql_mutants
            for mutant in made.mutants_of(ROOT / path):
                if re.search(only, mutant.what):
                    verdict, finder = self._tried(mutant)
                    counts[verdict] += 1
                    self._say(f"{verdict:9} {mutant.what} {finder}")
        self._say(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))

    def _tried(self, mutant: Mutant) -> tuple[str, str]:
        """Return the verdict on a mutant, and the test that found it."""
        with self._in_place(mutant) as is_sound:
            if not is_sound:
                return "stillborn", ""
            tests = sorted(self._seconds, key=lambda item: (-self._found[item], self._seconds[item]))
            for number, item in enumerate(tests):
                following = tests[number + 1] if number + 1 < len(tests) else self._nobody
                with _at_most(10 + 6 * self._seconds[item]):
                    passes = self._passes(item, following)
                if not passes:
                    self._found[item] += 1
                    self._session._setupstate.teardown_exact(self._nobody)  # type: ignore[arg-type]
                    return "found", item.nodeid
        return "survived", ""

    def _passes(self, item: pytest.Item, following: _Follows) -> bool:
        try:
            reports = runtestprotocol(item, log=False, nextitem=following)  # type: ignore[arg-type]  # what it asks of it
        except _NOT_REPORTED:
            return False
        return all(report.passed for report in reports)

    @contextmanager
    def _in_place(self, mutant: Mutant) -> Iterator[bool]:
        """Put the mutant in place. Yield whether PostgreSQL accepts it: a function immediately, a statement when it is
        sent.
        """
        if mutant.path.suffix == ".py":
            with python_mutants.in_place(mutant) as is_sound:
                yield is_sound
            return
        whole = mutant.path.read_text()
        try:
            self._put(mutant, mutant.text)
            yield True
        except psycopg.Error:
            yield False
        finally:
            self._put(mutant, whole)

    def _put(self, mutant: Mutant, text: str) -> None:
        if mutant.path.parent.name == "queries":
            _put_statements(mutant.path, text)
            return
        found = self._session._fixturemanager.getfixturedefs("server", next(iter(self._seconds)))
        started = found[0].cached_result if found else None
        if started is None or started[0] is None:
            raise pytest.UsageError("none of these tests has started a server")
        url = started[0].superuser_url
        with psycopg.connect(url, autocommit=True) as connection:
            ours = connection.execute("select datname from pg_database where datname like 'kronos_te%'").fetchall()
        for (name,) in ours:
            # one of them may be about to be dropped
            with suppress(psycopg.OperationalError), psycopg.connect(url, dbname=name, autocommit=True) as connection:
                connection.execute(text.encode())


def _put_statements(path: Path, text: str) -> None:
    """Replace the statements in this process only. Processes that tests start read the file, which is unchanged."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        shutil.copytree(path.parent, Path(folder) / path.parent.name)
        (Path(folder) / path.parent.name / path.name).write_text(text)
        patched.setattr(sql, "root", lambda: Path(folder))
        sql.texts_of.cache_clear()
        texts = sql.texts()
    for statement in sql.statements:
        object.__setattr__(statement, "text", texts[statement.name])


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Fail a test that takes longer: some mutants never end."""

    def fail(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"a test took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
