"""The ticks of a translated job, from the only interpreter, kronos.next_tick."""

from datetime import UTC, datetime

import psycopg

from kronos.model import JsonObject

Connection = psycopg.Connection[tuple[object, ...]]
_CHAIN = """
    with recursive read as (
        select kronos.read_schedule(%(cron)s, %(every)s, %(anchor)s, %(timezone)s, %(gap)s, %(overlap)s) as schedule),
    tick(at) as (
        select kronos.next_tick(schedule, %(begin)s::timestamptz - interval '1 us') from read
        union all
        select kronos.next_tick(schedule, at) from tick, read where at < %(end)s)
    select at from tick where at < %(end)s"""


def ticks(connection: Connection, job: JsonObject, begin: datetime, end: datetime) -> list[datetime]:
    """All of them from `begin` up to `end`."""
    given = {
        "cron": job.get("cron"),
        "every": job.get("every"),
        "anchor": job.get("anchor"),
        "timezone": job.get("timezone", "UTC"),
        "gap": job.get("dst_gap", "SHIFT"),
        "overlap": job.get("dst_overlap", "FIRST"),
        "begin": begin,
        "end": end,
    }
    found = [row[0] for row in connection.execute(_CHAIN, given).fetchall()]
    return [at.astimezone(UTC) for at in found if isinstance(at, datetime)]
