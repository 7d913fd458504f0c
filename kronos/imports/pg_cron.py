"""Rows of pg_cron's table cron.job: SQL commands on a schedule."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from kronos.imports import clocks, cron_fields, passwords
from kronos.imports.cron_fields import PG_CRON
from kronos.imports.names import Names, slug
from kronos.imports.translation import (
    Found,
    JobDraft,
    RefusedError,
    Remark,
    Terms,
    Translated,
    UnreadableError,
    Untranslated,
    endpoint_of,
    shown,
)
from kronos.model import Json, JsonObject
from kronos.records import dataclass

TAG: Final = "from-pg_cron"
LEFT: Final = "stays in pg_cron: pass --endpoint to create a job with the SQL as input"
_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SECONDS = re.compile(r"\s*([1-9]|[1-5][0-9])\s+seconds?\s*", re.IGNORECASE | re.ASCII)
_ONCE: Final[JsonObject] = {"max_attempts": 1, "retry_unknown": False}
_SPEC: Final[JsonObject] = {"timeout_ms": 900_000, "connect_timeout_ms": 5_000}
_FIELDS: Final = ("jobid", "schedule", "command", "database", "username", "active", "jobname")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of cron.job."""

    jobid: int
    schedule: str
    command: str
    database: str
    username: str
    active: bool
    jobname: str | None

    @property
    def is_ours(self) -> bool:
        """Whether Kronos created the row."""
        return (self.jobname or "").startswith("kronos:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How pg_cron reads its rows: `cron.timezone`, and whether both day fields must match
    (`cron.match_dom_and_dow`)."""

    timezone: str = "UTC"
    matches_both_days: bool = False


def entries_of(text: str) -> list[Entry]:
    """Return the rows of a file: `select json_agg(job) from cron.job job`, or one JSON row per line. Raises
    UnreadableError."""
    if text.lstrip().startswith("["):
        read = _read(text, 1)
    else:
        read = [_read(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not isinstance(read, list):
        raise UnreadableError("expected a list of rows of cron.job")
    return [_entry(number, row) for number, row in enumerate(read, 1)]


def _read(text: str, first: int) -> Json:
    """Return the JSON of a text that begins in this line of the file. Raises UnreadableError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"line {first + error.lineno - 1}: not valid JSON ({error.msg})") from None
    except (RecursionError, ValueError) as error:
        raise UnreadableError(f"line {first}: not valid JSON rows ({error})") from None


def _entry(number: int, row: Json) -> Entry:
    """Read one row. Raises UnreadableError."""
    if not isinstance(row, dict):
        raise UnreadableError(f"row {number}: not a row of cron.job")
    told = {"active": True, "jobname": None, **{name: row[name] for name in _FIELDS if name in row}}
    kinds = {"jobid": int, "active": bool, "jobname": str | None}
    for name in _FIELDS:
        if name not in told or not isinstance(told[name], kinds.get(name, str)):
            raise UnreadableError(f"row {number}: {name} is missing or has the wrong type")
    return Entry(**told)


def translate(entries: Sequence[Entry], reading: Reading, terms: Terms) -> Iterator[Found]:
    """Yield each entry as a job with its SQL as input, or untranslated. Kronos's own entries are counted and
    skipped."""
    names = Names(terms.prefix)
    if ours := sum(entry.is_ours for entry in entries):
        yield Remark(
            where="cron.job", text=f"{ours} {'entry belongs' if ours == 1 else 'entries belong'} to Kronos's own jobs"
        )
    zone = clocks.zone_of(reading.timezone)
    for entry in entries:
        if entry.is_ours:
            continue
        where = f"jobid {entry.jobid}"
        try:
            yield _translated(where, entry, reading, zone, terms, names)
        except RefusedError as error:
            yield Untranslated(where=where, text=_shown(entry), reason=str(error))


def _translated(where: str, entry: Entry, reading: Reading, zone: str, terms: Terms, names: Names) -> Translated:
    """Translate one entry. Raises RefusedError."""
    draft = JobDraft({"name": "", "endpoint": terms.endpoint, "trigger": "CRON"})
    if found := _SECONDS.fullmatch(entry.schedule):
        draft.job |= {"every": f"{found[1]}s", "overlap": "SKIP"}
        draft.note(
            "pg_cron counts the seconds from its start, Kronos from the job's creation; the interval is the same"
        )
    else:
        read = cron_fields.read(_fields_of(entry.schedule, reading), PG_CRON)
        draft.job |= {"cron": read.text, "timezone": zone, **clocks.follows_clock(read, zone), "overlap": "QUEUE"}
        draft.note("pg_cron queues all runs that overlap; QUEUE lets one wait and skips the others")
    if terms.endpoint is None:
        raise RefusedError(LEFT)
    draft.job |= {
        "name": names.take(_name(entry), f"{entry.jobid} {entry.schedule} {entry.command}"),
        "catch_up": {"policy": "SKIP"},
        "input": {"sql": entry.command, "database": entry.database, "username": entry.username},
        "tags": [TAG],
    }
    if passwords.place_in(entry.command) is not None:
        draft.note(
            "the SQL seems to contain a password, which anyone who sees payloads can read: keep it in the database"
        )
    if not entry.active:
        draft.note("the entry is not active: the job is created paused")
    made = endpoint_of(terms.url, terms.endpoint, spec=_SPEC, retry_policy=_ONCE) if terms.url else None
    return Translated(
        where=where,
        text=_shown(entry),
        job=draft.job,
        endpoint=made,
        is_paused=not entry.active,
        notes=tuple(draft.notes),
    )


def _fields_of(schedule: str, reading: Reading) -> list[str]:
    """Return the five fields. Raises RefusedError."""
    text = schedule.strip()
    if text in ("@reboot", "@restart"):
        raise RefusedError(f"{text} has no time: it runs when PostgreSQL starts")
    fields = (_MACROS.get(text.lower(), text)).split()
    if reading.matches_both_days and len(fields) == 5 and "*" not in (fields[2][:1], fields[4][:1]):
        raise RefusedError("cron.match_dom_and_dow is on: in Kronos, a day that matches either day field would match")
    return fields


def _name(entry: Entry) -> str:
    """Return the entry's own name, or one from the first words of its command."""
    if entry.jobname and slug(entry.jobname):
        return entry.jobname
    words = re.findall(r"[A-Za-z_][\w.]*", re.sub(r"'[^']*'|--[^\n]*", " ", entry.command[:2000]))
    return "-".join(words[:3])[:48] or f"pg_cron-{entry.jobid}"


def _shown(entry: Entry) -> str:
    return shown(f"{entry.schedule}  {entry.jobname or ''}")
