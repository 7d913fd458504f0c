"""Check whether the weeks of history on other machines (kronos migrate --distributed) can be read from here."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from kronos import session
from kronos.counting import counted
from kronos.doctor.finding import Finding, some
from kronos.records import dataclass
from kronos.sql import statement

_CHECK = "old weeks"
_AS_OWNER = "in psql, `set role kronos_owner` gives access"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldWeek:
    """A foreign table."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindRole:
    """A role that cannot read those weeks. `is_us`: the doctor's own login, which reads them as kronos_owner."""

    role: str
    is_us: bool


_WEEKS = statement("old_weeks.list_old_weeks", OldWeek)
_BLIND = statement("old_weeks.list_blind_roles", BlindRole)


def old_weeks(connection: session.Connection) -> Finding:
    """Read a row of each such week, as kronos_owner. If the servers are down, only the first one is tried. Raises
    psycopg.Error if this database's own server does not answer."""
    weeks = [each.name for each in session.rows(connection, _WEEKS, {})]
    faults = _faults(connection, weeks)
    return judged(weeks, session.rows(connection, _BLIND, {}), faults)


def _faults(connection: session.Connection, weeks: Sequence[str]) -> dict[str, str]:
    """Return PostgreSQL's message for each week that cannot be read."""
    faults: dict[str, str] = {}
    for week in weeks:
        try:
            connection.execute(  # every column, so that one missing on the other machine is named
                sql.SQL("select week::text from {} as week limit 1").format(sql.Identifier("kronos", week))
            )
        except psycopg.Error as error:
            if connection.closed:
                raise
            faults[week] = error.diag.message_primary or str(error)
            if isinstance(error, psycopg.errors.SqlclientUnableToEstablishSqlconnection):
                break  # each of the others would wait as long for the same servers
    return faults


def judged(weeks: Sequence[str], blind: Sequence[BlindRole], faults: dict[str, str]) -> Finding:
    """Return the finding."""
    roles = [each.role for each in blind if not each.is_us]
    us = [each.role for each in blind if each.is_us]
    said = [
        f"{counted(len(weeks), 'table of history is', 'tables of history are')} on other machines"
        if weeks
        else "all weeks are on this server"
    ]
    if faults:
        said.append(f"not readable: {some([f'{week} ({why})' for week, why in faults.items()])}")
    if roles:
        said.append(f"these roles cannot read them, for lack of a user mapping: {some(roles)}")
    if us:
        said.append(f"{us[0]} itself has no user mapping; {_AS_OWNER}, and this check used that")
    return Finding(
        check=_CHECK,
        ok=not faults and not roles,
        detail="; ".join(said),
        meaning="requests for these weeks get 503; deliveries and newer weeks still work, and no row is lost",
        fix="start the servers of KRONOS_HISTORY_URL; then run `kronos migrate --distributed`, which also gives the "
        "roles their mappings and the tables a new release's columns",
    )
