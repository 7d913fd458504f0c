"""A clock that stands where a test sets it, for tests that set it often."""

from datetime import UTC, datetime

import psycopg

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class SetClock:
    """The clock of a database that all tests of a file share. Moving it costs nothing: it is a setting of the session.
    The clock of tests/clock.py replaces two functions instead, after which PostgreSQL plans all statements again.
    Without the setting, it is the machine's.
    """

    def __init__(self, owner: psycopg.Connection) -> None:
        self._owner = owner
        for name, volatility in (("clock", "volatile"), ("now", "stable")):
            owner.execute(
                f"""
                create or replace function kronos.{name}() returns timestamptz language sql {volatility} parallel safe
                return coalesce(nullif(current_setting('tests.now', true), '')::timestamptz, pg_catalog.now())
                """.encode()
            )

    def set(self, at: datetime) -> None:
        self._owner.execute("select set_config('tests.now', %s, false)", [at.isoformat()])
