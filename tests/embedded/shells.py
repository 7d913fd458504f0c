"""A shell's variables that are meant for another server, and the command line in such a shell."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import quick

# Each of these variables alone breaks or changes a connection to a server that it was not meant for.
OF_ANOTHER_SERVER = {
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "nowhere",
    "PGPASSWORD": "wrong",
    "PGPASSFILE": "/nowhere/pgpass",
    "PGSERVICE": "nowhere",
    "PGSERVICEFILE": "/nowhere/pg_service.conf",
    "PGOPTIONS": "-c default_transaction_read_only=on -c search_path=nowhere -c statement_timeout=1",
    "PGTZ": "Asia/Kolkata",
    "PGDATESTYLE": "German",
    "PGGEQO": "off",
    "PGAPPNAME": "somebody-elses",
    "PGCLIENTENCODING": "LATIN1",
    "PGCONNECT_TIMEOUT": "never",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere/root.crt",
    "PGSSLNEGOTIATION": "direct",
    "PGREQUIREAUTH": "none",
    "PGCHANNELBINDING": "require",
    "PGGSSENCMODE": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGLOADBALANCEHOSTS": "sometimes",
    "PGMINPROTOCOLVERSION": "latest",
}


def kronos(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with these variables in addition to the shell's."""
    return _run([sys.executable, "-m", "kronos"], arguments, environment)


def quick_kronos(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same, forked: for a command that is repeated until it has the answer that a test waits for."""
    return _run([str(quick.folder() / "kronos")], arguments, environment)


def _run(
    command: list[str], arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
