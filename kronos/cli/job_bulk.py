"""`kronos job create-many|bulk`: create or change many jobs with one command, over the API."""

import shlex
import sys
import uuid
from collections.abc import Sequence
from dataclasses import field
from functools import partial

import click

from kronos.cli.command import Api, JsonText, command, given
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.exits import Ended
from kronos.cli.following import Stand, display, partly_done, patiently, watch_option, whole
from kronos.cli.inputs import IdempotencyKey
from kronos.cli.job import job
from kronos.cli.operation import OPERATION
from kronos.counting import counted, plural
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_MADE = {
    "job_id or code": "JOB",
    "name": "NAME",
    "trigger": "TRIGGER",
    "status": "STATUS",
    "endpoint": "ENDPOINT",
    "next_run_at or run_at": "NEXT RUN",
    "detail": "WHY NOT",
}
_REFUSED = {"job": "JOB", "code": "CODE", "detail": "WHY NOT"}
_MOST = 500
_STEP = ("done", "refused", "next_cursor")
_DONE = {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "trigger": "triggered"}


@command(job)
@click.option(
    "--jobs",
    required=True,
    type=JsonText(),
    help="A JSON array of up to 1,000 jobs, each as in POST …/jobs: JSON, @FILE, or - for standard input.",
)
@click.option("--each", is_flag=True, help="Create every job that is valid.  [default: all or none]")
def create_many(api: Api, jobs: Json, each: bool) -> None:
    """Create many jobs in one request. If each has an idempotency_key, the request can be repeated.

    kronos job create-many --jobs '[{"endpoint": "hook", "trigger": "IMMEDIATE", "input": {"id": 7}}]'
    """
    answer = api.send("POST", "jobs:batch", body=given(jobs=jobs, atomic=not each), fields=("data",))
    rows = api.rows_of(answer, "data")
    api.list(rows, _MADE, empty="no job was created")
    if refused := sum("code" in row for row in rows):
        raise Ended(f"{refused} of {counted(len(rows), 'job')} {plural(refused, 'was', 'were')} not created")


@dataclass(slots=True, kw_only=True)
class _Sum:
    """Running totals of a bulk's steps."""

    done: int = 0
    refused: list[JsonObject] = field(default_factory=list)


@command(job)
@click.argument("action", type=click.Choice(list(_DONE), case_sensitive=False))
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--endpoint", help="Only jobs of this endpoint.")
@click.option(
    "--trigger",
    type=click.Choice(["IMMEDIATE", "DELAYED", "CRON"], case_sensitive=False),
    help="Only jobs with this trigger.",
)
@click.option("--status", help="Only jobs in this status, such as ACTIVE.")
@click.option("--tag", help="Only jobs with this tag.")
@click.option("--search", "q", help="Only jobs whose name or endpoint name contains this text.")
@click.option("--created-after", help="Only jobs created after this time, such as 2026-12-01T00:00:00Z.")
@click.option("--created-before", help="Only jobs created before this time.")
@click.option("--all", "everything", is_flag=True, help="All jobs of the workspace.")
@click.option("--dry-run", is_flag=True, help="Only count the jobs.")
@click.option("--note", help="pause: reason, recorded for later.")
@click.option("--until", "pause_until", help="pause: when the jobs resume automatically.")
@click.option(
    "--per-second", type=click.IntRange(1, 10_000), help="With a filter: change at most this many jobs per second."
)
@watch_option
@click.option(
    "--idempotency-key",
    help="With a filter: the same key starts only one operation. With named jobs to trigger: no job runs twice.",
)
@confirmed
def bulk(
    api: Api,
    action: str,
    jobs: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    consent: Consent,
    watch: bool | None,
    idempotency_key: str | None,
    **given_terms: Json,
) -> None:
    """Pause, resume, cancel or trigger many jobs. Name the jobs, or select them with filters.

    kronos job bulk pause --tag reports --note migration --dry-run

    kronos job ls --tag old --json | jq -r '.[].job_id' | kronos job bulk cancel - --confirm 17

    The command itself changes named jobs. A filter starts an operation on the server, which continues without the
    command: kronos operation ls.

    Cancelling cannot be undone: pass the number of jobs to --confirm. --dry-run prints that number.
    """
    terms = given(**{name: given_terms.pop(name) for name in ("note", "pause_until")})
    per_second = given_terms.pop("per_second")
    which = given(**given_terms)
    if bool(jobs) + bool(which) + everything != 1:
        raise click.UsageError("which jobs? Name them, or pass filters such as --tag reports, or --all")
    if jobs and (watch is not None or per_second is not None):
        raise click.UsageError("--watch and --per-second need filters: the command itself changes named jobs")
    if jobs and idempotency_key is not None and action != "trigger":
        raise click.UsageError("--idempotency-key needs trigger: the other actions can be repeated without it")
    named = _named(jobs)
    bodies = [{"action": action, **terms, "jobs": named[at : at + _MOST]} for at in range(0, len(named), _MOST)]
    if not jobs:
        bodies = [{"action": action, **terms, "filter": which}]
    found = {"count": len(named), "is_more": False} if named and not dry_run else _counted(api, bodies)
    if not found["count"]:
        api.require_named(which)
    if dry_run:
        api.say(f"{_shown(found)} would be {_DONE[action]}", found)
        return
    if action == "cancel":
        consent.require(f"cancel the jobs, a total of{' more than' if found['is_more'] else ''}", str(found["count"]))
    if not jobs:
        body = {**bodies[0], **given(per_second=per_second)}
        _begin(api, body, found, idempotency_key, watch)
        return
    if action == "trigger":
        key = idempotency_key or uuid.uuid4().hex
        bodies = [{**body, "idempotency_key": key} for body in bodies]
    _say(api, action, _steps(api, action, bodies, whole(found, "count")))


def _begin(api: Api, body: JsonObject, found: JsonObject, key: str | None, watch: bool | None) -> None:
    """Start an operation over at most as many jobs as were counted. Raises ClickException."""
    at_most = None if found["is_more"] else whole(found, "count")
    header = None if key is None else IdempotencyKey().convert(key, None, None)
    body = {**body, **given(at_most=at_most)}
    begun = api.send("POST", "operations", body=body, key=header, fields=("status", "operation_id"))
    OPERATION.begun(api, begun, watch)


def _counted(api: Api, bodies: Sequence[JsonObject]) -> JsonObject:
    """Count the jobs that would change. Raises ClickException."""
    count, is_more = 0, False
    for body in bodies:
        trial = {**body, "validate_only": True}
        ask = partial(api.send, "POST", "jobs:bulk", body=trial, fields=("count", "is_more"))
        found: JsonObject = patiently(ask, is_first=True)
        count, is_more = count + whole(found, "count"), is_more or bool(found["is_more"])
    return {"count": count, "is_more": is_more}


def _steps(api: Api, action: str, bodies: Sequence[JsonObject], expected: int) -> _Sum:
    """Send the steps one by one. Each can be repeated, and Ctrl-C stops between two of them. Raises ClickException,
    which says what was done before."""
    total = _Sum()
    with partly_done(lambda: _left(action, total, bodies[0])), display(f"{action} jobs") as shown:
        for body in bodies:
            cursor: Json = None
            while True:
                step = partial(api.send, "POST", "jobs:bulk", body={**body, **given(cursor=cursor)}, fields=_STEP)
                answer: JsonObject = patiently(step)
                total.done += whole(answer, "done")
                total.refused += api.rows_of(answer, "refused")
                cursor = answer["next_cursor"]
                is_last = cursor is None and body is bodies[-1]
                done, refused = total.done + len(total.refused), len(total.refused)
                shown.show(Stand(done=done, total=expected, failed=refused), is_last=is_last)
                if cursor is None:
                    break
    return total


def _left(action: str, total: _Sum, body: JsonObject) -> str:
    key = body.get("idempotency_key")
    same = "the same command" if key is None else f"the same command with --idempotency-key {shlex.quote(str(key))}"
    return f"{_done(action, total)}. To continue, run {same}: nothing is done twice"


def _named(jobs: tuple[str, ...]) -> list[str]:
    """Return the named jobs; `-` reads names from standard input, one per line. Raises UsageError."""
    named = []
    for each in jobs:
        named += _piped() if each == "-" else [each]
    if jobs and not named:
        raise click.UsageError("standard input names no job: write one per line")
    return named


def _piped() -> list[str]:
    if sys.stdin is None:
        raise click.UsageError("standard input is closed: name the jobs as arguments")
    return sys.stdin.read().split()


def _shown(found: JsonObject) -> str:
    return f"{'more than ' if found['is_more'] else ''}{counted(whole(found, 'count'), 'job')}"


def _done(action: str, total: _Sum) -> str:
    return f"{counted(total.done, 'job')} {'is' if total.done == 1 else 'are'} {_DONE[action]}"


def _say(api: Api, action: str, total: _Sum) -> None:
    document = {"action": action, "done": total.done, "refused": total.refused}
    api.say(_done(action, total), document)
    if total.refused:
        if not api.as_json:
            api.list(total.refused, _REFUSED, empty="")
        was = "was" if len(total.refused) == 1 else "were"
        raise Ended(f"{counted(len(total.refused), 'job')} {was} refused")
