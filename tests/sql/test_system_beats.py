"""The numbers of heartbeats and incidents, for /metrics."""

from datetime import UTC, datetime, timedelta
from typing import Any

from alert_rows import add_incident
from beat_rows import make_beat, ping, turn
from factory import add_endpoint
from kronos import gauges
from kronos.gauges import BeatCounts
from kronos.metrics import instance
from moved_clock import MovedClock
from sql_factory import Connection, records, value

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def counted(connection: Connection, most: int = 10_000) -> dict[str, Any]:
    (row,) = records(connection, "select * from kronos.system_beats(%s)", [most])
    return dict(row)


def test_each_heartbeat_is_counted_once_as_it_is_and_shown(superuser: Connection) -> None:
    """In the state that the API shows for it."""
    clock = MovedClock(superuser)
    assert counted(superuser) == {"states": {}, "unaccounted_seconds": 0, "incidents": {}}
    clock.stand(NOON - 61 * MINUTE)
    workspace = add_endpoint(superuser).workspace_id
    beats = [make_beat(superuser, workspace, cron="0 * * * *", grace_seconds=600) for _ in range(6)]
    up, down, running, late, paused, unknown = beats
    make_beat(superuser, workspace, cron="0 0 * * *")
    gone = make_beat(superuser, workspace, cron="0 * * * *")
    superuser.execute("update kronos.beats set deleted_at = now() where heartbeat_id = %s", [gone.heartbeat_id])
    clock.stand(NOON - 60 * MINUTE)
    for beat in (up, down, running, late):
        ping(superuser, beat)
    clock.stand(NOON + MINUTE)
    ping(superuser, up)
    ping(superuser, down, "FAIL")
    ping(superuser, running, "START")
    turn(superuser, paused, "PAUSED")
    superuser.execute(
        "update kronos.beat_pointers set last_status = 'UNKNOWN', next_tick_at = %s, due_at = %s"
        " where heartbeat_id = %s",
        [NOON + 60 * MINUTE, NOON + 70 * MINUTE, unknown.heartbeat_id],
    )
    superuser.execute(
        "update kronos.beat_pointers set due_at = 'infinity' where heartbeat_id = %s", [gone.heartbeat_id]
    )
    shown = "select lower(state) as state, count(*) as number from kronos.heartbeat_details group by 1"
    found = counted(superuser)
    states = {"up": 1, "down": 1, "running": 1, "late": 1, "paused": 1, "unknown": 1, "new": 1}
    assert found["states"] == {row["state"]: row["number"] for row in records(superuser, shown)} == states
    assert found["unaccounted_seconds"] == 0
    assert sum(counted(superuser, 3)["states"].values()) == 3
    clock.stand(NOON + 15 * MINUTE)  # `late` has been due since ten minutes past noon
    assert counted(superuser)["unaccounted_seconds"] == 300


def test_open_incidents_are_counted_by_severity_and_every_label_is_there(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    slug = value(superuser, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id])
    for _ in range(2):
        add_incident(superuser, slug)
    over = add_incident(superuser, slug)
    superuser.execute(
        "update kronos.incidents set status = 'RESOLVED', resolved_at = now(), resolution = 'RECOVERED'"
        " where incident_id = %s",
        [over],
    )
    found = counted(superuser)
    assert found["incidents"] == {"error": 2}
    shown = list(gauges._of_beats(BeatCounts(**found)))
    assert [each.labels for each in shown if each.metric is instance.INCIDENTS] == [
        ("info",), ("warning",), ("error",), ("critical",),
    ]  # fmt: skip
    assert [each.value for each in shown if each.metric is instance.INCIDENTS] == [0, 0, 2, 0]
    assert [each.value for each in shown if each.metric is instance.HEARTBEATS] == [0] * instance.HEARTBEATS.most
