"""`kronos job …`: create, change, inspect and run jobs, over the API."""

import click

from kronos.cli.backfill import BACKFILL
from kronos.cli.command import Api, IdempotencyKey, JsonText, command, given, group, options
from kronos.cli.confirmation import Consent, confirmed
from kronos.cli.following import watch_option
from kronos.model import Json, JsonObject

_FIELDS = (
    "name",
    "title",
    "job_id",
    "endpoint",
    "trigger",
    "status",
    "status_reason",
    "version",
    "cron",
    "every",
    "anchor_local",
    "timezone",
    "description",
    "run_at",
    "starts_at",
    "ends_at",
    "max_runs",
    "spread",
    "offset_seconds",
    "skip_next",
    "resume_at",
    "next_run_at",
    "last_run_at",
    "pg_cron",
    "input",
    "priority",
    "tags",
    "execution",
    "on_success",
    "on_failure",
    "deadline_seconds",
    "calendars",
    "on_blackout",
)
_COLUMNS = {
    "name": "NAME",
    "job_id": "JOB",
    "trigger": "TRIGGER",
    "status": "STATUS",
    "endpoint": "ENDPOINT",
    "next_run_at or run_at": "NEXT RUN",
    "timezone": "ZONE",
    "description": "DESCRIPTION",
}
_LIVE = ("ACTIVE", "PAUSED")
_Choice = click.Choice
# Fields of a CRON job that can be cleared.
_CLEARED = (
    "name",
    "title",
    "starts-at",
    "ends-at",
    "max-runs",
    "deadline-seconds",
    "spread",
    "on-success",
    "on-failure",
)
# Fields that mean something only when the other field is set.
_OF = {"on_blackout": "calendars", "offset_seconds": "offset_seconds"}


def _show(api: Api, job: Json) -> None:
    """Print a job. In the form for people, fields that would say nothing are left out."""
    is_whole = api.as_plain or not isinstance(job, dict)
    api.show(job, [field for field in _FIELDS if is_whole or field not in _OF or job.get(_OF[field])])


clear_option = click.option(
    "--clear", multiple=True, type=_Choice(_CLEARED, case_sensitive=False), help="Clear this field; repeatable."
)
offset_option = click.option(
    "--offset-seconds", type=int, help="How many seconds each run is moved, within the job's spread."
)


@group
def job() -> None:
    """Jobs: what to deliver, to which endpoint, and when."""


job_terms = options(
    click.option("--title", help="Display name: one line of any text."),
    click.option("--endpoint", help="Name of the endpoint to deliver to."),
    click.option("--cron", help="A cron expression of five fields, such as '0 9 * * 1'."),
    click.option("--every", help="An interval, such as 90m, 2w or 1mo, instead of --cron."),
    click.option("--anchor", help="The instant that --every counts from."),
    click.option(
        "--tz", "timezone", help="Time zone of the schedule, such as Europe/Berlin; new jobs use UTC by default."
    ),
    click.option(
        "--input",
        "input_",
        type=JsonText(),
        help="Input that fills the endpoint's templates: JSON, @FILE, or - for standard input.",
    ),
    click.option("--starts-at", help="No ticks before this time."),
    click.option("--ends-at", help="No ticks from this time on."),
    click.option(
        "--deadline-seconds", type=int, help="Do not deliver a run later than this many seconds after its time."
    ),
    click.option("--max-runs", type=int, help="Retire the job after this many runs."),
    click.option("--spread", help="How far a run may be moved to even out the load, such as 5m."),
    click.option("--jitter-seconds", type=int, help="Spread deliveries over up to this many seconds."),
    click.option("--calendar", "calendars", multiple=True, help="A calendar by name; repeatable; '': none."),
    click.option(
        "--on-blackout",
        type=_Choice(["SKIP", "NEXT", "PREVIOUS"], case_sensitive=False),
        help="What to do with a tick that falls in a closed time of a calendar.",
    ),
    click.option(
        "--overlap",
        type=_Choice(["ALLOW", "SKIP", "QUEUE", "REPLACE"], case_sensitive=False),
        help="What to do with a tick while an earlier run is unfinished.",
    ),
    click.option(
        "--catch-up", type=_Choice(["SKIP", "LATEST", "ALL"], case_sensitive=False), help="Missed ticks to run."
    ),
    click.option("--tag", "tags", multiple=True, help="A tag to find the job by; repeatable."),
    click.option("--priority", type=int, help="Priority from -10 to 10; higher is delivered first."),
    click.option(
        "--on-success",
        type=JsonText(),
        help='What to start when a run succeeds, such as \'{"job": "load"}\'; null: nothing.',
    ),
    click.option(
        "--on-failure",
        type=JsonText(),
        help='What to start when a run fails for good, such as \'{"endpoint": "on-call"}\'; null: nothing.',
    ),
)
"""The options for a job's fields, shared by the commands that create and change jobs."""


@command(job)
@click.option("--endpoint", help="Only jobs of this endpoint.")
@click.option(
    "--trigger", type=_Choice(["IMMEDIATE", "DELAYED", "CRON"], case_sensitive=False), help="Only this trigger."
)
@click.option("--status", help="Only jobs in this status, such as ACTIVE.")
@click.option("--tag", help="Only jobs with this tag.")
@click.option("--search", "q", help="Only jobs whose name or endpoint name contains this text.")
@click.option(
    "--sort", type=_Choice(["created", "name", "next-run"]), help="Order; name, next-run: only live CRON jobs."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of rows.")
def ls(api: Api, limit: int, sort: str | None, **filters: str | None) -> None:
    """List jobs, newest first.

    kronos job ls --status ACTIVE --tag reports
    kronos job ls --plain | cut -f1
    """
    filters["sort"] = sort.replace("-", "_") if sort else None
    empty = "no job matches; create one: kronos job create report --endpoint hook --cron '0 9 * * 1'"
    rows = api.rows("jobs", limit=limit, **filters)
    api.list(rows if api.as_json else [_to_come(row) for row in rows], _COLUMNS, empty=empty)


def _to_come(job: JsonObject) -> JsonObject:
    """Drop run_at of a finished one-shot: it is not a next run."""
    return job if job.get("status") in _LIVE else {**job, "run_at": None}


@command(job)
@click.argument("job")
def get(api: Api, job: str) -> None:
    """Show JOB, given by id or name.

    kronos job get report --json
    """
    _show(api, api.get("jobs", job))


@command(job)
@click.argument("name", required=False)
@click.option("--at", "run_at", help="Run once at this time: 2026-12-01T09:00:00Z, or a local time in --tz.")
@click.option("--now", is_flag=True, help="Run once, immediately.")
@click.option("--idempotency-key", help="The same key creates only one job.")
@job_terms
def create(
    api: Api, name: str | None, run_at: str | None, now: bool, idempotency_key: str | None, **terms: Json
) -> None:
    """Create a job. It runs on a schedule (--cron, --every), once later (--at), or immediately (--now).

    kronos job create report --endpoint hook --cron '0 9 * * 1' --tz Asia/Kolkata
    """
    is_cron = terms["cron"] is not None or terms["every"] is not None
    if is_cron + (run_at is not None) + now != 1:
        raise click.UsageError("say when the job runs: pass exactly one of --cron, --every, --at or --now")
    trigger = "CRON" if is_cron else "DELAYED" if run_at is not None else "IMMEDIATE"
    body = {**given(name=name, trigger=trigger, run_at=run_at, idempotency_key=idempotency_key), **terms_given(terms)}
    _show(api, api.send("POST", "jobs", body=body))


@command(job)
@click.argument("job")
@click.option("--name", help="New name.")
@clear_option
@offset_option
@job_terms
def edit(api: Api, job: str, name: str | None, clear: tuple[str, ...], **terms: Json) -> None:
    """Change the given fields of a CRON job. This creates the job's next version, with its pg_cron entry.

    kronos job edit report --cron '0 7 * * *' --clear ends-at --clear deadline-seconds
    """
    _show(api, api.send("PATCH", "jobs", job, body=changes_given(name, clear, terms)))


@command(job)
@click.argument("job")
@confirmed
def rm(api: Api, job: str, consent: Consent) -> None:
    """Cancel a job and remove its pg_cron entry. Its history is kept until retention deletes it.

    kronos job rm report
    """
    consent.require("retire the job", job)
    ended = api.send("DELETE", "jobs", job, fields=("status",))
    api.say(f"job {job} is {ended['status']}", ended)


@command(job)
@click.argument("job")
@click.option("--note", help="Reason, recorded for later.")
@click.option("--until", help="When the job resumes automatically, such as 2026-12-01T00:00:00Z.")
def pause(api: Api, job: str, note: str | None, until: str | None) -> None:
    """Pause a CRON job. It has no runs until you resume it, or until --until.

    kronos job pause report --note migration --until 2026-12-01T00:00:00Z
    """
    _show(api, api.send("POST", "jobs", job, "pause", body=given(note=note, until=until)))


@command(job)
@click.argument("job")
def resume(api: Api, job: str) -> None:
    """Resume a paused job.

    kronos job resume report
    """
    _show(api, api.send("POST", "jobs", job, "resume"))


@command(job)
@click.argument("job")
@click.argument("count", type=int, default=1)
def skip_next(api: Api, job: str, count: int) -> None:
    """Skip the next COUNT ticks of a CRON job. The default is one; 0 cancels the skipping.

    kronos job skip-next report 2
    """
    _show(api, api.send("POST", "jobs", job, "skip-next", body={"count": count}))


@command(job)
@click.argument("job")
@click.option(
    "--input", "input_", type=JsonText(), help="Input instead of the job's own: JSON, @FILE, or - for standard input."
)
@click.option("--priority", type=int, help="Priority from -10 to 10, instead of the job's own.")
@click.option("--deadline-seconds", type=int, help="Do not deliver later than this many seconds after now.")
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key creates only one run.")
def trigger(api: Api, job: str, idempotency_key: str | None, **own: Json) -> None:
    """Run a CRON job once, now, in addition to its schedule.

    kronos job trigger report --input '{"team": "sales"}'
    """
    body = given(input=own.pop("input_"), **own)
    made = api.send("POST", "jobs", job, "trigger", body=body, key=idempotency_key, fields=("execution_id", "status"))
    api.say(
        f"execution {made['execution_id']} is {made['status']}; see it: kronos execution get {made['execution_id']}",
        made,
    )


@command(job)
@click.argument("job")
@click.option("--from", "from_", required=True, help="Start of the window: the first tick is not before.")
@click.option("--to", required=True, help="End of the window: the last tick is before; not in the future.")
@click.option(
    "--include",
    multiple=True,
    type=_Choice(["MISSED", "SKIPPED", "CANCELLED", "FAILED"], case_sensitive=False),
    help="Which ticks to run, by outcome; repeatable.  [default: all but FAILED]",
)
@click.option("--max-active", type=int, help="Maximum number of unfinished executions of this backfill.")
@click.option("--priority", type=int, help="Priority from -10 to 10, instead of the job's own.")
@click.option("--dry-run", is_flag=True, help="Only count the ticks.")
@watch_option
@click.option("--idempotency-key", type=IdempotencyKey(), help="The same key creates only one backfill.")
def backfill(
    api: Api,
    job: str,
    from_: str,
    dry_run: bool,
    watch: bool | None,
    idempotency_key: str | None,
    include: tuple[str, ...],
    **terms: Json,
) -> None:
    """Run a CRON job's ticks of a past window.

    kronos job backfill report --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z --dry-run
    """
    body = {"from": from_, **given(**terms, include=list(include) or None, validate_only=dry_run or None)}
    fields = () if dry_run else ("status", "backfill_id")
    found = api.send("POST", "jobs", job, "backfill", body=body, key=idempotency_key, fields=fields)
    if dry_run:
        api.show(found, BACKFILL.fields)
    else:
        BACKFILL.begun(api, found, watch)


@command(job)
@click.argument("job")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1, 100), help="Number of runs.")
def next_runs(api: Api, job: str, count: int) -> None:
    """List the next runs of JOB.

    kronos job next-runs report -n 5
    """
    preview = api.get("jobs", job, "next-runs", fields=("next_runs",), count=str(count))
    runs = api.rows_of(preview, "next_runs")
    columns = {"local": "LOCAL", "at": "UTC", "dst": "CLOCK CHANGE"}
    if api.as_plain or any(run.get("rolled_from") for run in runs):
        columns["rolled_from"] = "IN PLACE OF"
    api.list(runs, columns, empty=f"{job} has no upcoming run")


@command(job)
@click.argument("job")
def versions(api: Api, job: str) -> None:
    """List the versions of JOB, newest first.

    kronos job versions report
    """
    columns = {"version": "VERSION", **_COLUMNS, "created_at": "CREATED"}
    api.list(api.rows("jobs", job, "versions"), columns, empty="no version")


@command(job)
@click.argument("job")
def status(api: Api, job: str) -> None:
    """Show how JOB is doing. Includes its ticks of the last 24 hours, and whether each is accounted for.

    kronos job status report

    In the ledger, "delivered" counts the ticks that became an execution; last_24h shows how those ended.
    """
    fields = (
        "status",
        "health",
        "error",
        "next_run_at",
        "last_run_at",
        "overdue_seconds",
        "waiting_seconds",
        "warnings",
        "pg_cron",
        "last_24h",
        "ledger",
        "alerts",
    )
    api.show(api.get("jobs", job, "status"), fields)


def changes_given(name: str | None, clear: tuple[str, ...], terms: Json) -> Json:
    """Return the changes to a job, as the API names them. Raises UsageError."""
    body = {**given(name=name), **terms_given(terms)}
    cleared = [each.replace("-", "_") for each in clear]
    if twice := [each for each in cleared if each in body]:
        raise click.UsageError(f"--{twice[0].replace('_', '-')} is both set and cleared: pass only one of the two")
    return {**body, **dict.fromkeys(cleared)}


def terms_given(terms: Json) -> Json:
    """Return the given job fields, as the API names them."""
    found = {
        **terms,
        "input": terms["input_"],
        "tags": list(terms["tags"]) or None,
        "calendars": [each for each in terms["calendars"] if each] if terms["calendars"] else None,
        "catch_up": given(policy=terms["catch_up"]) or None,
    }
    return given(**{name: value for name, value in found.items() if name != "input_"})
