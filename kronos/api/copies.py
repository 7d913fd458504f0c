"""A document that GET gave, edited and sent back whole: what of it cannot be changed is ignored where it is as it was,
else refused.

A body is such a copy where it holds a field that only GET gives. Then what is equal to the resource as it is now is no
change, and each write is held to the version that the rest was compared with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
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
from kronos.retention import Retention
from kronos.server_time import CLOCK

_HINTS = {
    "version": "It has been changed since: read it again, and edit that.",
    "status": "POST …/pause, …/resume, or DELETE change it.",
    "status_reason": "POST …/pause takes a note.",
    "resume_at": "POST …/pause takes it as until.",
    "skip_next": "POST …/skip-next changes it.",
    "name": "It is the name in the path, and never changes.",
    "anchor_local": "Write it in anchor, without an offset.",
    "next_run_at": "It follows from the schedule.",
}
_MOVES = ("next_run_at", "last_run_at", "retained_from", "jobs_left", "health", "in_flight", "usage")
"""Time alone moves them on while somebody edits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A resource's fields that only GET gives."""

    read_only: frozenset[str]

    def given(self, raw: JsonObject) -> JsonObject:
        """Those of a body; empty where it is no copy."""
        return {name: value for name, value in raw.items() if name in self.read_only}

    def writable(self, raw: JsonObject) -> JsonObject:
        """The others."""
        return {name: value for name, value in raw.items() if name not in self.read_only}

    def edited(self, raw: JsonObject, present: Mapping[str, Json]) -> JsonObject:
        """What the copy changes of the resource as GET gives it now. Raises Unprocessable for what cannot be
        changed."""
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
"""What GET gives, and a body changes."""


def kind_of(row: type, body: type[BaseModel]) -> Kind:
    """The fields of `row`, which GET answers, that `body` does not take."""
    taken = {field.alias or name for name, field in body.model_fields.items()}
    return Kind(read_only=frozenset(field.name for field in fields(row)) - taken)


def shown(row: Row) -> JsonObject:
    """A row as GET gives it."""
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
    # What was to come has come, and what ran last has run again.
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
    detail = f"it cannot be changed here, and is {orjson.dumps(present).decode()[:200]}"
    return Fault(pointer=f"/{name}", detail=detail, hint=_HINTS.get(name, "Leave it out, or send it as GET gives it."))
