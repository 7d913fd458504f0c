"""`kronos lint`: check schedules and jobs for errors and surprises, with the API's own rules."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Literal

import click
from rich.text import Text

from kronos.cli.client import printable
from kronos.cli.command import Api, command, given
from kronos.cli.exits import Exit
from kronos.cli.following import Stand, display, may_pass, patiently
from kronos.cli.output import console
from kronos.cli.schedule_texts import kind_of
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_TERMS = ("cron", "every", "anchor", "timezone", "dst_gap", "dst_overlap")
_RUNS = 1
_PLAIN = {name: name for name in ("severity", "of", "pointer", "message", "hint")}
_STYLES = {"error": "bold red", "warning": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """One error or surprise: in what, in which field, and what to write instead."""

    of: str
    severity: Literal["error", "warning"]
    pointer: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One schedule to check, as terms or a sentence, and whose it is."""

    of: str
    body: JsonObject


@command(None, in_workspace=None)
@click.argument("schedules", nargs=-1, metavar="[SCHEDULE]...")
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="File with jobs as JSON, or with one schedule per line; - for standard input.",
)
@click.option("--tz", "timezone", help="Time zone of schedules given as text.  [default: UTC]")
def lint(api: Api, schedules: tuple[str, ...], path: str | None, timezone: str | None) -> None:
    """Check schedules and jobs.

    Reports errors, and warns of what may surprise, in the given schedules or jobs, or in all jobs of a workspace.

    kronos lint '30 2 * * *' --tz Europe/Berlin

    kronos lint -f jobs.json

    kronos job ls --json | kronos lint -f -

    A schedule is a cron expression, an interval or a sentence. Exits with 1 if there are errors; warnings are not
    errors.
    """
    if schedules and path is not None:
        raise click.UsageError("schedules and --file are both given: pass only one of the two")
    if not schedules and path is None and api.workspace is None:
        raise click.UsageError("nothing to check: pass a schedule, a --file, or a workspace with -w")
    api.of(None).get("me")  # raises if the key is rejected: later rejections concern the schedules
    if schedules:
        found = list(_of_schedules(api, schedules, timezone))
    elif path is not None:
        found = list(_of_file(api, path, timezone))
    else:
        found = list(_of_workspace(api))
    _show(api, found)
    if any(each.severity == "error" for each in found):
        sys.exit(Exit.FAILED)


def _of_schedules(api: Api, texts: Iterable[str], timezone: str | None) -> Iterator[Lint]:
    for text in texts:
        kind = kind_of(text)
        yield from _judged(api, _Asked(of=text, body=given(**{kind: text}, timezone=timezone, count=_RUNS)))


def _of_file(api: Api, path: str, timezone: str | None) -> Iterator[Lint]:
    """Check a file of jobs, or of schedules. Raises UsageError."""
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from None
    if not text.lstrip().startswith(("{", "[")):
        lines = (line.strip() for line in text.splitlines())
        yield from _of_schedules(api, [line for line in lines if line and not line.startswith("#")], timezone)
        return
    for number, job in enumerate(_jobs_of(text, path)):
        of = str(job.get("name") or f"job {number + 1}")
        is_new = "job_id" not in job
        faults = list(_faults(of, job)) if is_new else []
        yield from faults
        if not any(fault.pointer.strip("/") in _TERMS for fault in faults):
            yield from _of_job(api, of, job)


def _jobs_of(text: str, path: str) -> list[JsonObject]:
    from kronos import errors  # imported here, so that checking a schedule does not load the API
    from kronos.api.body import strict

    try:
        found: Json = strict(text)
    except errors.InvalidRequest as error:
        raise click.UsageError(f"{path} is not valid JSON: {error.detail}") from None
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{path} is not valid JSON: {error}") from None
    jobs = found.get("jobs", [found]) if isinstance(found, dict) else found
    if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
        raise click.UsageError(f"{path} contains no jobs: write a job, a list of jobs, or an object with a list `jobs`")
    return jobs


def _faults(of: str, job: JsonObject) -> Iterator[Lint]:
    """Yield what the API would reject in a new job, by the API's own model."""
    from pydantic import ValidationError

    from kronos.api.job_schemas import JobCreate
    from kronos.api.validation import faults_of

    try:
        JobCreate.model_validate(job)
    except ValidationError as error:
        for fault in faults_of(error, JobCreate):
            yield Lint(of=of, severity="error", pointer=fault.pointer, message=fault.detail, hint=fault.hint)


def _of_job(api: Api, of: str, job: JsonObject) -> Iterator[Lint]:
    """Check the schedule of a job, if it has one."""
    if terms := _terms(job):
        yield from _judged(api, _Asked(of=of, body={**terms, "count": _RUNS}))


def _terms(job: JsonObject) -> JsonObject:
    if not isinstance(job.get("cron") or job.get("every"), str):
        return {}
    anchor = job.get("anchor_local") or job.get("anchor")
    terms: JsonObject = given(**{**{name: job.get(name) for name in _TERMS}, "anchor": anchor})
    return terms


def _of_workspace(api: Api) -> Iterator[Lint]:
    """Check the live CRON jobs. Each distinct schedule is checked once, however many jobs have it."""
    alike: dict[tuple[tuple[str, str], ...], tuple[JsonObject, list[str]]] = {}
    for job in api.rows("jobs", trigger="CRON", status="LIVE"):
        terms = _terms(job)
        key = tuple(sorted((name, str(value)) for name, value in terms.items()))
        alike.setdefault(key, (terms, []))[1].append(str(job.get("name") or job.get("job_id")))
    with display("schedules") as shown:
        for number, (terms, names) in enumerate(alike.values(), 1):
            of = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
            yield from _judged(api, _Asked(of=of, body={**terms, "count": _RUNS}))
            shown.show(Stand(done=number, total=len(alike)))
    yield from _of_load(api)


def _of_load(api: Api) -> Iterator[Lint]:
    """Warn if a coming minute has more runs than pg_cron can ring for."""
    load = api.get("load", fields=("busiest", "pg_cron_per_minute"))
    most = load["pg_cron_per_minute"]
    for minute in api.rows_of(load, "busiest")[:1]:
        if isinstance(most, int) and isinstance(minute.get("runs"), int) and minute["runs"] > most:
            yield Lint(
                of=f"minute {minute['at']}",
                severity="warning",
                pointer="",
                message=f"{minute['runs']:,} runs are due in one minute, and pg_cron can ring for {most:,} per minute",
                hint=f"Spread them: `kronos load --at {minute['at']}`.",
            )


def _judged(api: Api, asked: _Asked) -> Iterator[Lint]:
    """Yield the API's lints for one schedule. Raises ClickException if the API does not respond."""
    is_sentence = "sentence" in asked.body
    instance = api.of(None)
    ask = partial(instance.send, "POST", "schedules", "parse" if is_sentence else "preview", body=asked.body)
    try:
        answer: Json = patiently(ask)
    except click.ClickException as error:
        if may_pass(error):
            raise
        yield _refused(asked, error.message)
        return
    preview = answer.get("preview") if is_sentence and isinstance(answer, dict) else answer
    lints = preview.get("lints") if isinstance(preview, dict) else None
    if not isinstance(lints, list):
        raise api.client.foreign("is not a preview of a schedule")
    for each in lints:
        yield Lint(of=asked.of, severity="warning", pointer="", message=str(each))


def _refused(asked: _Asked, message: str) -> Lint:
    """Turn the API's error into a lint. It begins with the field, and may end with hints."""
    first, *more = message.splitlines()
    found = re.match(r"(?:field )?(/\w+): ", first)
    hint = next((line.removeprefix("hint: ") for line in more if line.startswith("hint: ")), None)
    pointer, said = (found[1], first[found.end() :]) if found else ("", first)
    return Lint(of=asked.of, severity="error", pointer=pointer, message=said, hint=hint)


def _show(api: Api, found: Sequence[Lint]) -> None:
    if api.as_json:
        api.list([asdict(each) for each in found], {}, empty="")
        return
    if api.as_plain:
        api.list([asdict(each) for each in found], _PLAIN, empty="")
        return
    to = console()
    for each in found:
        at = f" {each.pointer}" if each.pointer else ""
        line = Text.assemble((f"{each.severity:<7}", _STYLES[each.severity]), f"  {printable(each.of)}{at}: ")
        to.print(line + Text(printable(each.message)))
        if each.hint:
            to.print(Text(f"         {printable(each.hint)}", style="dim"))
    if not found:
        click.echo("no errors or warnings", err=True)
