"""A connection's role and settings. They are set by statements and then read back; if the server shows other values,
the connection is not used.

Startup options would save a message, but a pooler may drop them, and a database, a role or a pooler's previous client
may have left other values. The settings cover how values are written and read, how long a statement may take, and the
acting role.
"""

import asyncio
import select
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Literal, TypeAlias, TypeVar, get_args

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import AdaptContext
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow, class_row

from kronos import database_errors, errors, libpq, server_time, timelines, unreachable
from kronos.records import dataclass
from kronos.sql import Statement

Role: TypeAlias = Literal["kronos_api", "kronos_worker"]
Connection: TypeAlias = psycopg.Connection[TupleRow]
Row = TypeVar("Row")
_Dialogue: TypeAlias = Generator[tuple[str, Mapping[str, object]], list[TupleRow], bool]

NOT_CONNECTED = (psycopg.Error, UnicodeError)
"""What psycopg raises if it cannot connect; UnicodeError for an invalid host name, as from PGHOST."""
_CONNECT_SECONDS = 3
_PROOF_SECONDS = 2
_ANSWER_SECONDS = 3.0
# In PostgreSQL's own notation, because they are compared with the values that it shows.
_VALUES = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "timezone_abbreviations": "Default",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "search_path": "pg_catalog, pg_temp",
    "row_security": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "exit_on_error": "off",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",  # from PostgreSQL 17 on
    "jit": "off",
}
# A setting that this PostgreSQL does not know is left out.
_SET = """
select set_config(wanted.name, wanted.value, false)
  from unnest(%(names)s::text[], %(values)s::text[]) as wanted (name, value)
 where current_setting(wanted.name, true) is not null
"""
_ASK = """
select current_user::text, session_user::text, current_database()::text, pg_backend_pid(),
       acting.rolsuper or acting.rolbypassrls,
       current_setting('server_encoding'), current_setting('session_replication_role'), clock_timestamp(),
       pg_is_in_recovery()
  from pg_roles as acting
 where acting.rolname = current_user
"""
_DIFFERENT = """
select wanted.name, wanted.value, current_setting(wanted.name), setting.source
  from unnest(%(names)s::text[], %(values)s::text[]) as wanted (name, value)
  left join pg_settings as setting on lower(setting.name) = lower(wanted.name)
 where current_setting(wanted.name, true) <> wanted.value
"""
_DIFFERS = """
select exists (select
                 from unnest(%(names)s::text[], %(values)s::text[]) as wanted (name, value)
                where current_setting(wanted.name, true) <> wanted.value)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTerms:
    """The role that acts on a connection, None for the user who logged in, and the settings."""

    role: Role | None
    settings: Mapping[str, str]


def wanted(
    role: Role | None,
    *,
    statement_timeout: timedelta = timedelta(0),
    lock_timeout: timedelta = timedelta(0),
    idle_in_transaction: timedelta = timedelta(0),
    **extra: str,
) -> SessionTerms:
    """Return the settings of every connection, with these limits (zero: none) and extra settings, in PostgreSQL's
    notation."""
    limits = {
        "statement_timeout": _shown(statement_timeout),
        "lock_timeout": _shown(lock_timeout),
        "idle_in_transaction_session_timeout": _shown(idle_in_transaction),
    }
    return SessionTerms(role=role, settings={**_VALUES, **limits, **extra})


def _shown(length: timedelta) -> str:
    """Return a duration in PostgreSQL's notation: in the largest unit of which it is a whole number."""
    milliseconds = round(length.total_seconds() * 1000)
    if milliseconds == 0:
        return "0"
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def conninfo(url: str, *, is_replica: bool = False, **extra: str | int) -> str:
    """Return `url` with options that detect within seconds that the other end is gone. Uses nothing that a pooler must
    pass on.

    Of several servers it selects the one that accepts writes, or for a replica one that does not, unless the URL says
    otherwise.
    """
    choice: dict[str, str | int | None] = (
        {}
        if libpq.number_of_hosts(url) == 1
        else {"target_session_attrs": "prefer-standby" if is_replica else "read-write"}
    )
    own: dict[str, str | int] = {
        "application_name": "kronos",
        "client_encoding": "UTF8",
        "connect_timeout": _CONNECT_SECONDS,
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 2,
        "tcp_user_timeout": 3000,  # ms; keepalives detect a dead peer only while no data is unacknowledged
    }
    return make_conninfo("", **(choice | conninfo_to_dict(url) | own | extra))


def connect_seconds(url: str) -> float:
    """Return how long a connection and its proof may take, if every server but the last is dead."""
    return _PROOF_SECONDS + _CONNECT_SECONDS * libpq.number_of_hosts(url)


def is_quiet(connection: AsyncConnection[TupleRow]) -> bool:
    """Return whether an idle connection can be used: a server that ended it, or a broken network, makes its socket
    readable.

    Nothing else does that to a session without LISTEN. The check takes 1 µs; a query would take a round trip.
    """
    if connection.closed:
        return False
    looked = select.poll()
    looked.register(connection.pgconn.socket, select.POLLIN)
    return not looked.poll(0)


def connect(
    url: str, asked: SessionTerms, *, autocommit: bool = True, context: AdaptContext | None = None, **extra: str | int
) -> Connection:
    """Return a new connection that has proven its role and settings; `context` says how values are read.

    Raises Unconnected, SessionRefused, psycopg.Error.
    """
    dsn = conninfo(url, is_replica=False, **extra)
    try:
        connection = psycopg.connect(spread(dsn), autocommit=True, context=context)
    except NOT_CONNECTED as error:
        raise errors.Unconnected(unreachable.why(error, dsn)) from error
    try:
        try:
            found = connection.execute(timelines.READ, prepare=False).fetchone()
        except psycopg.Error as error:
            _take_no_timeline(error)
        else:
            _judge(found, connection.info)
        if _converse(connection, asked):
            with ThreadPoolExecutor(1) as apart:  # a separate event loop: the caller may be running in one
                apart.submit(asyncio.run, _probe(dsn)).result()
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


def rows(connection: Connection, statement: Statement[Row], params: Mapping[str, object]) -> list[Row]:
    """Return all rows of one statement. Raises psycopg.Error."""
    with connection.cursor(row_factory=class_row(statement.row)) as cursor:
        return cursor.execute(statement.text, params).fetchall()


async def open_connection(
    dsn: str,
    asked: SessionTerms,
    *,
    context: AdaptContext,
    seconds: float,
    also: Callable[[AsyncConnection[TupleRow]], Awaitable[None]],
) -> AsyncConnection[TupleRow]:
    """Return a new autocommit connection for conninfo `dsn` that has proven its role and settings, and passed the check
    `also`.

    Raises Unconnected, SessionRefused.
    """
    connection: AsyncConnection[TupleRow] | None = None
    try:
        async with asyncio.timeout(seconds):
            connection = await AsyncConnection.connect(
                spread(dsn), autocommit=True, prepare_threshold=0, context=context
            )
            await prove(connection, asked, dsn=dsn)
            await also(connection)
    except BaseException as error:
        if connection is not None:
            await connection.close()
        if isinstance(error, (*NOT_CONNECTED, TimeoutError)):
            raise errors.Unconnected(unreachable.why(error, dsn)) from error
        raise
    return connection


def _converse(connection: Connection, asked: SessionTerms) -> bool:
    dialogue = _dialogue(asked, connection.info.backend_pid)
    question, params = next(dialogue)
    try:
        while True:
            try:
                answer = connection.execute(question.encode(), params, prepare=False).fetchall()
            except psycopg.Error as error:
                raise _refused_by(error, asked, connection.info) from error
            question, params = dialogue.send(answer)
    except StopIteration as end:
        return bool(end.value)


def spread(dsn: str) -> str:
    """Return `dsn`, with its servers in random order once an old primary was seen, which may precede the new one."""
    return make_conninfo(dsn, load_balance_hosts="random") if timelines.SEEN.is_wary else dsn


def _take_no_timeline(error: psycopg.Error) -> None:
    """Accept that a hosted PostgreSQL may not report its timeline. Raises the error if it ended the connection."""
    if database_errors.is_lost(error):
        raise error
    timelines.SEEN.could_not_read(error)


def _judge(found: TupleRow | None, info: psycopg.ConnectionInfo) -> None:
    """Raise Unconnected if a failover left this server behind."""
    if found is not None and found[0] is not None:
        why = timelines.SEEN.judge(found[0], found[1], f"{info.host}:{info.port}")
        if why is not None:
            raise errors.Unconnected(why)


async def prove(connection: AsyncConnection[TupleRow], asked: SessionTerms, *, dsn: str) -> None:
    """Set role and settings of a new autocommit connection, opened with conninfo `dsn`, and check that they hold.
    Raises SessionRefused, Unconnected if a failover left this server behind."""
    try:
        found = await (await connection.execute(timelines.READ, prepare=False)).fetchone()
    except psycopg.Error as error:
        _take_no_timeline(error)
    else:
        _judge(found, connection.info)
    dialogue = _dialogue(asked, connection.info.backend_pid)
    question, params = next(dialogue)
    try:
        while True:
            try:
                answer = await (await connection.execute(question.encode(), params, prepare=False)).fetchall()
            except psycopg.Error as error:
                raise _refused_by(error, asked, connection.info) from error
            question, params = dialogue.send(answer)
    except StopIteration as end:
        if end.value:
            await _probe(dsn)


def _dialogue(asked: SessionTerms, server_pid: int) -> _Dialogue:
    """Yield the queries, given each answer. Returns whether a pooler is in between. Raises SessionRefused."""
    values = {"names": list(asked.settings), "values": list(asked.settings.values())}
    if asked.role is not None:
        yield "select set_config('role', %(role)s, false)", {"role": asked.role}
    yield _SET, values
    # Separate from the statements that set them: values that do not outlive a transaction are gone by then.
    asked_at = server_time.boot_time()
    ((user, login, database, pid, is_mighty, encoding, replication, at, is_standby),) = yield _ASK, {}
    if not is_standby:  # a standby's clock is not the one that ticks are due by
        server_time.CLOCK.note(at, asked_at, server_time.boot_time())
    if asked.role is not None and user != asked.role:
        raise errors.SessionRefused(
            f"in database {database} the connection of {login} acts as {user}, not as {asked.role}{_POOLED}"
        )
    if asked.role is not None and is_mighty:
        raise errors.SessionRefused(
            f"{user} bypasses row level security, which isolates workspaces: alter role {user} nosuperuser nobypassrls"
        )
    if encoding != "UTF8":
        raise errors.SessionRefused(
            f"database {database} is encoded in {encoding}; Kronos needs one that was made with encoding 'UTF8'"
        )
    if replication != "origin":
        raise errors.SessionRefused(
            f"session_replication_role is {replication} for {login} in database {database}, so no trigger or foreign "
            "key is enforced: "
            f"alter database {database} reset session_replication_role, or alter role {login} reset "
            "session_replication_role"
        )
    ((is_different,),) = yield _DIFFERS, values
    if is_different:
        different = yield _DIFFERENT, values
        found = "; ".join(
            f"{name} is {found!r}, not {value!r} (from: {source})" for name, value, found, source in different
        )
        raise errors.SessionRefused(
            f"settings of this session of {login} in database {database} do not keep their values: {found}{_POOLED}"
        )
    return bool(pid != server_pid)


_POOLED = (
    ". Does a pooler give each transaction another session? Kronos needs one session per connection: set "
    "pool_mode = session "
    "(pgbouncer), or connect directly to PostgreSQL"
)


def _refused_by(error: psycopg.Error, asked: SessionTerms, info: psycopg.ConnectionInfo) -> Exception:
    """Return why the server does not allow the role; `error` itself if it has another cause."""
    message = error.diag.message_primary or ""
    if error.sqlstate == "22023" and "does not exist" in message:
        return errors.SessionRefused(f"{message}: run `kronos migrate` with an administrator's KRONOS_DATABASE_URL")
    if error.sqlstate == "42501" and asked.role is not None:
        if info.user in get_args(Role):  # these two logins must never become each other: nothing to grant
            return errors.SessionRefused(
                f"user {info.user} may not act as {asked.role}: use the login of {asked.role} in KRONOS_DATABASE_URL"
            )
        return errors.SessionRefused(
            f"user {info.user} may not act as {asked.role}: let an administrator run: grant {asked.role} to {info.user}"
        )
    return error


async def _probe(dsn: str) -> None:
    """Check that a pooler in between keeps one session per connection: two connections must never share one. Raises
    SessionRefused.

    If it has no further session, there is nothing to check: a pooler that shared sessions would have used ours.
    """
    async with (
        await AsyncConnection.connect(dsn, autocommit=True) as first,
        await AsyncConnection.connect(dsn, autocommit=True) as second,
    ):
        ours, others = set[int | None](), set[int | None]()
        for _ in range(3):
            if (pid := await _pid(first)) is None:
                return
            ours |= {pid, await _pid(first)}  # a pooler that rotates its sessions gives another one each time
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await second.execute("begin")
            except TimeoutError:
                return
            except psycopg.Error as error:
                raise errors.SessionRefused(
                    f"this connection cannot run a transaction ({error.diag.message_primary}){_POOLED}"
                ) from error
            others.add(await _pid(second))
            ours.add(await _pid(first))
            await second.execute("rollback")
            if len(ours) > 1 or ours & others:
                raise errors.SessionRefused(f"two connections to PostgreSQL got the same session{_POOLED}")


async def _pid(connection: AsyncConnection[TupleRow]) -> int | None:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            found = await (await connection.execute("select pg_backend_pid()")).fetchone()
    except TimeoutError:
        return None
    return int(found[0]) if found is not None else None


def is_superuser(connection: Connection) -> bool:
    """Return whether the user who logged in is a superuser, whichever role acts."""
    row = connection.execute("select rolsuper from pg_roles where rolname = session_user").fetchone()
    return row is None or bool(row[0])
