"""A calendar changes at the moment when a tick is accounted for, in either order, and kill -9 may end the first
session: the tick runs once, according to the version in force when it was accounted for."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from calendar_rows import day, put_calendar
from clock import Clock
from factory import EndpointRow, add_endpoint
from faults.crashes import crash, unrung_server
from faults.own_server import connected
from kronos.embedded.cluster import Cluster
from sql.test_calendar_jobs import job_at, ledger, runs
from sql_factory import Connection, value

_FRIDAY = datetime(2027, 6, 11, 9, tzinfo=UTC)
_SATURDAY, _SUNDAY = _FRIDAY + timedelta(days=1), _FRIDAY + timedelta(days=2)
_CLOSED = [day("2027-06-12")]
_RING = "select kronos.account_all(kronos.clock())"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with unrung_server() as made:
        yield made


def _job(superuser: Connection, on_blackout: str) -> tuple[EndpointRow, UUID]:
    """A job for Saturdays, and its calendar: open if the job rolls forward, closed if it rolls back."""
    Clock(superuser).set(_FRIDAY - timedelta(days=2))
    endpoint = add_endpoint(superuser)
    put_calendar(superuser, endpoint.workspace_id, "bank", days=[] if on_blackout == "NEXT" else _CLOSED)
    since = _FRIDAY - timedelta(days=2)
    return endpoint, job_at(superuser, endpoint, "0 9 * * 6", on_blackout, since=since, calendars=["bank"])


@pytest.mark.parametrize(
    ("on_blackout", "first", "is_killed", "expected"),
    [
        ("NEXT", "change", False, _SUNDAY),
        ("NEXT", "change", True, _SATURDAY),
        ("NEXT", "ring", False, _SATURDAY),
        ("NEXT", "ring", True, _SUNDAY),
        ("PREVIOUS", "change", False, _SATURDAY),
        ("PREVIOUS", "change", True, _FRIDAY),
        ("PREVIOUS", "ring", False, _FRIDAY),
        ("PREVIOUS", "ring", True, _SATURDAY),
    ],
)
def test_a_tick_and_a_change_of_its_calendar_at_one_moment(
    cluster: Cluster, on_blackout: str, first: str, is_killed: bool, expected: datetime
) -> None:
    with connected(cluster) as superuser:
        endpoint, job_id = _job(superuser, on_blackout)
        Clock(superuser).set((_SATURDAY if on_blackout == "NEXT" else _FRIDAY) + timedelta(seconds=10))

    def change(connection: Connection) -> None:
        """Close Saturday if the job rolls forward, so that the tick waits for Sunday; open it if it rolls back, so that
        it is due tomorrow."""
        put_calendar(connection, endpoint.workspace_id, "bank", days=_CLOSED if on_blackout == "NEXT" else [])

    def ring(connection: Connection) -> None:
        value(connection, _RING)

    steps = [change, ring] if first == "change" else [ring, change]
    with closing(psycopg.connect(cluster.superuser_url)) as under_way:
        steps[0](under_way)
        with connected(cluster) as other:
            other.execute("set lock_timeout = '10s'")
            steps[1](other)  # neither waits for the other
        if is_killed:
            crash(cluster, under_way)
        else:
            under_way.commit()
    with connected(cluster) as superuser:
        clock = Clock(superuser)
        for at in (_FRIDAY, _SATURDAY, _SUNDAY):
            clock.set(at + timedelta(seconds=20))
            superuser.execute("select kronos.move_all(kronos.clock() + interval '1 minute')")
            ring(superuser)
        assert runs(superuser, job_id) == [(_SATURDAY, expected)]
        found = ledger(superuser, job_id, _FRIDAY - timedelta(days=2), _SUNDAY + timedelta(hours=1))
        assert (found["expected"], found["delivered"]) == (1, 1)
