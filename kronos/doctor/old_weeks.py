"""Whether the weeks of the history that lie on other machines (kronos migrate --distributed) can be read from here."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from kronos import session
from kronos.doctor.finding import Finding, some
from kronos.sql import statement

_CHECK = "old weeks"
_AS_OWNER = "in psql, `set role kronos_owner` reads them"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldWeek:
    """A foreign table."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindRole:
    """A role that cannot read what lies there; `is_us`: the doctor's own login, which reads it as kronos_owner."""

    role: str
    is_us: bool


_WEEKS = statement("old_weeks.list_old_weeks", OldWeek)
_BLIND = statement("old_weeks.list_blind_roles", BlindRole)


def old_weeks(connection: session.Connection) -> Finding:
    """Reads a row of each, as kronos_owner, unless the servers are gone: then the first says so for all. Raises
    psycopg.Error where this database's own server does not answer."""
    weeks = [each.name for each in session.rows(connection, _WEEKS, {})]
    faults = _faults(connection, weeks)
    return judged(weeks, session.rows(connection, _BLIND, {}), faults)


def _faults(connection: session.Connection, weeks: Sequence[str]) -> dict[str, str]:
    """What PostgreSQL says of those that cannot be read."""
    faults: dict[str, str] = {}
    for week in weeks:
        try:
            connection.execute(  # each column: one that is not over there yet is named
                sql.SQL("select week::text from {} as week limit 1").format(sql.Identifier("kronos", week))
            )
        except psycopg.Error as error:
            if connection.closed:
                raise
            faults[week] = error.diag.message_primary or str(error)
            if isinstance(error, psycopg.errors.SqlclientUnableToEstablishSqlconnection):
                break  # each of the others would wait for it as long
    return faults


def judged(weeks: Sequence[str], blind: Sequence[BlindRole], faults: dict[str, str]) -> Finding:
    """The finding."""
    roles = [each.role for each in blind if not each.is_us]
    us = [each.role for each in blind if each.is_us]
    said = [f"{len(weeks)} tables of the history lie on other machines" if weeks else "all weeks lie here"]
    if faults:
        said.append(f"not readable: {some([f'{week} ({why})' for week, why in faults.items()])}")
    if roles:
        said.append(f"no user mapping, and so no view of them: {some(roles)}")
    if us:
        said.append(f"{us[0]} itself has no user mapping; {_AS_OWNER}, and so did this")
    return Finding(
        check=_CHECK,
        ok=not faults and not roles,
        detail="; ".join(said),
        meaning="who looks into these weeks is answered 503; deliveries and newer weeks go on, and no row is lost",
        fix="start the servers of KRONOS_HISTORY_URL; then `kronos migrate --distributed`, which also gives the roles "
        "their mappings and the tables a new release's columns",
    )
