"""Find out whether pg_cron can ring as kronos_cron, from its earlier rings, from a test ring, and from pg_hba.conf; and
what to change if it cannot."""

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

import psycopg

from kronos import errors, pg_hba, session
from kronos.records import dataclass
from kronos.session import Connection, rows
from kronos.sql import statement

_MINUTE = 60.0
HEARD_SECONDS = 61.0  # the internal jobs ring every minute
_SECONDS_RING_WITHIN = (
    10.0  # for an entry with an interval of one second, since pg_cron 1.5: read within a second, rung a second later
)
_MINUTE_RINGS_WITHIN = 8.0  # after the minute began
_LAUNCHER_WITHIN = 5.0
_LOOK_EVERY = 0.5
_LET_IN = (
    f"alter role {pg_hba.USER} login connection limit -1; grant connect on database {{database}} to {pg_hba.USER}; "
    "pg_cron then rings at the next minute"
)
_BACKGROUND_WORKERS = (
    "alter system set cron.use_background_workers = on; alter system set max_worker_processes = 48; and restart "
    "PostgreSQL: "
    "pg_cron then needs no login"
)

Progress: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How pg_cron runs an entry. Values that only a superuser may see are None for others. `shut_out`: why kronos_cron
    itself cannot log in anywhere."""

    database: str
    served_database: str | None
    version: str
    has_launcher: bool
    host: str | None
    has_background_workers: bool | None
    hba_file: str | None
    has_ssl: bool
    shut_out: str | None
    sees_passwords: bool
    groups: list[str]
    sees_rules: bool
    has_patterns: bool

    @property
    def has_seconds(self) -> bool:
        """Whether entries may have an interval below a minute."""
        return tuple(int(part) for part in self.version.replace("-", ".").split(".")[:2]) >= (1, 5)

    def caller(self, *, has_password: bool) -> pg_hba.PgCronClient:
        """Return how pg_cron logs in, if it does."""
        return pg_hba.PgCronClient(
            host=self.host or "",
            database=self.database,
            groups=self.groups,
            has_password=has_password,
            has_ssl=self.has_ssl,
            has_patterns=self.has_patterns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """Whether pg_cron's login has a password to send."""

    has_password: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What pg_cron's log and the internal jobs show. seconds: since pg_cron last rang, None: never."""

    seconds: float | None
    last_runid: int
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """Whether pg_cron rings: `yes`, `no`, or `unknown` if it could not be checked; the reason, and the fix."""

    verdict: Literal["yes", "no", "unknown"]
    detail: str
    fix: str | None = None


_SETUP = statement("ringing.get_setup", Setup)
_PASSWORD = statement("ringing.get_password", Password)
_RULES = statement("ringing.list_rules", pg_hba.Rule)
_HEARD = statement("ringing.get_heard", Heard)


def setup(connection: Connection) -> tuple[Setup, pg_hba.Login | None]:
    """Return how pg_cron runs an entry, and what pg_hba.conf decides about its login, if it logs in and this user may
    see the file. Runs as the administrator.

    Raises psycopg.Error.
    """
    (found,) = rows(connection, _SETUP, {})
    if found.shut_out is not None:
        return found, pg_hba.Login(verdict="refused", why=found.shut_out)
    if found.has_background_workers is not False or not found.sees_rules or not found.sees_passwords:
        return found, None
    has_password = any(each.has_password for each in rows(connection, _PASSWORD, {}))
    return found, pg_hba.login(rows(connection, _RULES, {}), found.caller(has_password=has_password))


def what_to_write(found: Setup, login: pg_hba.Login | None) -> str:
    """Return what to change so that a refused pg_cron can ring."""
    if found.shut_out is not None:
        return _LET_IN.format(database=found.database)
    if found.has_background_workers is None:  # not visible to this user
        return (
            f"as a superuser: {_BACKGROUND_WORKERS}; or let {pg_hba.USER} into database {found.database} in "
            "pg_hba.conf, with trust"
        )
    if found.has_background_workers:
        return (
            "alter system set max_worker_processes = 48; and restart PostgreSQL: pg_cron needs one for each alarm that "
            "rings at the same time"
        )
    if login is not None and login.verdict == "accepted":
        return (
            f"wait for the next full minute: {login.why}. If alarms still fail: can the server reach itself at "
            "cron.host "
            f"({found.host or 'the socket'}; see listen_addresses), and does it have a free connection "
            "(max_connections)?"
        )
    above = (
        f", above line {login.line}"
        if login is not None and login.line is not None
        else ", above the lines for all users"
    )
    line = pg_hba.line(found.caller(has_password=False))
    written = f"write into {found.hba_file or 'pg_hba.conf'}{above}: {line}  and run: select pg_reload_conf();"
    return f"{written} Or, without a login: {_BACKGROUND_WORKERS}" if found.has_seconds else written


def check(admin_url: str, *, progress: Progress) -> Ringing:
    """Return whether pg_cron rings here. Takes seconds; before pg_cron 1.5 the first ring comes with the next minute.
    Never raises.

    About once a second, `progress` is called with what is being waited for.
    """
    try:
        with session.connect(admin_url, session.wanted(None), application_name="kronos-migrate") as connection:
            return _check(connection, progress)
    except (psycopg.Error, errors.KronosError) as error:
        text = error.diag.message_primary if isinstance(error, psycopg.Error) else str(error)
        return Ringing(
            verdict="unknown", detail=f"could not check whether pg_cron rings: {text}", fix="run `kronos doctor`"
        )


def _check(connection: Connection, progress: Progress) -> Ringing:
    found, login = setup(connection)
    connection.execute("set role kronos_owner")
    (before,) = rows(connection, _HEARD, {})
    if found.served_database not in (None, found.database):
        return Ringing(
            verdict="no",
            detail=f"pg_cron serves database {found.served_database} and rings nothing in {found.database}",
            fix=f"set cron.database_name = '{found.database}' and restart PostgreSQL",
        )
    found = _with_launcher(connection, found, progress)
    if not found.has_launcher:
        return Ringing(
            verdict="no", detail="pg_cron's launcher is not running", fix="restart PostgreSQL, and check its log"
        )
    if before.seconds is not None and before.seconds <= HEARD_SECONDS:
        return Ringing(verdict="yes", detail=f"pg_cron rang {before.seconds:.0f} s ago")
    if login is not None and login.verdict == "refused":
        return Ringing(verdict="no", detail=f"pg_cron cannot log in: {login.why}", fix=what_to_write(found, login))
    return _ring(connection, found, login, before, progress)


def _with_launcher(connection: Connection, found: Setup, progress: Progress) -> Setup:
    """Return `found` once pg_cron's launcher runs: it starts some moments after the server. Does not wait long."""
    until = time.monotonic() + _LAUNCHER_WITHIN
    while not found.has_launcher and time.monotonic() < until:
        progress(f"waiting for pg_cron's launcher: up to {until - time.monotonic():.0f} s")
        time.sleep(_LOOK_EVERY)  # nothing signals that a process started
        (now,) = rows(connection, _SETUP, {})
        found = replace(found, has_launcher=now.has_launcher)
    return found


def _ring(
    connection: Connection, found: Setup, login: pg_hba.Login | None, before: Heard, progress: Progress
) -> Ringing:
    """Wait for an alarm: that of a test entry that rings every second; before pg_cron 1.5, the internal jobs' next
    minute."""
    name = f"kronos:{uuid.uuid4()}"  # of no job: if this process dies, the reaper removes the entry within a minute
    channel = f"kronos_ring_{uuid.uuid4().hex}"
    connection.execute(f'listen "{channel}"')
    if found.has_seconds:
        connection.execute("set role kronos_cron")
        connection.execute("select cron.schedule(%s, '1 seconds', %s)", [name, f"select pg_notify('{channel}', '')"])
        connection.execute("set role kronos_owner")
    try:
        return _wait(connection, found, login, before, progress)
    finally:
        if found.has_seconds and not connection.closed:
            connection.execute("set role kronos_cron")
            connection.execute(
                "select cron.unschedule(jobid) from cron.job where jobname = %s and username = current_user", [name]
            )


def _wait(
    connection: Connection, found: Setup, login: pg_hba.Login | None, before: Heard, progress: Progress
) -> Ringing:
    began = time.monotonic()
    within = _SECONDS_RING_WITHIN if found.has_seconds else _seconds_to_minute(connection) + _MINUTE_RINGS_WITHIN
    while (waited := time.monotonic() - began) < within:
        progress(f"waiting for pg_cron to ring as {pg_hba.USER}: up to {within - waited:.0f} s")
        for _ in connection.notifies(timeout=_LOOK_EVERY, stop_after=1):
            return Ringing(
                verdict="yes", detail=f"pg_cron rang as {pg_hba.USER} after {time.monotonic() - began:.1f} s"
            )
        (now,) = rows(connection, _HEARD, {})
        if now.seconds is not None and (before.seconds is None or now.seconds < before.seconds):
            return Ringing(
                verdict="yes", detail=f"pg_cron rang as {pg_hba.USER} after {time.monotonic() - began:.1f} s"
            )
        if now.failure is not None and now.last_runid > before.last_runid:
            return Ringing(verdict="no", detail=f"pg_cron cannot ring: {now.failure}", fix=what_to_write(found, login))
    return Ringing(
        verdict="no",
        detail=f"pg_cron did not ring within {within:.0f} s" + (f" ({login.why})" if login is not None else ""),
        fix="see the messages of pg_cron's launcher in PostgreSQL's log; restart PostgreSQL; then run `kronos doctor`",
    )


def _seconds_to_minute(connection: Connection) -> float:
    found = connection.execute("select extract(second from clock_timestamp())::double precision").fetchone()
    return _MINUTE - (float(found[0]) if found is not None else 0.0)
