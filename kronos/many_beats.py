"""Create and change hundreds of heartbeats, as an apply does: read first, then store in one statement."""

from collections.abc import Mapping

import orjson
from psycopg.types.json import Jsonb

from kronos import beats, errors, schedules
from kronos.beats import Expectation
from kronos.database import WorkspaceView
from kronos.model import JsonObject
from kronos.records import dataclass
from kronos.schedules import AskedSchedule
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedStored:
    """The outcome for one of several heartbeats (put_beat)."""

    name: str
    outcome: str
    version: int | None


_SET = statement("heartbeats.set_heartbeats", NamedStored)


async def terms(view: WorkspaceView, wanted: Mapping[str, Expectation]) -> dict[str, JsonObject | errors.Unprocessable]:
    """Return what each is stored as, or why its schedule is rejected. Locks nothing. Raises DatabaseUnavailable."""
    asked = {name: AskedSchedule(text=each.schedule) for name, each in wanted.items() if each.schedule is not None}
    read = await schedules.read_all(view, list(asked.values()))
    found: dict[str, JsonObject | errors.Unprocessable] = {}
    for name, each in wanted.items():
        schedule = read[asked[name]] if name in asked else None
        if isinstance(schedule, errors.Unprocessable):
            found[name] = schedule
        else:
            found[name] = beats.terms_of(name, each, schedule)
    return found


async def put(view: WorkspaceView, stored_as: list[JsonObject]) -> None:
    """Store all of these, which `terms` made, or none if one is rejected. Pings of existing ones wait until the
    transaction ends. Raises Unprocessable (quota_exceeded), Conflict, DatabaseUnavailable."""
    if not stored_as:
        return
    given = [{"terms": each, "digest": beats.digest_of(beats.new_token()).hex()} for each in stored_as]
    for stored in await view.rows(_SET, {"given": Jsonb(given, dumps=orjson.dumps)}):
        if stored.outcome == "FULL":
            raise errors.Conflict("the workspace would have more than 10000 heartbeats: delete some first")
