"""Offers an import's entries: compares them with the API, shows them, and writes them to a file or creates them."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import orjson

from kronos.cli import import_file
from kronos.cli.command import Api
from kronos.cli.exits import Exit
from kronos.cli.following import Stand, display, partly_done
from kronos.cli.import_previews import SCHEDULE, PreviewedSchedule, asked, previewed
from kronos.cli.output import printable
from kronos.counting import counted
from kronos.equality import is_same
from kronos.imports.translation import Found, Remark, Translated, Untranslated
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_PLACES: Final = 5
_BATCH = 200
_BATCH_BYTES = 512 * 1024
_COLUMNS: Final = {
    "source": "SOURCE",
    "name": "JOB",
    "schedule": "SCHEDULE",
    "zone": "ZONE",
    "words": "IN WORDS",
    "next_runs": "NEXT RUNS",
    "state": "IS",
}
_FEW: Final = 200
_LIVE: Final = ("ACTIVE", "PAUSED")
_INSTANTS: Final = ("anchor", "starts_at", "ends_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A job, its schedule in words, its next runs, and the existing job of its name, if any."""

    entry: Translated
    words: str
    next_runs: tuple[str, ...]
    there: JsonObject | None = None

    @property
    def differs(self) -> list[str]:
        """The fields in which the existing job differs."""
        if self.there is None:
            return []
        return sorted(name for name, value in self.entry.job.items() if not _is_same(name, value, self.there))

    @property
    def differs_in_ticks(self) -> list[str]:
        """Those of them that determine when the job runs."""
        return [name for name in self.differs if name in SCHEDULE]

    @property
    def state(self) -> str:
        """new; there, if the job exists; or differs, if it exists with other fields."""
        return "new" if self.there is None else "differs" if self.differs else "there"


def paused(each: Found) -> Found:
    """Return the entry, to be created paused. One-time jobs cannot be paused."""
    if not isinstance(each, Translated):
        return each
    if each.job["trigger"] == "DELAYED":
        reason = "--paused: a one-time job cannot be paused. Import it separately, without --paused"
        return Untranslated(where=each.where, text=each.text, reason=reason)
    return replace(each, is_paused=True)


def offered(api: Api, found: Sequence[Found], tag: str) -> tuple[list[Offered], list[Untranslated], list[Remark]]:
    """Return the jobs that can be created, the entries that cannot, and the remarks. Schedules that the API rejects, or
    that never fire, are left out. Raises ClickException if the API does not respond."""
    with display("schedules") as shown:
        return _offered(api, found, tag, lambda done: shown.show(Stand(done=done, total=len(found))))


def _offered(
    api: Api, found: Sequence[Found], tag: str, report: Callable[[int], None]
) -> tuple[list[Offered], list[Untranslated], list[Remark]]:
    there = _there(api, found, tag)
    refused = [each for each in found if isinstance(each, Untranslated)]
    offers: list[Offered] = []
    known: dict[bytes, PreviewedSchedule | str] = {}
    for nth, each in enumerate(found):
        report(nth)
        if not isinstance(each, Translated):
            continue
        if (why := _unsendable(each)) is not None:
            refused.append(Untranslated(where=each.where, text=each.text, reason=why))
            continue
        request = asked(each.job)
        key = orjson.dumps(request)
        if key not in known:
            known[key] = previewed(api, request)
        seen = known[key]
        if isinstance(seen, str):
            refused.append(Untranslated(where=each.where, text=each.text, reason=seen))
        else:
            entry = replace(each, notes=(*each.notes, *(note for note in seen.notes if note not in each.notes)))
            words, next_runs = seen.words, seen.next_runs
            if each.job["trigger"] == "DELAYED":
                words, next_runs = "Once", (f"{each.job['run_at']} {each.job['timezone']}",)
            offers.append(Offered(entry=entry, words=words, next_runs=next_runs, there=there.get(each.name)))
    return offers, refused, [each for each in found if isinstance(each, Remark)]


def _unsendable(each: Translated) -> str | None:
    """Return why the API would reject any document with this text, or this number, in it."""
    try:
        text = json.dumps([each.job, each.endpoint], ensure_ascii=False, allow_nan=False)
    except ValueError:
        return "a number in it is too large"
    if re.search(r"(?<!\\)(?:\\\\)*\\u0000", text):
        return "a text in it contains U+0000, which cannot be stored"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a text in it contains half a character (a lone surrogate)"
    try:
        orjson.dumps([each.job, each.endpoint])
    except TypeError:
        return "a number in it has more than 64 bits"
    return None


def _there(api: Api, found: Sequence[Found], tag: str) -> dict[str, JsonObject]:
    """Return the live jobs with these names. Those with the import's tag come from one list, a few others one by
    one."""
    there: dict[str, JsonObject] = {str(row["name"]): row for row in api.rows("jobs", status="LIVE", tag=tag)}
    others = [each.name for each in found if isinstance(each, Translated) and each.name not in there]
    if len(others) > _FEW:
        return {str(row["name"]): row for row in api.rows("jobs", status="LIVE")}
    for name in others:
        try:
            job = api.get("jobs", name, fields=("name", "status"))
        except click.ClickException as error:
            if error.exit_code != Exit.NOT_FOUND:
                raise
        else:
            if job["status"] in _LIVE:
                there[name] = job
    return there


def show(api: Api, offers: Sequence[Offered], refused: Sequence[Untranslated], remarks: Sequence[Remark]) -> None:
    """Print a table of the jobs, then notes, untranslated entries and remarks, each with its place in the source."""
    if api.as_json:
        click.echo(orjson.dumps(_document(offers, refused, remarks), option=orjson.OPT_INDENT_2))
        return
    if offers:
        api.list([_row(each) for each in offers], _COLUMNS, empty="")
    lines = [f"note  {_places(places)}: {note}" for note, places in _notes(offers).items()]
    lines += [f"left  {each.where}  {each.text}: {each.reason}" for each in refused]
    lines += [f"also  {each.where}  {each.text}" for each in remarks]
    new = sum(each.state == "new" for each in offers)
    lines.append(f"{len(offers)} translated, {new} of them new; {len(refused)} left")
    for line in lines:
        click.echo(printable(line), err=api.as_plain)


def _notes(offers: Sequence[Offered]) -> dict[str, list[str]]:
    """Return each note with the places that it applies to."""
    notes: dict[str, list[str]] = {}
    for each in offers:
        for note in each.entry.notes:
            notes.setdefault(note, []).append(each.entry.where)
        if each.state == "differs":
            said = f"exists with a different {', '.join(each.differs)}: left unchanged"
            notes.setdefault(said, []).append(each.entry.where)
    return notes


def _places(places: Sequence[str]) -> str:
    more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
    return ", ".join(places[:_PLACES]) + more


def _row(each: Offered) -> JsonObject:
    job = each.entry.job
    return {
        "source": each.entry.where,
        "name": each.entry.name,
        "schedule": job.get("cron") or job.get("every") or job.get("run_at"),
        "zone": None if "every" in job else job.get("timezone", "UTC"),
        "words": each.words,
        "next_runs": ", ".join(run.replace("T", " ")[:16] for run in each.next_runs),
        "state": f"{each.state}, paused" if each.entry.is_paused else each.state,
    }


def _document(offers: Sequence[Offered], refused: Sequence[Untranslated], remarks: Sequence[Remark]) -> JsonObject:
    return {
        "jobs": [
            {
                "source": each.entry.where,
                "state": each.state,
                "paused": each.entry.is_paused,
                "description": each.words,
                "next_runs": each.next_runs,
                "notes": each.entry.notes,
                "job": each.entry.job,
                "endpoint": each.entry.endpoint,
            }
            for each in offers
        ],
        "refused": [{"source": each.where, "text": each.text, "reason": each.reason} for each in refused],
        "remarks": [{"source": each.where, "text": each.text} for each in remarks],
    }


def write(path: Path, offers: Sequence[Offered], source: str) -> None:
    """Write the file for `kronos apply`. Raises ClickException if it exists, or cannot be written."""
    text = import_file.written([each.entry for each in offers], source)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} exists: pass another file, or remove it") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


@dataclass(slots=True, kw_only=True)
class Created:
    """How many jobs and endpoints an import has created so far."""

    jobs: int = 0
    endpoints: int = 0

    def __str__(self) -> str:
        jobs, endpoints = counted(self.jobs, "job"), counted(self.endpoints, "endpoint")
        return f"{jobs} and {endpoints}" if self.endpoints else jobs

    def until_stopped(self) -> AbstractContextManager[None]:
        """Return the context in which an error, or Ctrl-C, says what was created before, and how to continue."""
        left = "created {} before that. To continue, run the same command again: nothing is created twice"
        return partly_done(lambda: left.format(self), has_begun=lambda: bool(self.jobs or self.endpoints))


def make(api: Api, offers: Sequence[Offered]) -> tuple[Created, list[Untranslated]]:
    """Create missing endpoints and jobs. Return how many of each, and what could not be created. A job that is paused
    in its source has no tick before it is paused here. Raises ClickException, which says what was done before."""
    made = Created()
    with made.until_stopped():
        return made, _make(api, offers, made)


def _make(api: Api, offers: Sequence[Offered], made: Created) -> list[Untranslated]:
    without = make_endpoints(api, offers, made)
    failed: list[Untranslated] = []
    for each in offers:
        name = str(each.entry.job["endpoint"])
        if each.there is None and name in without:
            reason = f"its endpoint {name} cannot be created: {without[name]}"
            failed.append(Untranslated(where=each.entry.where, text=each.entry.name, reason=reason))
    new = [each for each in offers if each.there is None and each.entry.job["endpoint"] not in without]
    unmade = make_jobs(api, new, made)
    for each in offers:
        if each.there is not None and each.entry.is_paused and _is_held(each.there):
            _pause(api, each.entry)  # an interrupted import had created it
    return [*failed, *unmade]


def make_endpoints(api: Api, offers: Sequence[Offered], made: Created) -> dict[str, str]:
    """Create the missing endpoints of new jobs. Return those that could not be created, with the reason. Raises
    ClickException."""
    wanted = {
        str(each.entry.endpoint["name"]): each.entry.endpoint
        for each in offers
        if each.there is None and each.entry.endpoint is not None
    }
    there = {str(row["name"]) for row in api.rows("endpoints")} if wanted else set()
    without: dict[str, str] = {}
    missing = {name: body for name, body in wanted.items() if name not in there}
    for name, body in missing.items():
        try:
            api.send("POST", "endpoints", body=body)
        except click.ClickException as error:
            without[name] = "; ".join(error.message.splitlines())
        else:
            made.endpoints += 1
    return without


def make_jobs(api: Api, offers: Sequence[Offered], made: Created) -> list[Untranslated]:
    """Create these jobs. Return what could not be created. Raises ClickException."""
    failed: list[Untranslated] = []
    done = 0
    with display("jobs") as shown:
        for part in _parts(offers):
            failed += _make_part(api, part, made)
            done += len(part)
            shown.show(Stand(done=done, total=len(offers), failed=len(failed)))
    return failed


def _make_part(api: Api, part: Sequence[Offered], made: Created) -> list[Untranslated]:
    failed: list[Untranslated] = []
    bodies = [_held(each) for each in part]
    answers = api.send("POST", "jobs:batch", body={"jobs": bodies, "atomic": False}, fields=("data",))["data"]
    made.jobs += sum("job_id" in answer for answer in answers)
    for each, answer in zip(part, answers, strict=True):
        if "job_id" not in answer:
            why = str(answer.get("detail", "it was rejected"))
            failed.append(Untranslated(where=each.entry.where, text=each.entry.name, reason=why))
        elif each.entry.is_paused:
            _pause(api, each.entry)
    return failed


def _held(each: Offered) -> JsonObject:
    """Return the request for a job. A job to be paused gets its window only once it is paused."""
    if not each.entry.is_paused:
        return each.entry.job
    job = {name: value for name, value in each.entry.job.items() if name != "ends_at"}
    return {**job, "starts_at": import_file.NEVER}


def _is_held(there: JsonObject) -> bool:
    return str(there.get("starts_at") or "").startswith(import_file.NEVER[:10])


def _pause(api: Api, entry: Translated) -> None:
    """Pause a job that was created without ticks, and then give it its window."""
    api.send("POST", "jobs", entry.name, "pause", body={"note": "it was paused in the scheduler it was imported from"})
    window = {name: entry.job.get(name) for name in ("starts_at", "ends_at")}
    api.send("PATCH", "jobs", entry.name, body=window)


def _parts(offers: Sequence[Offered]) -> list[list[Offered]]:
    """Split the jobs into parts that fit into one request."""
    parts: list[list[Offered]] = []
    size = 0
    for each in offers:
        bytes_of = len(orjson.dumps(each.entry.job))
        if not parts or len(parts[-1]) == _BATCH or size + bytes_of > _BATCH_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(each)
        size += bytes_of
    return parts


def starting_at(each: Offered, at: datetime) -> Offered:
    """Return the same job, without ticks before `at`."""
    job = {**each.entry.job, "starts_at": at.isoformat().replace("+00:00", "Z")}
    return replace(each, entry=replace(each.entry, job=job))


def _is_same(name: str, value: Json, there: JsonObject) -> bool:
    """Return whether the existing job has the same value in this field."""
    if name in ("trigger", "tags", "idempotency_key"):
        return True
    found = there.get("run_at_local" if name == "run_at" else name)
    if name == "catch_up" and isinstance(found, dict):
        return all(found.get(key) == each for key, each in value.items())
    if name in _INSTANTS and isinstance(found, str):
        return datetime.fromisoformat(found) == datetime.fromisoformat(value)
    if name == "timezone" and there.get("every") is not None:
        return True
    return is_same(found, value)
