"""`kronos serve`, `kronos worker`, `kronos migrate`: one process each, from the environment."""

import logging

import click

from kronos import config, errors, logs, migrations, system
from kronos.config import Settings


def _settings(**overrides: object) -> Settings:
    try:
        settings = config.load(**overrides)
    except config.SettingsInvalid as error:
        raise click.ClickException(str(error)) from None
    logs.configure(settings)
    for name in config.unknown_variables():
        logging.getLogger("kronos").warning("%s is not a setting of this release: ignored", name)
    return settings


@click.command()
@click.option("--host", help="Address to listen on.  [KRONOS_HOST, default 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one.  [KRONOS_PORT, default 8080]")
def serve(host: str | None, port: int | None) -> None:
    """One API process against KRONOS_DATABASE_URL."""
    from kronos.api import serve as api  # imported here, so that `kronos worker` does not load FastAPI

    api.run(_settings(host=host, port=port))


@click.command()
@click.option("--concurrency", type=int, help="Deliveries under way at once.  [KRONOS_WORKER_CONCURRENCY, default 100]")
def worker(concurrency: int | None) -> None:
    """One worker process against KRONOS_DATABASE_URL."""
    from kronos.worker import main  # imported here, so that `kronos serve` does not load the transports

    main.run(_settings(worker_concurrency=concurrency))


@click.command()
@click.option("--to", default="head", show_default=True, help="Revision to stop at.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def migrate(to: str, dry_run: bool) -> None:
    """Bring the database of KRONOS_DATABASE_URL (an administrator's) to this release. Safe to run again, and by many at once."""
    settings = _settings()
    url = settings.database_url.get_secret_value()
    try:
        before = migrations.current(url)
        if dry_run:
            click.echo(f"at {before or 'nothing'}, would go to {migrations.head() if to == 'head' else to}")
            return
        migrations.migrate(url, to=to)
        if to == "head":
            system.configure(url, settings)
        if settings.admin_key_file is not None:
            system.ensure_admin_key(url, settings.admin_key_file)
    except errors.KronosError as error:
        raise click.ClickException(error.detail) from None
    click.echo(f"migrated from {before or 'nothing'} to {migrations.current(url)}")
