"""Reads pg_cron's entries from its database, and replaces them by jobs without losing or repeating a tick.

pg_cron cancels the run in progress of an entry that is unscheduled, and forgets a run that is still queued. So an entry
is replaced in the middle of a minute, after the run of that minute has ended. The job begins with the next minute, and
the entry is removed in the transaction that creates the job (docs/decisions/0093-an-import-translates-or-refuses.md).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click
import psycopg
from psycopg.rows import class_row, scalar_row

from kronos import libpq, unreachable
from kronos.cli import environment, import_offer
from kronos.cli.command import Api
from kronos.cli.exits import Ended, Exit
from kronos.cli.following import partly_done
from kronos.cli.import_offer import Created, Offered
from kronos.counting import counted, plural
from kronos.imports.pg_cron import Entry, Reading
from kronos.imports.translation import Remark
from kronos.records import dataclass

_FROM_SECOND, _TO_SECOND = 10, 40
"""Seconds of a minute. By then pg_cron has rung, and there is enough time before the next minute."""
_LATE = timedelta(seconds=5)
_MINUTES: Final = 5
_ENTRIES = """
    select jobid, schedule, command, database, username, active, jobname
      from cron.job
     order by jobid"""
_NOW = "select clock_timestamp()"
_SLEEP = "select pg_sleep(greatest(extract(epoch from %(until)s - clock_timestamp()), 0))"
# A run that could not connect has no times, and has ended.
_LAST_RUN = """
    select status in ('succeeded', 'failed') as is_over,
           status = 'failed' and start_time is null or start_time >= %(minute)s as is_of_this_minute
      from cron.job_run_details
     where jobid = %(jobid)s
     order by runid desc
     limit 1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """pg_cron's entries in a database."""

    entries: list[Entry]
    reading: Reading
    remarks: list[Remark]


@contextmanager
def opened(url_file: Path | None) -> Iterator[psycopg.Connection]:
    """Open a session in pg_cron's database. Raises ClickException."""
    try:
        url = environment.database_url() if url_file is None else url_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{url_file} cannot be read: {error}") from None
    libpq.forget_environment(url)  # PGHOSTADDR or PGSERVICE would lead to another server
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.ProgrammingError:
        raise click.ClickException(
            "the database URL is not valid: write postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
    except psycopg.Error as error:
        raise click.ClickException(unreachable.why(error, url).inside) from None
    with connection:
        yield connection


def read(connection: psycopg.Connection, timezone: str | None) -> Entries:
    """Return the entries that this login can see, and how pg_cron reads them. Raises ClickException."""
    settings = """
        select coalesce(current_setting('cron.timezone', true), 'GMT'),
               coalesce(current_setting('cron.match_dom_and_dow', true), 'off') = 'on',
               (select rolsuper or rolbypassrls from pg_roles where rolname = current_user), current_user"""
    try:
        with connection.cursor(row_factory=class_row(Entry)) as cursor:
            entries = cursor.execute(_ENTRIES).fetchall()
        row = connection.execute(settings).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise click.ClickException(
            "there is no table cron.job here: pass the database that cron.database_name names"
        ) from None
    except psycopg.Error as error:
        raise click.ClickException(f"cron.job cannot be read: {error}") from None
    zone, matches_both, sees_all, user = row or ("GMT", False, False, "")
    remarks: list[Remark] = []
    if not sees_all:
        remarks.append(
            Remark(where="cron.job", text=f"{user} sees only its own entries: to import others, use a superuser")
        )
    reading = Reading(timezone=timezone or zone or "GMT", matches_both_days=matches_both)
    return Entries(entries=entries, reading=reading, remarks=remarks)


def take_over(api: Api, connection: psycopg.Connection, entries: Sequence[Entry], offers: Sequence[Offered]) -> None:
    """Replace each entry by its job. Tries all of them, then raises ClickException if some remain. An error that stops
    it says how many were replaced before."""
    replaced: list[str] = []
    with partly_done(lambda: _left(replaced, len(offers)), has_begun=lambda: bool(replaced)):
        try:
            _take_over(api, connection, entries, offers, replaced)
        except psycopg.Error as error:
            raise Ended(f"pg_cron's database failed: {_first_line(error)}", Exit.UNAVAILABLE) from None


def _left(replaced: Sequence[str], total: int) -> str:
    done = f"{len(replaced)} of {counted(total, 'entry', 'entries')} {plural(len(replaced), 'was', 'were')} replaced"
    return f"{done} before that. To continue, run the same command again"


def _take_over(
    api: Api,
    connection: psycopg.Connection,
    entries: Sequence[Entry],
    offers: Sequence[Offered],
    replaced: list[str],
) -> None:
    logs = connection.execute("select coalesce(current_setting('cron.log_run', true), 'on')").fetchone()
    if logs != ("on",):
        raise click.ClickException(
            "cron.log_run is off, so it cannot be determined whether a run is in progress. Nothing was changed"
        )
    by_where = {f"jobid {entry.jobid}": entry for entry in entries}
    waiting: dict[int, tuple[Entry, Offered, str]] = {}
    for offer in offers:
        entry = by_where[offer.entry.where]
        waiting[entry.jobid] = (entry, offer, "")
    for number in range(_MINUTES):
        minute = _midst(connection, after_the_present=number > 0)
        for entry, offer, _ in list(waiting.values()):
            why = _taken_over(api, connection, entry, offer, minute)
            if why is None:
                del waiting[entry.jobid]
                replaced.append(offer.entry.name)
                said = f"{offer.entry.name} replaces jobid {entry.jobid}; to undo: {way_back(entry)}"
                click.echo(said, err=True)
            else:
                waiting[entry.jobid] = (entry, offer, why)
        if not waiting:
            return
        click.echo(f"waiting for the next minute: {len(waiting)} cannot be replaced in this one", err=True)
    lines = "\n".join(f"jobid {entry.jobid}  {offer.entry.name}: {why}" for entry, offer, why in waiting.values())
    raise click.ClickException(f"{counted(len(waiting), 'entry remains', 'entries remain')} in pg_cron:\n{lines}")


def _taken_over(api: Api, connection: psycopg.Connection, entry: Entry, offer: Offered, minute: datetime) -> str | None:
    """Replace an entry. Return None, or the reason why it was not possible in this minute."""
    if _now(connection) > minute + timedelta(seconds=_TO_SECOND):
        return "the minute is nearly over"
    if (why := _in_the_way(api, connection, entry, offer, minute)) is not None:
        return why
    try:
        return _swap(api, connection, entry, offer, minute + timedelta(minutes=1))
    except _LateError:
        return "the minute was over before the job was created"


def _midst(connection: psycopg.Connection, *, after_the_present: bool) -> datetime:
    """Wait for the middle of this minute, or the next, by PostgreSQL's clock, and return that minute."""
    now = _now(connection)
    minute = now.replace(second=0, microsecond=0)
    if after_the_present or now.second >= _TO_SECOND:
        minute += timedelta(minutes=1)
    midst = minute + timedelta(seconds=_FROM_SECOND)
    connection.execute(_SLEEP.encode(), {"until": midst})
    return minute


def _now(connection: psycopg.Connection) -> datetime:
    with connection.cursor(row_factory=scalar_row) as cursor:
        now: datetime | None = cursor.execute(_NOW.encode()).fetchone()
    if now is None:
        raise click.ClickException("PostgreSQL returned no time")
    return now


def _in_the_way(api: Api, connection: psycopg.Connection, entry: Entry, offer: Offered, minute: datetime) -> str | None:
    """Return the reason why the entry cannot be replaced in this minute, or None."""
    if not entry.active:
        return None
    if offer.differs_in_ticks:
        return f"its job exists with a different {', '.join(offer.differs_in_ticks)}, so it would run at other times"
    if offer.there is not None and offer.there["status"] == "PAUSED":
        return "its job exists but is paused, so no tick would run. Resume it, or remove the entry"
    last = connection.execute(_LAST_RUN, {"jobid": entry.jobid, "minute": minute}).fetchone()
    is_over, is_of_this_minute = last or (True, False)
    if not is_over:
        return "a run of the entry is in progress, and would be cancelled"
    if _is_due(api, offer, minute) and not is_of_this_minute:
        return f"its run of {minute:%H:%M} has not begun: check pg_cron"
    return None


def _is_due(api: Api, offer: Offered, minute: datetime) -> bool:
    """Return whether the entry has a tick in this minute."""
    if "cron" not in offer.entry.job:
        return False
    before = (minute - timedelta(seconds=1)).isoformat()
    asked = {
        name: offer.entry.job[name]
        for name in ("cron", "timezone", "dst_gap", "dst_overlap")
        if name in offer.entry.job
    }
    preview = api.of(None).send("POST", "schedules", "preview", body={**asked, "count": 1, "after": before})
    runs = preview["next_runs"]
    return bool(runs) and datetime.fromisoformat(runs[0]["at"]) == minute


class _LateError(Exception):
    """The next minute is too close."""


def _swap(api: Api, connection: psycopg.Connection, entry: Entry, offer: Offered, begins: datetime) -> str | None:
    """Create the job and remove the entry together. Return None, or why it failed. Raises _LateError, with nothing
    changed. If the API, PostgreSQL or Ctrl-C leaves open whether both remain, the error says so."""
    was_there, is_decided = offer.there is not None, False
    try:
        with connection.transaction():
            connection.execute("set local lock_timeout = '2s'")
            connection.execute("select cron.unschedule(%s::bigint)", [entry.jobid])
            failed = (
                [] if was_there else import_offer.make_jobs(api, [import_offer.starting_at(offer, begins)], Created())
            )
            if failed:
                raise psycopg.Rollback
            _require_early(connection, begins)
            is_decided = True
    except psycopg.Error as error:
        if is_decided and connection.broken:
            raise _unknown(entry, offer, _first_line(error)) from None
        _undo(api, offer, is_made=not was_there)
        return f"pg_cron rejected it: {_first_line(error)}"
    except _LateError:
        _undo(api, offer, is_made=not was_there)
        raise
    except (click.ClickException, KeyboardInterrupt) as error:
        said = error.message if isinstance(error, click.ClickException) else "interrupted"
        if is_decided:
            raise _unknown(entry, offer, said) from None
        if _is_undone(api, offer, is_made=not was_there):
            raise
        raise click.ClickException(
            f"{said}\nthe job {offer.entry.name} may exist in addition to jobid {entry.jobid}, and both would run: "
            "run this command again once the API responds"
        ) from None
    return failed[0].reason if failed else None


def _unknown(entry: Entry, offer: Offered, why: str) -> click.ClickException:
    """Return the error for a commit whose outcome is not known. The job stays: without it, no tick might run at all."""
    return click.ClickException(
        f"{why}\nthe job {offer.entry.name} exists. Whether jobid {entry.jobid} is gone is not known; if it is not, "
        "both would run: run this command again, which removes it"
    )


def _first_line(error: psycopg.Error) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _require_early(connection: psycopg.Connection, begins: datetime) -> None:
    """Raises _LateError if the next minute is too close."""
    if _now(connection) > begins - _LATE:
        raise _LateError


def _undo(api: Api, offer: Offered, *, is_made: bool) -> None:
    """Delete a job that has had no tick yet."""
    if is_made and any(row["name"] == offer.entry.name for row in api.rows("jobs", status="LIVE", q=offer.entry.name)):
        api.send("DELETE", "jobs", offer.entry.name)


def _is_undone(api: Api, offer: Offered, *, is_made: bool) -> bool:
    """Return whether no job remains of what an unresponsive API may have created."""
    try:
        _undo(api, offer, is_made=is_made)
    except click.ClickException:
        return False
    return True


def way_back(entry: Entry) -> str:
    """Return the statement that restores the entry."""
    values = (entry.jobname or f"entry-{entry.jobid}", entry.schedule, entry.command, entry.database, entry.username)
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"select cron.schedule_in_database({quoted}, {str(entry.active).lower()})"
