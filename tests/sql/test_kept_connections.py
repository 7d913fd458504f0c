"""Connections that tests use one after another (tests/kept.py): a test finds nothing of the one before it."""

from typing import Any

import pytest

from kept import Kept, kept
from sql_factory import Connection, records

_STATE = """
select pg_backend_pid() as pid, session_user::text, current_user::text, current_setting('timezone') as timezone,
       (select count(*) from pg_listening_channels()) as channels, to_regclass('pg_temp.left_over')::text as left_over,
       (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks
"""


def _state(connection: Connection) -> dict[str, Any]:
    (found,) = records(connection, _STATE)
    return found


@pytest.mark.parametrize(
    "left",
    [
        "set role kronos_api",
        "set session authorization kronos_worker",
        "set timezone = 'Asia/Tokyo'",
        "listen kronos_work",
        "create temp table left_over ()",
        "select pg_advisory_lock(1)",
    ],
)
def test_what_a_test_leaves_is_gone(module_database_url: str, left: str) -> None:
    with kept(module_database_url) as connections:
        with connections.connection() as connection:
            before = _state(connection)
            connection.execute(left.encode())
            assert _state(connection) != before
        with connections.connection() as connection:
            assert _state(connection) == before


@pytest.mark.parametrize("left", ["begin", "select pg_terminate_backend(pg_backend_pid())"])
def test_one_that_cannot_be_cleaned_is_not_used_again(kept_shared: Kept, left: str) -> None:
    with kept_shared.connection() as connection:
        pid = connection.info.backend_pid
        try:
            connection.execute(left.encode())
        except connection.OperationalError:
            assert connection.closed
    with kept_shared.connection() as another:
        assert another.info.backend_pid != pid
