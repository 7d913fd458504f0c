"""Brings a database to this release: roles, schema, functions, policies, grants, internal jobs. One transaction, one migrator at a time."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool

from kronos import errors, sql

_PG_CRON_IS_MISSING = (
    "pg_cron is not loaded in this server: add it to shared_preload_libraries, set cron.database_name = '{database}' "
    "and restart PostgreSQL; then run `kronos migrate` again"
)
_PG_CRON_IS_ELSEWHERE = (
    "{message}: pg_cron serves one database of a server, and here it is not {database}. Migrate that one, "
    "or set cron.database_name = '{database}' and restart PostgreSQL"
)
# What a DBA does once when the migrating user is no superuser; cluster.sql skips what is there.
_NOT_ALLOWED = "{message}; nothing was changed; let a superuser run once in database {database}: {statements}"

# A function that was renamed would stay, and one whose arguments or answer changed could not be replaced (42P13). Triggers, views and
# policies that use one go with it: the files make all of them anew, in this transaction.
_DROP_FUNCTIONS = """
do $$
declare
    v_function text;
begin
    for v_function in
        select oid::regprocedure::text from pg_proc where pronamespace = 'kronos'::regnamespace and proowner = current_user::regrole
    loop
        execute format('drop function if exists %s cascade', v_function);
    end loop;
end
$$
"""


def scripts() -> Path:
    """The alembic/ folder: inside the wheel, or at the checkout's top."""
    bundled = Path(__file__).parent / "_alembic"
    return bundled if bundled.is_dir() else Path(__file__).parents[1] / "alembic"


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision that this release knows."""
    revision = ScriptDirectory.from_config(_alembic()).get_current_head()
    if revision is None:
        raise RuntimeError(f"no migrations in {scripts()}")
    return revision


def repeatables() -> Iterator[tuple[str, Path]]:
    """(role that owns it, file) of everything that is applied again when it changed, in order."""
    root = sql.root()
    for path in sorted((root / "functions").glob("*/*.sql")):
        yield "kronos_cron" if path.parent.name == "pg_cron" else "kronos_owner", path
    for path in sorted((root / "views").glob("*.sql")):
        yield "kronos_owner", path
    yield "kronos_owner", root / "policies.sql"
    yield "", root / "grants.sql"  # as the migrator, who is a member of both owners


def digest() -> str:
    """What the repeatable files say now; the comment on schema kronos says what was applied last."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for _, path in repeatables())).hexdigest()[:16]


def migrate(admin_url: str, *, to: str = "head") -> None:
    """Bring the database at `admin_url` to this release. Idempotent; concurrent runs wait for one another; a failed one changes nothing.

    `admin_url` is a superuser's, or, where the extension is there already, one with createrole and create on the database.
    Raises MigrationFailed with what to do.
    """
    try:
        with psycopg.connect(admin_url, autocommit=True) as lock:
            # Held by a session of its own: it must outlive the transaction and be gone with the process.
            lock.execute("select pg_advisory_lock(hashtext('kronos.migrate'))")
            _upgrade(admin_url, to)
            with psycopg.connect(admin_url) as connection:
                # Apart from the tables: pg_cron may miss an entry that is scheduled together with many new relations (its #362).
                connection.execute("set role kronos_owner")
                connection.execute("select kronos.ensure_internal_jobs()")
                connection.commit()
                connection.execute("set role kronos_owner")
                connection.execute("select kronos.reap()")
                connection.commit()
                while connection.execute("select kronos.add_partitions()").fetchone() != (0,):
                    connection.commit()  # a few at a time, so that nobody's statement waits for all of them
    except psycopg.Error as error:
        raise _explained(error, admin_url) from error


def _upgrade(admin_url: str, to: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(admin_url), poolclass=pool.NullPool)
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError(f"expected psycopg's connection, got {type(driver).__name__}")
        driver.execute("set local lock_timeout = '10s'")
        driver.execute("select pg_advisory_xact_lock(hashtext('kronos.migrate.transaction'))")
        driver.execute((sql.root() / "cluster.sql").read_text(encoding="utf-8").encode())
        driver.execute("set local role kronos_owner")
        command.upgrade(_alembic(connection), to)
        _apply_repeatables(driver)


def _apply_repeatables(driver: "psycopg.Connection[tuple[object, ...]]") -> None:
    applied = driver.execute("select obj_description('kronos'::regnamespace)").fetchone()
    now = f"sql/ {digest()}"
    if applied == (now,):
        return
    for owner in ("kronos_cron", "kronos_owner"):
        driver.execute("reset role")
        driver.execute(f"set local role {owner}".encode())
        driver.execute(_DROP_FUNCTIONS)
    driver.execute("set local check_function_bodies = off")  # files may name each other in any order
    driver.execute("grant usage, create on schema kronos to kronos_cron")
    for owner, path in repeatables():
        driver.execute("reset role")
        if owner:
            driver.execute(f"set local role {owner}".encode())
        driver.execute(path.read_bytes())
    driver.execute("set local role kronos_owner")
    driver.execute("revoke create on schema kronos from kronos_cron")
    driver.execute(f"comment on schema kronos is '{now}'".encode())


def current(url: str) -> str | None:
    """The revision the database is at; None before the first migration. Raises DatabaseUnavailable."""
    try:
        # Connected here: an error that SQLAlchemy meets while it connects is no psycopg.Error any more.
        opened = psycopg.connect(url)
        engine = create_engine("postgresql+psycopg://", creator=lambda: opened, poolclass=pool.NullPool)
        with opened, engine.connect() as connection:
            return MigrationContext.configure(
                connection, opts={"version_table_schema": "kronos", "version_table": "schema_version"}
            ).get_current_revision()
    except psycopg.Error as error:
        raise errors.from_database(error) from error


def _explained(error: psycopg.Error, admin_url: str) -> errors.MigrationFailed:
    database = psycopg.conninfo.conninfo_to_dict(admin_url).get("dbname", "?")
    message = error.diag.message_primary or str(error)
    if "preload" in message or 'parameter "cron.' in message:  # as 1.6 says it, and 1.4
        return errors.MigrationFailed(f"{message}. " + _PG_CRON_IS_MISSING.format(database=database))
    if "can only create extension in database" in message:
        return errors.MigrationFailed(_PG_CRON_IS_ELSEWHERE.format(message=message, database=database))
    if error.sqlstate == "42501":
        return errors.MigrationFailed(_NOT_ALLOWED.format(message=message, database=database, statements=_what_a_dba_runs(admin_url)))
    return errors.MigrationFailed(f"{message} ({error.sqlstate or 'no connection'}); nothing was changed")


def _what_a_dba_runs(admin_url: str) -> str:
    """The statements after which the user of `admin_url` can migrate, for a superuser to paste."""
    with psycopg.connect(admin_url) as connection:
        user, database, has_roles = connection.execute(
            "select quote_ident(current_user), quote_ident(current_database()), to_regrole('kronos_owner') is not null"
        ).fetchone() or ("", "", False)
    statements = [
        "create extension if not exists pg_cron;",
        f"grant usage on schema cron to {user} with grant option;",
        f"alter role {user} createrole;",
        f"grant create on database {database} to {user};",
    ]
    if has_roles:  # made by somebody else, so from PostgreSQL 16 on createrole is not enough
        statements.append(f"grant kronos_owner, kronos_cron, kronos_api, kronos_worker to {user} with admin option;")
    return " ".join(statements)
