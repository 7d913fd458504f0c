"""What it costs to account for very many heartbeats that fall silent in the same minute."""

from datetime import timedelta

from psycopg.errors import Diagnostic

from beat_rows import make_beat
from clock import Clock
from factory import add_endpoint
from sql_factory import Connection, value


def _plans(connection: Connection, clock: Clock, count: int) -> int:
    """How many plans it takes to account for all heartbeats so far and that many more, all of which are late."""
    plans = 0

    def heard(said: Diagnostic) -> None:
        nonlocal plans
        plans += (said.message_primary or "").startswith("plan")

    workspace_id = add_endpoint(connection).workspace_id
    for _ in range(count):
        make_beat(connection, workspace_id, period_seconds=60, grace_seconds=60)
    clock.step(timedelta(minutes=3))
    connection.add_notice_handler(heard)
    connection.execute("set debug_print_plan = on; set client_min_messages = log")
    assert value(connection, "select kronos.account_beats(1000, '10 minutes')") >= 20
    connection.execute("reset debug_print_plan; reset client_min_messages")
    connection.remove_notice_handler(heard)
    return plans


def test_a_late_heartbeat_more_takes_next_to_no_planning(superuser: Connection) -> None:
    """Its statements were planned anew, twelve a heartbeat, so that ten thousand that fell silent together, as they do
    when a network fails, were reported over half an hour."""
    clock = Clock(superuser)
    _plans(superuser, clock, 20)  # and the plans that are kept
    of_20 = _plans(superuser, clock, 0)
    assert _plans(superuser, clock, 40) - of_20 <= 3 * 40
