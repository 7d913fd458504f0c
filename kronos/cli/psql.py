"""`kronos psql`: the database of an instance, with psql."""

import os
import shutil

import click
from psycopg.conninfo import conninfo_to_dict

from kronos.cli.environment import database_url
from kronos.cli.exits import Ended
from kronos.cli.helping import Command

# What libpq reads from no variable, so that it would stand on psql's command line.
_SECRETS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
_NO_PSQL = "psql is not installed: Debian's package postgresql-client has it"


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the instance's database.

    kronos psql -c 'select jobid, schedule from cron.job'

    It is the one of KRONOS_DATABASE_URL, or of the `kronos up` that runs here.

    ARGUMENTS are psql's own: kronos psql -c 'select jobid, schedule from cron.job'. The password is handed over in the
    environment and stands on no command line.
    """
    program = shutil.which("psql")
    if program is None:
        raise Ended(_NO_PSQL)
    given = {name: str(value) for name, value in conninfo_to_dict(database_url()).items() if value is not None}
    for name in _SECRETS:
        if name in given:
            raise Ended(
                f"the database's URL has {name}, which psql takes on its command line only, for everybody to read: "
                "start it yourself"
            )
    password = given.pop("password", None)
    environment = dict(os.environ)  # of libpq's variables those are left in it that fill in for this database
    if password is not None:
        environment["PGPASSWORD"] = password
    target = " ".join(f"{name}='{_quoted(value)}'" for name, value in given.items())
    os.execve(program, [program, "--dbname", target, *arguments], environment)  # noqa: S606, its arguments are the caller's own


def _quoted(value: str) -> str:
    """As a connection string has it between quotes."""
    return value.replace("\\", "\\\\").replace("'", "\\'")
