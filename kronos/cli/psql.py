"""`kronos psql`: open an instance's database with psql."""

import os
import shutil

import click
from psycopg.conninfo import conninfo_to_dict

from kronos.cli.environment import database_url
from kronos.cli.exits import Ended
from kronos.cli.helping import Command

# Parameters that libpq reads from no environment variable, so they would be on psql's command line.
_SECRETS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
_NO_PSQL = "psql is not installed: on Debian, install postgresql-client"


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the instance's database.

    kronos psql -c 'select jobid, schedule from cron.job'

    The database is that of KRONOS_DATABASE_URL, or of the local `kronos up`.

    ARGUMENTS are passed to psql. The password is passed in the environment, never on a command line.
    """
    program = shutil.which("psql")
    if program is None:
        raise Ended(_NO_PSQL)
    given = {name: str(value) for name, value in conninfo_to_dict(database_url()).items() if value is not None}
    for name in _SECRETS:
        if name in given:
            raise Ended(
                f"the database URL contains {name}, which psql accepts only on its command line, where anyone can read "
                "it: "
                "start psql yourself"
            )
    password = given.pop("password", None)
    environment = dict(os.environ)  # keeps the libpq variables that apply to this database
    if password is not None:
        environment["PGPASSWORD"] = password
    target = " ".join(f"{name}='{_quoted(value)}'" for name, value in given.items())
    os.execve(program, [program, "--dbname", target, *arguments], environment)  # noqa: S606, its arguments are the caller's own


def _quoted(value: str) -> str:
    """Escape a value for a quoted connection string."""
    return value.replace("\\", "\\\\").replace("'", "\\'")
