"""`kronos import …`: translate other schedulers' entries into jobs, show them, and write a file or create the jobs."""

import shlex
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import click

from kronos.cli import import_checks, import_offer, import_pg_cron
from kronos.cli.command import Api, command, group, options
from kronos.cli.import_offer import Created, Offered
from kronos.counting import counted
from kronos.imports import amazon, crontab, google, kubernetes, pg_cron
from kronos.imports.translation import MAX_BYTES, Found, Remark, Terms, UnreadableError, bounded, text_of
from kronos.model import Json

_STDIN: Final = "<stdin>"
_MOST_APPLIED: Final = 1_000
_SYSTEM_PLACES: Final = ("/etc/crontab", "/etc/cron.d/")


@group
def import_group() -> None:
    """Import other schedulers' entries as jobs.

    Each entry is translated, or left out with a reason, and shown. Nothing is changed without --write or --create.
    """


_options = options(
    click.option("--endpoint", help="Name of the endpoint that receives the jobs' inputs."),
    click.option("--to", metavar="URL", help="Also create missing endpoints, with this URL."),
    click.option(
        "--prefix",
        default="",
        callback=import_checks.prefix,
        help="Put before each job's name, such as web1-: two machines may run the same command.",
    ),
    click.option(
        "--write",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE.yaml",
        help="Write the jobs to a new file for kronos apply.",
    ),
    click.option("--create", is_flag=True, help="Create the missing jobs, after a confirmation."),
    click.option(
        "--paused", "is_paused", is_flag=True, help="Create the jobs paused: no ticks until kronos job resume."
    ),
    click.option("--yes", "-y", is_flag=True, help="Create without asking."),
    click.option("--strict", is_flag=True, help="If any entry cannot be translated, do nothing and exit with 1."),
)
"""The options of every import."""


def _zone(function: click.decorators.FC) -> click.decorators.FC:
    return click.option("--tz", "timezone", help="Time zone of entries that name none.  [default: UTC]")(function)


_FILE = click.argument("file", type=click.File("rb"))


@command(import_group, name="crontab")
@_FILE
@_options
@_zone
@click.option(
    "--system/--user-crontab",
    "is_system",
    default=None,
    help="Whether lines contain a user, as in /etc/crontab and /etc/cron.d.  [default: by FILE's path]",
)
def crontab_command(api: Api, file: BinaryIO, is_system: bool | None, **own: Json) -> None:
    """Import jobs from a crontab. FILE is the crontab, or - for standard input.

    The command becomes the job's input, {"command": …}, for the endpoint that you name. You provide what runs it
    (docs/migrate/cron.md). Times are in the zone of --tz: pass the zone of the machine that cron ran on.

    $ crontab -l | kronos import crontab - --endpoint box --tz Europe/Berlin
    kronos import crontab /etc/crontab --endpoint box --to https://box.internal/run --create
    """
    name = _name_of(file)
    place = name if name == _STDIN else str(Path(name).absolute())
    if Path(name).name == "anacrontab":
        raise click.ClickException("an anacrontab gives days between runs, not times, so it cannot be translated")
    has_user = place.startswith(_SYSTEM_PLACES) if is_system is None else is_system
    _run(api, file, own, crontab.TAG, lambda text, terms: crontab.translate(text, terms, is_system=has_user))


@command(import_group, name="k8s-cronjob")
@_FILE
@_options
@_zone
def k8s_cronjob_command(api: Api, file: BinaryIO, **own: Json) -> None:
    """Import jobs from Kubernetes CronJobs. FILE is what kubectl writes, or - for standard input.

    The containers become the job's input. You provide what runs them (docs/migrate/kubernetes.md).

    $ kubectl get cronjob -A -o yaml | kronos import k8s-cronjob - --endpoint cluster
    """
    _run(api, file, own, kubernetes.TAG, kubernetes.translate)


@command(import_group, name="eventbridge")
@_FILE
@_options
def eventbridge_command(api: Api, file: BinaryIO, **own: Json) -> None:
    """Import jobs from Amazon EventBridge. FILE is from `aws scheduler get-schedule`, or - for standard input.

    FILE can contain several schedules, one after another or in a list, and rules of `aws events list-rules`.

    kronos import eventbridge schedules.json --endpoint lambda-relay
    """
    _run(api, file, own, amazon.TAG, lambda text, terms: amazon.translate(text, terms, now=_now(api)))


def _now(api: Api) -> datetime:
    """Return the server's time. By this machine's clock, a run that is to come could be left out as past, and a past
    one would run at once."""
    return datetime.fromisoformat(str(api.get("overview", fields=("at",))["at"]))


@command(import_group, name="cloud-scheduler")
@_FILE
@_options
def cloud_scheduler_command(api: Api, file: BinaryIO, **own: Json) -> None:
    """Import jobs from Google Cloud Scheduler.

    FILE is from `gcloud scheduler jobs list --format=json`, or - for standard input. Each HTTP target becomes an
    endpoint; with --endpoint, all targets become inputs of that one.

    $ gcloud scheduler jobs list --location europe-west1 --format=json | kronos import cloud-scheduler -
    """
    _run(api, file, own, google.TAG, google.translate)


@command(import_group, name="pg_cron")
@click.argument("file", type=click.File("rb"), required=False)
@_options
@_zone
@click.option(
    "--database",
    "url_file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="File with the URL of pg_cron's database.  [KRONOS_DATABASE_URL, or the local `kronos up`]",
)
@click.option(
    "--unschedule",
    is_flag=True,
    help="With --create: remove each entry from pg_cron in the minute in which its job replaces it.",
)
def pg_cron_command(api: Api, file: BinaryIO | None, url_file: Path | None, unschedule: bool, **own: Json) -> None:
    """Import jobs from pg_cron's other entries.

    Reads a database, or FILE with the rows of cron.job as JSON. Without --endpoint, all entries are left in pg_cron.
    With it, the SQL becomes the job's input, {"sql": …}, and your receiver runs it (docs/migrate/pg_cron.md). Kronos
    itself never runs it.

    kronos import pg_cron
    kronos import pg_cron --endpoint sql-runner --create --unschedule
    """
    if unschedule and (file is not None or not own["create"]):
        raise click.UsageError("--unschedule needs --create, and a database instead of FILE")
    if unschedule and own["is_paused"]:
        raise click.UsageError("--paused and --unschedule cannot be combined: the entry's ticks would be lost")
    if file is not None:
        reading = pg_cron.Reading(timezone=own["timezone"] or "UTC")
        _run(
            api, file, own, pg_cron.TAG, lambda text, terms: pg_cron.translate(pg_cron.entries_of(text), reading, terms)
        )
        return
    with import_pg_cron.opened(url_file) as connection:
        source = import_pg_cron.read(connection, own["timezone"])
        found = [*source.remarks, *pg_cron.translate(source.entries, source.reading, _terms(own))]
        made = _offer(api, found, own, pg_cron.TAG, "cron.job", is_made=not unschedule)
        if unschedule and made is not None:
            import_pg_cron.take_over(api, connection, source.entries, made)


def _terms(own: Json) -> Terms:
    return Terms(endpoint=own["endpoint"], url=own["to"], timezone=own.get("timezone"), prefix=own["prefix"])


def _run(api: Api, file: BinaryIO, own: Json, tag: str, translate: Callable[[str, Terms], Iterable[Found]]) -> None:
    """Read the file and offer its entries. Raises ClickException."""
    content, name = file.read(MAX_BYTES + 1), _name_of(file)
    if not content.strip():
        raise click.ClickException(f"{name} is empty: did the command that wrote it fail?")
    try:
        found = list(bounded(translate(text_of(content), _terms(own))))
    except UnreadableError as error:
        raise click.ClickException(f"{name}: {error}") from None
    if all(isinstance(each, Remark) for each in found):
        found.append(Remark(where=name, text="contains no entry to import"))
    _offer(api, found, own, tag, name)


def _name_of(file: BinaryIO) -> str:
    return str(getattr(file, "name", _STDIN))


def _offer(
    api: Api, found: list[Found], own: Json, tag: str, source: str, *, is_made: bool = True
) -> list[Offered] | None:
    """Show the entries, then write or create them as requested. Return None if nothing is created. Raises
    ClickException."""
    if own.get("timezone") is not None:
        import_checks.require_zone(api, own["timezone"])
    if own["is_paused"]:
        found = list(map(import_offer.paused, found))
    offers, refused, remarks = import_offer.offered(api, found, tag)
    remarks += [*import_checks.missing_endpoints(api, offers), *import_checks.taken_endpoints(api, offers)]
    import_offer.show(api, offers, refused, remarks)
    if own["strict"] and refused:
        raise click.ClickException(
            f"{counted(len(refused), 'entry', 'entries')} cannot be translated, and --strict allows none"
        )
    if own["write"] is not None:
        _write(own["write"], offers, source)
    if not own["create"]:
        if own["write"] is None and offers:
            click.echo(
                "nothing was changed: --write FILE.yaml writes the jobs to a file, --create creates them", err=True
            )
        return None
    new = [each for each in offers if each.there is None]
    if new and not own["yes"]:
        if source == _STDIN:
            raise click.UsageError("standard input contains the entries, so you cannot confirm on it: pass --yes")
        click.confirm(f"Create {counted(len(new), 'job')} in {api.workspace}?", abort=True, err=True)
    if not is_made:
        made = Created()
        with made.until_stopped():
            without = import_offer.make_endpoints(api, new, made)
        if without:
            lines = "\n".join(f"endpoint {name}: {why}" for name, why in without.items())
            raise click.ClickException(f"nothing was replaced:\n{lines}")
        return offers
    made, failed = import_offer.make(api, offers)
    said = f"created {made}" if new else import_checks.nothing_new(offers)
    click.echo(said, err=True)
    if failed:
        lines = "\n".join(f"{each.where}  {each.text}: {each.reason}" for each in failed)
        raise click.ClickException(f"{len(failed)} could not be created:\n{lines}")
    return offers


def _write(path: Path, offers: list[Offered], source: str) -> None:
    """Write the file for `kronos apply`, and say what to do with it. Raises ClickException."""
    import_offer.write(path, offers, source)
    file = shlex.quote(str(path))
    click.echo(f"written to {file}: review it, then run kronos plan -f {file} and kronos apply -f {file}", err=True)
    if len(offers) > _MOST_APPLIED:
        said = (
            f"kronos apply accepts at most {_MOST_APPLIED:,} jobs at once, and the file has {len(offers):,}: split "
            "it, or use --create"
        )
        click.echo(said, err=True)
