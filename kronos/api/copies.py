"""Documents from GET that are edited and sent back whole. Read-only fields are ignored if unchanged, and rejected
otherwise.

A body counts as such a copy if it contains a field that only GET returns. Values equal to the resource's current ones
are then no change, and each write is held to the version that the copy was compared with.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import TypeAlias

import orjson
from pydantic import BaseModel

from kronos import errors, reading
from kronos.alert_rows import AlertRule
from kronos.api.fields import is_timestamp, timestamp
from kronos.beats import Heartbeat
from kronos.calendar_terms import Calendar
from kronos.errors import Fault
from kronos.model import Config, Endpoint, Job, Json, JsonObject, PayloadSpec, Workspace
from kronos.quotas import Quotas
from kronos.records import dataclass
from kronos.retention import Retention
from kronos.server_time import CLOCK

_HINTS = {
    "version": "The resource has changed since: read it again, and edit that.",
    "status": "Pause, resume or cancel the job instead.",
    "status_reason": "Give it as the note when you pause the job.",
    "resume_at": "Give it as until when you pause the job.",
    "skip_next": "Skip ticks instead: the operation skip-next.",
    "name": "The name in the path identifies the resource and never changes.",
    "anchor_local": "Write it in anchor, without an offset.",
    "next_run_at": "It follows from the schedule.",
}
_MOVES = ("next_run_at", "last_run_at", "retained_from", "jobs_left", "health", "in_flight", "usage")
"""These change with time alone, while the copy is being edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The fields of a resource that only GET returns."""

    read_only: frozenset[str]

    def given(self, raw: JsonObject) -> JsonObject:
        """Return the read-only fields of a body; empty if the body is not a copy."""
        return {name: value for name, value in raw.items() if name in self.read_only}

    def writable(self, raw: JsonObject) -> JsonObject:
        """Return the other fields."""
        return {name: value for name, value in raw.items() if name not in self.read_only}

    def edited(self, raw: JsonObject, present: Mapping[str, Json]) -> JsonObject:
        """Return what the copy changes compared with the resource's current state. Raises Unprocessable for changed
        read-only fields."""
        faults = tuple(
            _fault(name, present.get(name))
            for name, value in self.given(raw).items()
            if not _is_as_it_was(name, value, present.get(name))
        )
        if faults:
            raise errors.Unprocessable.of(*faults)
        return {
            name: value for name, value in self.writable(raw).items() if not _same(value, present.get(name, _ABSENT))
        }


_ABSENT = object()
Row: TypeAlias = (
    AlertRule | Calendar | Config | Endpoint | Heartbeat | Job | PayloadSpec | Workspace | Retention | Quotas
)
"""A row that GET returns and a body changes."""


def kind_of(row: type, body: type[BaseModel]) -> Kind:
    """Return the fields of `row`, which GET returns, that `body` does not accept."""
    taken = {field.alias or name for name, field in body.model_fields.items()}
    return Kind(read_only=frozenset(field.name for field in fields(row)) - taken)


def shown(row: Row) -> JsonObject:
    """Return a row as GET returns it."""
    document: JsonObject = orjson.loads(orjson.dumps(row, reading.plain, orjson.OPT_UTC_Z))
    return document


def _is_as_it_was(name: str, told: Json, present: Json) -> bool:
    if _same(told, present):
        return True
    if name not in _MOVES:
        return False
    if name == "health":
        return isinstance(told, dict)
    if name == "jobs_left":
        return isinstance(told, int)
    if name in ("in_flight", "usage"):
        return told is None or isinstance(told, int if name == "in_flight" else dict)
    # The next run may have happened since, and the last run may be a later one.
    before, now = _instant(told), _instant(present)
    if name == "next_run_at":
        return before is not None and before <= CLOCK.now()
    return now is not None and (told is None or (before is not None and before <= now))


def _same(told: Json, present: object) -> bool:
    if present is _ABSENT:
        return False
    if (instant := _instant(told)) is not None:
        return instant == _instant(present)
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS) == orjson.dumps(present, option=orjson.OPT_SORT_KEYS)


def _instant(value: Json) -> datetime | None:
    return timestamp(value) if is_timestamp(value) else None


def _fault(name: str, present: Json) -> Fault:
    detail = f"it is read-only, and its current value is {orjson.dumps(present).decode()[:200]}"
    return Fault(pointer=f"/{name}", detail=detail, hint=_HINTS.get(name, "Omit it, or send it as GET returned it."))
