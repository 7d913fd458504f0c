"""The checks that the API and `kronos doctor` have in common, over one connection."""

import psycopg

from kronos import session
from kronos.doctor import ringer, server, signs, work
from kronos.doctor.finding import LISTED, Finding

_ROWS, _BYTES = 500, 1_000_000


def look_at(connection: psycopg.Connection) -> dict[str, Finding]:
    """Run the common checks as the owner, with lower size thresholds for tables."""
    (sessions,) = session.rows(connection, signs.SESSIONS, {})
    (blocking,) = session.rows(connection, signs.BLOCKERS, {"stuck": signs.STUCK})
    (about,) = session.rows(connection, signs.SERVER, {})
    (cron,) = session.rows(connection, signs.CRON, {})
    (what,) = session.rows(connection, signs.WORK, {})
    (keys,) = session.rows(connection, signs.KEYS, {})
    tables = session.rows(connection, signs.TABLES, {"rows": _ROWS, "bytes": _BYTES})
    made = [
        *server.sessions(sessions),
        *server.blockers(blocking),
        *server.server(about),
        *server.tables(tables, is_autovacuum_on=about.is_autovacuum_on),
        *ringer.cron(cron),
        *work.work(what),
        *work.tasks(session.rows(connection, signs.TASKS, {"limit": LISTED})),
        *work.alerting(session.rows(connection, signs.ALERTING, {})),
        *work.keys(keys),
    ]
    return {each.check: each for each in made}


def broken(found: dict[str, Finding]) -> set[str]:
    """The names of failed checks, without those that always fail on the tests' servers, which trade durability for
    speed.
    """
    return {name for name, each in found.items() if not each.ok} - {"durability", "commits"}
