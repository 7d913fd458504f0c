"""Bring a database to this release: roles, schema, functions, policies, grants, internal jobs. Runs in one transaction;
only one migration runs at a time."""

from contextlib import ExitStack

import psycopg

from kronos import database_errors, errors, owner, patience, repeatables, revisions, session, sql
from kronos.loading import loading

_PG_CRON_IS_MISSING = (
    "pg_cron is not loaded in this server: add it to shared_preload_libraries, set cron.database_name = '{database}' "
    "and restart PostgreSQL; then run `kronos migrate` again"
)
_PG_CRON_IS_ELSEWHERE = (
    "{message}: pg_cron serves only one database of a server, and here it is not {database}. Migrate the one it "
    "serves, or set cron.database_name = '{database}' and restart PostgreSQL"
)
# What a DBA runs once if the migrating user is not a superuser; cluster.sql skips what exists.
_NOT_ALLOWED = "{message}; nothing was changed. Let a superuser run once in database {database}: {statements}"

# How long an upgrade waits for a lock, while later sessions queue behind it; then it gives way and retries. Below
# deadlock_timeout (1 s), so that in a deadlock the upgrade gives way.
_LOCK_TIMEOUT = "500ms"
_TRIES = 30
_READ_ONLY = (
    "PostgreSQL is a read-only standby; nothing was changed. Point KRONOS_DATABASE_URL at the primary "
    "(the URL may list several hosts, separated by commas), then run `kronos migrate` again"
)


def head() -> str:
    """Return the newest revision that this release knows."""
    return revisions.known()[-1]


def migrate(admin_url: str, *, to: str = "head") -> None:
    """Bring the database at `admin_url` to this release. Idempotent; concurrent runs wait for one another; a failed one
    changes nothing.

    `admin_url` is a superuser's or, if the extension exists already, that of a user with createrole and create on the
    database. Raises MigrationFailed with the remedy, Unconnected.
    """
    try:
        with session.connect(admin_url, session.wanted(None)) as lock:
            # Held by a separate session: it must outlive the transaction and end with the process.
            lock.execute("select pg_advisory_lock(hashtext('kronos.migrate'))")
            patience.patiently(lambda: _upgrade(admin_url, to), tries=_TRIES)
            with session.connect(admin_url, session.wanted(None), autocommit=False) as connection:
                # Not together with the tables: pg_cron may miss an entry that is scheduled together with many new
                # relations (its #362).
                owner.act_as_owner(connection)
                connection.execute("select kronos.ensure_internal_jobs()")
                connection.commit()
                owner.act_as_owner(connection)
                connection.execute("select kronos.reap()")
                connection.commit()
                while connection.execute("select kronos.add_partitions()").fetchone() != (0,):
                    connection.commit()  # a few at a time, so that no other statement waits for all of them
    except psycopg.Error as error:
        raise _explained(error, admin_url) from error


def _upgrade(admin_url: str, to: str) -> bool:
    """Return True once the upgrade is done; otherwise raise."""
    with session.connect(admin_url, session.wanted(None), autocommit=False) as driver, ExitStack() as stack:
        # The session's lock, not the transaction's: the transaction is rolled back if alembic is needed.
        driver.execute("select pg_advisory_lock(hashtext('kronos.migrate.transaction'))")
        driver.commit()
        at = _begin(driver)
        require(to, at)
        run = None
        if at != head():
            driver.rollback()
            with loading():
                from kronos import schema_steps  # here, so that a start on a current database does not import alembic
            run = stack.enter_context(schema_steps.runner(driver))
            _begin(driver)
        upgrade = repeatables.Upgrade(driver)
        upgrade.begin(is_schema_changed=run is not None)
        if run is not None:
            try:
                run(to)
            except psycopg.Error as error:
                raise _in_use(error, upgrade.users) from error
        upgrade.finish()
    return True


def _begin(driver: repeatables.Driver) -> str | None:
    """Create roles and schema, become their owner, and return the database's revision."""
    driver.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'".encode())
    driver.execute((sql.root() / "cluster.sql").read_text(encoding="utf-8").encode())
    driver.execute("set local role kronos_owner")
    return current_of(driver)


def _in_use(error: psycopg.Error, users: list[str]) -> Exception:
    """Return the error itself, or a clear message if others' views block the migration."""
    if users and isinstance(error, (psycopg.errors.FeatureNotSupported, psycopg.errors.DependentObjectsStillExist)):
        return repeatables.in_use(users)
    return error


def steps(at: str | None) -> list[tuple[str, str]]:
    """Return (revision, its description) from revision `at` to this release's, in order."""
    if at == head():
        return []
    with loading():
        from kronos import schema_steps
    return schema_steps.after(at)


def require(to: str, at: str | None) -> None:
    """Raise MigrationFailed if this release cannot bring a database at revision `at` to `to`, naming what can."""
    newest, known = head(), revisions.known()
    if to not in ("head", newest):
        if to not in known:
            raise errors.MigrationFailed(
                f"there is no revision {to!r}; this release has {', '.join(known)}, and requires the last of them"
            )
        way = (
            f"a schema cannot be downgraded from {at}: restore the backup that was made at {to}"
            if at is not None and at > to
            else f"run the `kronos migrate` of the release whose newest revision is {to}"
        )
        raise errors.MigrationFailed(
            f"this release requires revision {newest}, so it cannot stop at another. For {to}: {way}. Nothing was "
            "changed"
        )
    if at is not None and at not in known:
        raise errors.MigrationFailed(
            f"the database is at revision {at}, which this release does not know: a newer release created it. Use that "
            "release; "
            f"to use this one, restore a backup that was made at {newest} or before. Nothing was changed"
        )


def current_of(connection: repeatables.Driver) -> str | None:
    """Like `current`, over an existing connection. Raises psycopg.Error."""
    row = connection.execute("select to_regclass('kronos.schema_version') is not null").fetchone()
    if row != (True,):
        return None
    found = connection.execute("select version_num from kronos.schema_version").fetchone()
    return str(found[0]) if found is not None else None


def current(url: str) -> str | None:
    """Return the database's revision; None before the first migration. Raises DatabaseUnavailable, MigrationFailed."""
    try:
        with session.connect(url, session.wanted(None)) as connection:
            return current_of(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        message = error.diag.message_primary
        raise errors.MigrationFailed(
            f"{message}: use the KRONOS_DATABASE_URL of the earlier runs of `kronos migrate`"
        ) from error
    except psycopg.Error as error:
        raise database_errors.from_database(error) from error


def _explained(error: psycopg.Error, admin_url: str) -> errors.MigrationFailed:
    database = psycopg.conninfo.conninfo_to_dict(admin_url).get("dbname", "?")
    if database_errors.is_lost(error):
        return errors.MigrationFailed(
            "the connection to PostgreSQL was lost: run `kronos migrate` again, it completes what is missing"
        )
    message = error.diag.message_primary or str(error)
    if "preload" in message or 'parameter "cron.' in message:  # the messages of 1.6 and 1.4
        return errors.MigrationFailed(f"{message}. " + _PG_CRON_IS_MISSING.format(database=database))
    if "can only create extension in database" in message:
        return errors.MigrationFailed(_PG_CRON_IS_ELSEWHERE.format(message=message, database=database))
    if error.sqlstate == "25006":
        return errors.MigrationFailed(_READ_ONLY)
    if error.sqlstate == "2BP01":
        return errors.MigrationFailed(
            f"{message}: {error.diag.message_detail}. Nothing was changed. Drop your own object, migrate, then create "
            "it again"
        )
    if error.sqlstate == "42501":
        return not_allowed(admin_url, message)
    if error.sqlstate in ("42P01", "42704", "42703"):
        return errors.MigrationFailed(
            f"{message}; nothing was changed. A table, column or type of an earlier migration is gone, and no "
            "migration recreates it: "
            "restore the backup (`kronos doctor` lists what is gone)"
        )
    return errors.MigrationFailed(f"{message} ({error.sqlstate or 'no connection'}); nothing was changed")


def not_allowed(admin_url: str, message: str) -> errors.MigrationFailed:
    """Return the error that names the statements for a superuser."""
    database = psycopg.conninfo.conninfo_to_dict(admin_url).get("dbname", "?")
    return errors.MigrationFailed(
        _NOT_ALLOWED.format(message=message, database=database, statements=_what_a_dba_runs(admin_url))
    )


def _what_a_dba_runs(admin_url: str) -> str:
    """Return the statements that allow the user of `admin_url` to migrate, for a superuser to paste."""
    with session.connect(admin_url, session.wanted(None)) as connection:
        user, database, has_roles = connection.execute(
            "select quote_ident(current_user), quote_ident(current_database()), to_regrole('kronos_owner') is not null"
        ).fetchone() or ("", "", False)
    statements = [
        "create extension if not exists pg_cron;",
        f"grant usage on schema cron to {user} with grant option;",
        f"alter role {user} createrole;",
        f"grant create on database {database} to {user};",
    ]
    if has_roles:  # created by another user; since PostgreSQL 16 createrole is not enough then
        statements.append(f"grant kronos_owner, kronos_cron, kronos_api, kronos_worker to {user} with admin option;")
    return " ".join(statements)
