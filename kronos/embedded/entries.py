"""pg_cron's entries after PostgreSQL has moved to another port."""

from dataclasses import dataclass
from datetime import timedelta

import psycopg

from kronos import errors, owner, session
from kronos.embedded.errors import ClusterFailed
from kronos.sql import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesLeft:
    """How many entries are still to be corrected: their jobs were held by somebody else, or are due right now."""

    entries_left: int


_REAP = statement("entries.reap", EntriesLeft)
# Of a server that answers; the supervisor looks after nothing else meanwhile.
_WITHIN = timedelta(seconds=10)


def correct(superuser_url: str) -> bool:
    """Has them name where the server listens now: before pg_cron 1.5 each rings at the port it was registered at.
    Whether all of them do.

    The reaper would do so too, but its own entry names the old port as well: a minute would be rung by nobody but the
    workers, and the API not be ready in it. Raises ClusterFailed.
    """
    try:
        asked = session.wanted(None, statement_timeout=_WITHIN)
        with session.connect(superuser_url, asked, autocommit=False) as connection:
            owner.act_as_owner(connection)
            (found,) = session.rows(connection, _REAP, {})
    except (psycopg.Error, errors.DatabaseUnavailable) as error:
        raise ClusterFailed(f"pg_cron still rings at the port that PostgreSQL had before: {error}") from error
    return found.entries_left == 0
