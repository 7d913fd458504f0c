"""A clock that moves by two sequences. A module that imports this Clock is lent databases that have them.

Replacing functions, as tests/clock.py does, makes PostgreSQL plan all statements of all sessions again and the next
test take a new copy of the template: 0.2 s of CPU for each test that steps the clock. A sequence is seen at once by
open sessions, in no plan, and set back with all others (tests/lent.py).
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from bench.database_clock import DEFAULTS, FUNCTIONS, Clock
from lent import Lent
from servers import Server

_AHEAD, _STANDS = "tests.clock_ahead", "tests.clock_stands"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# PostgreSQL's own function, which is volatile: PostgreSQL would inline no stable function that calls it.
_SEQUENCES = f"""
    create sequence {_AHEAD} minvalue {-(2**62)};
    create sequence {_STANDS} minvalue {-(2**62)};
    grant select on {_AHEAD}, {_STANDS} to public;
    create function tests.last_of(regclass) returns bigint language internal stable strict parallel safe
        as 'pg_sequence_last_value';
"""


def install(owner: psycopg.Connection) -> None:
    """Let the database's clock follow the sequences. They have no value yet: it is the machine's."""
    owner.execute(_SEQUENCES.encode())
    for name, (volatility, true) in FUNCTIONS.items():
        owner.execute(
            f"""
            create or replace function kronos.{name}() returns timestamptz language sql {volatility} parallel safe
            return coalesce('epoch'::timestamptz + tests.last_of('{_STANDS}') * interval '1 microsecond',
                            {true} + coalesce(tests.last_of('{_AHEAD}'), 0) * interval '1 microsecond')
            """.encode()
        )
    for (alter,) in owner.execute(DEFAULTS).fetchall():
        owner.execute(alter.encode())


@contextmanager
def lending(server: Server, template: str) -> Iterator[Lent]:
    """Lend copies of the template in which the clock moves."""
    name = f"{template}_with_clock"
    server.databases.copy(template, name)
    url = server.superuser_url.rsplit("/", 1)[0] + "/" + name
    with psycopg.connect(url) as connection:
        install(connection)
    psycopg.connect(url).close()  # leaves a file behind that each copy's first connection would have to make
    with closing(Lent(server.databases, server.superuser_url, name)) as made:
        yield made


def lent_to(request: pytest.FixtureRequest, lent: Lent) -> Lent:
    """Modules of tests/sql and tests/worker that import MovedClock are lent such copies."""
    if getattr(request.module, "MovedClock", None) is not MovedClock:
        return lent
    made: Lent = request.getfixturevalue("lent_with_clock")
    return made


class MovedClock(Clock):
    """The clock of the database of `owner`, a superuser's connection. `by` is how far it is ahead."""

    def step(self, by: timedelta) -> None:
        self.by += by
        self._owner.execute(
            f"select setval('{_AHEAD}', %s), setval('{_STANDS}', 1, false)".encode(), [self.by // _MICROSECOND]
        )

    def stop(self) -> None:
        """Stop the clock where it is: what works until a time does all that there is, however slow the machine is."""
        ((now,),) = self._owner.execute("select kronos.now()").fetchall()
        self.stand(now)

    def stand(self, at: datetime) -> None:
        """Stop the clock at this instant until the next step."""
        self._owner.execute(f"select setval('{_STANDS}', %s)".encode(), [(at - _EPOCH) // _MICROSECOND])
