"""`kronos migrate`: migrate the database to this release."""

import os

import click

from kronos import config, distribution, errors, instance_settings, keys, migrations, plans, ringing
from kronos.cli import environment
from kronos.cli.exits import Ended, Exit
from kronos.cli.helping import Command
from kronos.cli.output import console
from kronos.counting import counted, plural
from kronos.embedded import keyfile
from kronos.embedded.errors import EncryptionKeysWrong
from kronos.encryption import KeySource
from kronos.session import Role

_PASSWORDS: tuple[tuple[Role, str], ...] = (
    ("kronos_api", "KRONOS_API_PASSWORD"),
    ("kronos_worker", "KRONOS_WORKER_PASSWORD"),
)
# Jobs may catch up over 31 days, and job lists look back over 35: neither should query another machine.
_FEWEST_WEEKS = 5


@click.command(cls=Command)
@click.option(
    "--to",
    default="head",
    show_default=True,
    help="Revision to migrate to. Only this release's own is accepted; for others, the error says what to use.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be done, step by step, and change nothing.")
@click.option(
    "--distributed",
    is_flag=True,
    help="Move old weeks of the history to the Citus cluster of KRONOS_HISTORY_URL, and do nothing else.",
)
@click.option(
    "--keep-weeks",
    type=click.IntRange(_FEWEST_WEEKS, 520),
    default=_FEWEST_WEEKS,
    show_default=True,
    help="With --distributed: how many weeks stay in this database.",
)
def migrate(to: str, dry_run: bool, distributed: bool, keep_weeks: int) -> None:
    """Migrate a database to this release. Safe to run again, and to run several times concurrently.

    KRONOS_DATABASE_URL names the database. It must be the URL of an administrator.

    kronos migrate --dry-run
    kronos migrate
    kronos migrate --distributed --keep-weeks 8

    KRONOS_API_PASSWORD and KRONOS_WORKER_PASSWORD, if set, become the passwords of the logins kronos_api and
    kronos_worker.
    """
    settings = environment.settings()
    url = settings.database_url.get_secret_value()
    if distributed:
        if dry_run:
            raise Ended(
                "--distributed cannot be combined with --dry-run; it reports what it did, and can be run again",
                Exit.USAGE,
            )
        return _distribute(url, keep_weeks)
    try:
        before = migrations.current(url)
        if dry_run:
            steps = [*plans.plan(url, to=to), *_settings_stored(settings)]
            click.echo(f"at {before or 'nothing'}, would migrate to {migrations.head()}:")
            click.echo("\n".join(f"  {step}" for step in steps))
            return
        migrations.migrate(url, to=to)
        instance_settings.store(url, settings)
        instance_settings.set_passwords(
            url, {role: os.environ[name] for role, name in _PASSWORDS if os.environ.get(name)}
        )
        if settings.admin_key_file is not None:
            for line in keys.ensure_admin_key(url, settings.admin_key_file):
                click.echo(line, err=True)
        if settings.encryption_key_file is not None:
            source = KeySource.of(settings)
            keyfile.require_form(source)
            keyfile.ensure(url, source)
    except EncryptionKeysWrong as error:
        raise Ended(f"the database is at this release, but {error}") from None
    except errors.KronosError as error:
        raise environment.refusal(error) from None
    click.echo(f"migrated from {before or 'nothing'} to {migrations.current(url)}")
    _tell_ringing(url)


def _distribute(url: str, keep_weeks: int) -> None:
    history_url = os.environ.get("KRONOS_HISTORY_URL")
    if not history_url:
        raise Ended(
            "KRONOS_HISTORY_URL is not set: set it to postgresql://USER:PASSWORD@HOST:PORT/DATABASE of the coordinator "
            "of a Citus cluster",
            Exit.USAGE,
        )
    try:
        with console(err=True).status("reading the history") as status:
            done = distribution.distribute(url, history_url, keep_weeks=keep_weeks, progress=status.update)
    except errors.KronosError as error:
        raise environment.refusal(error) from None
    click.echo(
        f"moved {counted(done.rows, 'row')} of {counted(done.moved, 'partition')} to {counted(done.nodes, 'node')}; "
        f"{done.partitions} {plural(done.partitions, 'is', 'are')} distributed now, {done.aged_out:,} of "
        f"their rows have aged out"
    )
    if done.changed:
        click.echo(
            f"warning: {done.changed} stay here until the next run, because they were in use or changed meanwhile",
            err=True,
        )


def _settings_stored(settings: config.Settings) -> list[str]:
    """Return the other steps of every run."""
    steps = ["store the settings of catch-up and retention"]
    steps += [f"set the password of {role} to {name}" for role, name in _PASSWORDS if os.environ.get(name)]
    if settings.admin_key_file is not None:
        verb = "store" if settings.admin_key_file.exists() else "create"
        steps.append(f"{verb} the administrator's key of {settings.admin_key_file}")
    if settings.encryption_key_file is not None and not settings.encryption_key_file.exists():
        steps.append(f"create the encryption key of {settings.encryption_key_file}")
    return steps


def _tell_ringing(url: str) -> None:
    """Report whether pg_cron rings on this instance. Exits with 1 if it does not, although the migration is done."""
    to = console(err=True)
    with to.status("checking pg_cron") as status:
        rung = ringing.check(url, progress=status.update)
    if rung.verdict == "yes":
        click.echo(rung.detail)
        return
    fix = f"\n  fix: {rung.fix}" if rung.fix is not None else ""
    if rung.verdict == "unknown":
        click.echo(f"warning: {rung.detail}{fix}", err=True)
        return
    raise Ended(
        f"the database is at this release, but {rung.detail}: ticks are late, because workers ring instead{fix}"
    )
