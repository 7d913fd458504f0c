"""Statements that benchmarks run by name still accept the parameters that the benchmarks pass. Benchmarks are run by
hand, often long after such a statement changed.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import cast
from unittest.mock import Mock
from uuid import uuid4

import psycopg
import pytest

from bench import drain, history_reads
from kronos import sql

_NAMED = re.compile(r"%\((\w+)\)s")


def _reads() -> Iterator[tuple[str, Mapping[str, object]]]:
    now = datetime.now(UTC)
    connection = Mock(spec=psycopg.Connection)
    connection.execute.return_value.fetchone.return_value = (uuid4(), uuid4(), now, now, now, now, uuid4())
    yield from history_reads.reads(cast(psycopg.Connection, connection)).values()


def _deliveries() -> Iterator[tuple[str, Mapping[str, object]]]:
    one = Mock(_endpoint=uuid4())
    yield "claims.claim_executions", drain.Drain._claim(one, 10, datetime.now(UTC), uuid4())
    for holds_slot in (False, True):
        of = {name.partition(".")[2]: text for name, text in sql.texts().items()}
        host = drain.Host(url="", statements=of)
        (name,) = [name for name, text in sql.texts().items() if text == host.finalize(holds_slot=holds_slot)]
        assert name == ("results.finalize_limited_successes" if holds_slot else "results.finalize_successes")
        yield name, drain._results([uuid4()], uuid4(), ["(0,1)"])


@pytest.mark.parametrize(("statement", "given"), [*_reads(), *_deliveries()])
def test_a_benchmark_gives_its_statement_all_that_it_names(statement: str, given: Mapping[str, object]) -> None:
    wanted = set(_NAMED.findall(sql.texts()[statement]))
    assert wanted <= given.keys(), f"{statement} wants {wanted - given.keys()} besides"
