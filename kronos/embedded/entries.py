"""Correct pg_cron's entries after PostgreSQL has moved to another port."""

from datetime import timedelta

import psycopg

from kronos import errors, owner, session
from kronos.embedded.errors import ClusterFailed
from kronos.records import dataclass
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesLeft:
    """How many entries still need correction: another session held their jobs, or they are due at this moment."""

    entries_left: int


_REAP = statement("entries.reap", EntriesLeft)
# For a server that answers; the supervisor does nothing else meanwhile.
_WITHIN = timedelta(seconds=10)


def correct(superuser_url: str) -> bool:
    """Point the entries to the server's current port: before pg_cron 1.5 each rings at the port where it was
    registered. Return whether all are correct.

    The reaper would do that too, but its own entry has the old port as well. So for a minute only workers would ring,
    and the API would not be ready. Raises ClusterFailed.
    """
    try:
        asked = session.wanted(None, statement_timeout=_WITHIN)
        with session.connect(superuser_url, asked, autocommit=False) as connection:
            owner.act_as_owner(connection)
            (found,) = session.rows(connection, _REAP, {})
    except (psycopg.Error, errors.DatabaseUnavailable) as error:
        raise ClusterFailed(f"pg_cron still rings at PostgreSQL's previous port: {error}") from error
    return found.entries_left == 0
