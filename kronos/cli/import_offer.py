"""What an import does with what was found: it is held against the API and shown, then written to a file or made."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click
import orjson

from kronos.cli import import_file
from kronos.cli.command import Api, given
from kronos.cli.exits import Exit
from kronos.cli.following import Stand, display, left_to_the_server
from kronos.cli.output import printable
from kronos.imports.translation import Found, Remark, Translated, Untranslated
from kronos.model import Json, JsonObject

_RUNS: Final = 2
_PLACES: Final = 5
_BATCH = 200
_CUT_OFF: Final = "what was made stays, and the rest was not begun. To go on: the same command again"
_BATCH_BYTES = 512 * 1024
_SCHEDULE: Final = ("cron", "every", "anchor", "timezone", "dst_gap", "dst_overlap")
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
    """A job, its schedule in words, its next runs, and what is in the workspace under its name."""

    entry: Translated
    words: str
    next_runs: tuple[str, ...]
    there: JsonObject | None = None

    @property
    def differs(self) -> list[str]:
        """The fields in which the job that is there is another."""
        if self.there is None:
            return []
        return sorted(name for name, value in self.entry.job.items() if not _is_same(name, value, self.there))

    @property
    def differs_in_ticks(self) -> list[str]:
        """Those of them that say when it runs."""
        return [name for name in self.differs if name in _SCHEDULE]

    @property
    def state(self) -> str:
        """new, there, or there and different."""
        return "new" if self.there is None else "differs" if self.differs else "there"


def paused(each: Found) -> Found:
    """The same, to be made paused; a one-time job cannot be."""
    if not isinstance(each, Translated):
        return each
    if each.job["trigger"] == "DELAYED":
        reason = "--paused: a one-time job cannot be paused. Import it by itself, without"
        return Untranslated(where=each.where, text=each.text, reason=reason)
    return replace(each, is_paused=True)


def offered(api: Api, found: Sequence[Found], tag: str) -> tuple[list[Offered], list[Untranslated], list[Remark]]:
    """What can be made, what cannot, and what is to be known. A schedule that the API refuses, or that never comes, is
    refused. Raises ClickException where the API does not answer."""
    with display("schedules") as shown:
        return _offered(api, found, tag, lambda done: shown.show(Stand(done=done, total=len(found))))


def _offered(
    api: Api, found: Sequence[Found], tag: str, report: Callable[[int], None]
) -> tuple[list[Offered], list[Untranslated], list[Remark]]:
    there = _there(api, found, tag)
    refused = [each for each in found if isinstance(each, Untranslated)]
    offers: list[Offered] = []
    known: dict[bytes, tuple[str, tuple[str, ...]] | str] = {}
    for nth, each in enumerate(found):
        report(nth)
        if not isinstance(each, Translated):
            continue
        if (why := _unsendable(each)) is not None:
            refused.append(Untranslated(where=each.where, text=each.text, reason=why))
            continue
        if each.job["trigger"] == "DELAYED":
            when = f"{each.job['run_at']} {each.job['timezone']}"
            offers.append(Offered(entry=each, words="Once", next_runs=(when,), there=there.get(each.name)))
            continue
        asked = _asked(each.job)
        key = orjson.dumps(asked)
        if key not in known:
            known[key] = _previewed(api, asked)
        seen = known[key]
        if isinstance(seen, str):
            refused.append(Untranslated(where=each.where, text=each.text, reason=seen))
        else:
            offers.append(Offered(entry=each, words=seen[0], next_runs=seen[1], there=there.get(each.name)))
    return offers, refused, [each for each in found if isinstance(each, Remark)]


def _unsendable(each: Translated) -> str | None:
    """Why the API takes no document with this in it, whatever else is in it."""
    text = json.dumps([each.job, each.endpoint], ensure_ascii=False)
    if re.search(r"(?<!\\)(?:\\\\)*\\u0000", text):
        return "a text within holds U+0000, which cannot be stored"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a text within holds half of a character (a lone surrogate)"
    return None


def _there(api: Api, found: Sequence[Found], tag: str) -> dict[str, JsonObject]:
    """The live jobs of these names: those with the import's tag in one list, a few others one by one."""
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


def _asked(job: JsonObject) -> JsonObject:
    """What the API is asked of its schedule."""
    asked: JsonObject = {name: job[name] for name in _SCHEDULE if name in job} | {"count": _RUNS}
    if "starts_at" in job:
        before = datetime.fromisoformat(job["starts_at"]) - timedelta(seconds=1)
        asked["after"] = before.isoformat().replace("+00:00", "Z")
    return asked


def _previewed(api: Api, asked: JsonObject) -> tuple[str, tuple[str, ...]] | str:
    """The schedule in words and its next runs, or why there are none."""
    try:
        preview = api.of(None).send("POST", "schedules", "preview", body=asked, fields=("description", "next_runs"))
    except click.ClickException as error:
        if error.exit_code != Exit.USAGE:
            raise
        return "; ".join(line.removeprefix("hint: ") for line in error.message.splitlines())
    if not preview["next_runs"]:
        return f"it never comes: {preview['description']}"
    return str(preview["description"]), tuple(str(run["local"])[:19] for run in preview["next_runs"])


def show(api: Api, offers: Sequence[Offered], refused: Sequence[Untranslated], remarks: Sequence[Remark]) -> None:
    """A table of the jobs, then notes, refusals and remarks, each with its place in the source."""
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
    """Each note, with the places that it is of."""
    notes: dict[str, list[str]] = {}
    for each in offers:
        for note in each.entry.notes:
            notes.setdefault(note, []).append(each.entry.where)
        if each.state == "differs":
            said = f"is there with other {', '.join(each.differs)}: left as it is"
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
    """The file for `kronos apply`. Raises ClickException where it cannot be written, or is there."""
    text = import_file.written([each.entry for each in offers], source)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} is there: name another file, or remove it") from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


def make(api: Api, offers: Sequence[Offered]) -> tuple[int, int, list[Untranslated]]:
    """Makes the endpoints and the jobs that are not there: how many of both, and what could not be made. One that is
    paused in its source has no tick before it is paused here. Raises ClickException."""
    without, endpoints = make_endpoints(api, offers)
    failed: list[Untranslated] = []
    for each in offers:
        name = str(each.entry.job["endpoint"])
        if each.there is None and name in without:
            reason = f"its endpoint {name} cannot be made: {without[name]}"
            failed.append(Untranslated(where=each.entry.where, text=each.entry.name, reason=reason))
    new = [each for each in offers if each.there is None and each.entry.job["endpoint"] not in without]
    unmade = make_jobs(api, new)
    for each in offers:
        if each.there is not None and each.entry.is_paused and _is_held(each.there):
            _pause(api, each.entry)  # an import that was cut off had made it
    return len(new) - len(unmade), endpoints, [*failed, *unmade]


def make_endpoints(api: Api, offers: Sequence[Offered]) -> tuple[dict[str, str], int]:
    """Makes those that new jobs need and that are not there: which could not be made, with the reason, and how many
    were. Raises ClickException."""
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
    return without, len(missing) - len(without)


def make_jobs(api: Api, offers: Sequence[Offered]) -> list[Untranslated]:
    """Makes these jobs: what could not be made. Raises ClickException."""
    failed: list[Untranslated] = []
    done = 0
    with left_to_the_server(lambda: _CUT_OFF), display("jobs") as shown:
        for part in _parts(offers):
            failed += _make_part(api, part)
            done += len(part)
            shown.show(Stand(done=done, total=len(offers), failed=len(failed)))
    return failed


def _make_part(api: Api, part: Sequence[Offered]) -> list[Untranslated]:
    failed: list[Untranslated] = []
    bodies = [_held(each) for each in part]
    made = api.send("POST", "jobs:batch", body={"jobs": bodies, "atomic": False}, fields=("data",))
    for each, answer in zip(part, made["data"], strict=True):
        if "job_id" not in answer:
            why = str(answer.get("detail", "it was refused"))
            failed.append(Untranslated(where=each.entry.where, text=each.entry.name, reason=why))
        elif each.entry.is_paused:
            _pause(api, each.entry)
    return failed


def _held(each: Offered) -> JsonObject:
    """What is sent: a job that is to be paused has its window once it is."""
    if not each.entry.is_paused:
        return each.entry.job
    job = {name: value for name, value in each.entry.job.items() if name != "ends_at"}
    return {**job, "starts_at": import_file.NEVER}


def _is_held(there: JsonObject) -> bool:
    return str(there.get("starts_at") or "").startswith(import_file.NEVER[:10])


def _pause(api: Api, entry: Translated) -> None:
    """Pauses a job that was made without a tick, and gives it its window then."""
    api.send("POST", "jobs", entry.name, "pause", body={"note": "it was paused where it was imported from"})
    window = {name: entry.job.get(name) for name in ("starts_at", "ends_at")}
    api.send("PATCH", "jobs", entry.name, body=window)


def _parts(offers: Sequence[Offered]) -> list[list[Offered]]:
    """As many at a time as one request takes."""
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
    """The same job, without a tick before `at`."""
    job = {**each.entry.job, "starts_at": at.isoformat().replace("+00:00", "Z")}
    return replace(each, entry=replace(each.entry, job=job))


def _is_same(name: str, value: Json, there: JsonObject) -> bool:
    """Whether the job that is there has this field so."""
    if name in ("trigger", "tags", "idempotency_key"):
        return True
    found = there.get("run_at_local" if name == "run_at" else name)
    if name == "catch_up" and isinstance(found, dict):
        return all(found.get(key) == each for key, each in value.items())
    if name in _INSTANTS and isinstance(found, str):
        return datetime.fromisoformat(found) == datetime.fromisoformat(value)
    if name == "timezone" and there.get("every") is not None:
        return True
    return bool(found == value)


def counts(new: int, endpoints: int) -> str:
    """How many of each, in words."""
    said = given(
        jobs=f"{new} job{'' if new == 1 else 's'}",
        endpoints=f"{endpoints} endpoint{'' if endpoints == 1 else 's'}" if endpoints else None,
    )
    return " and ".join(map(str, said.values()))
