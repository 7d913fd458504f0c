"""Brings a database to this release: roles, schema, functions, policies, grants, internal jobs. One transaction, one
migrator at a time."""

from contextlib import ExitStack

import psycopg

from kronos import database_errors, errors, owner, patience, repeatables, revisions, session, sql
from kronos.loading import loading

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

# An upgrade waits this long for what a session uses, and sessions after it wait as well; then it gives way, and
# tries again. Less than deadlock_timeout (1 s): where two wait for each other, it is the upgrade that gives way.
_LOCK_TIMEOUT = "500ms"
_TRIES = 30
_READ_ONLY = (
    "PostgreSQL takes no writes, it is a standby; nothing was changed. Let KRONOS_DATABASE_URL name the primary "
    "(several hosts, separated "
    "by commas, may stand in it), then run `kronos migrate` again"
)


def head() -> str:
    """The newest revision that this release knows."""
    return revisions.known()[-1]


def migrate(admin_url: str, *, to: str = "head") -> None:
    """Bring the database at `admin_url` to this release. Idempotent; concurrent runs wait for one another; a failed one
    changes nothing.

    `admin_url` is a superuser's, or, where the extension is there already, one with createrole and create on the
    database. Raises MigrationFailed with what to do, Unconnected.
    """
    try:
        with session.connect(admin_url, session.wanted(None)) as lock:
            # Held by a session of its own: it must outlive the transaction and be gone with the process.
            lock.execute("select pg_advisory_lock(hashtext('kronos.migrate'))")
            patience.patiently(lambda: _upgrade(admin_url, to), tries=_TRIES)
            with session.connect(admin_url, session.wanted(None), autocommit=False) as connection:
                # Apart from the tables: pg_cron may miss an entry that is scheduled together with many new relations
                # (its #362).
                owner.act_as_owner(connection)
                connection.execute("select kronos.ensure_internal_jobs()")
                connection.commit()
                owner.act_as_owner(connection)
                connection.execute("select kronos.reap()")
                connection.commit()
                while connection.execute("select kronos.add_partitions()").fetchone() != (0,):
                    connection.commit()  # a few at a time, so that nobody's statement waits for all of them
    except psycopg.Error as error:
        raise _explained(error, admin_url) from error


def _upgrade(admin_url: str, to: str) -> bool:
    """Whether it is done: it is, or raises."""
    with session.connect(admin_url, session.wanted(None), autocommit=False) as driver, ExitStack() as stack:
        # The session's, not the transaction's: what was begun is rolled back where alembic is needed.
        driver.execute("select pg_advisory_lock(hashtext('kronos.migrate.transaction'))")
        driver.commit()
        at = _begin(driver)
        require(to, at)
        run = None
        if at != head():
            driver.rollback()
            with loading():
                from kronos import schema_steps  # here, so that a start at a database of this release has no alembic
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
    """Roles and schema, and from here on who owns them; the revision the database is at."""
    driver.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'".encode())
    driver.execute((sql.root() / "cluster.sql").read_text(encoding="utf-8").encode())
    driver.execute("set local role kronos_owner")
    return current_of(driver)


def _in_use(error: psycopg.Error, users: list[str]) -> Exception:
    """The error itself, or a sentence where others' views are in the migration's way."""
    if users and isinstance(error, (psycopg.errors.FeatureNotSupported, psycopg.errors.DependentObjectsStillExist)):
        return repeatables.in_use(users)
    return error


def steps(at: str | None) -> list[tuple[str, str]]:
    """(revision, what it does) from revision `at` to this release's, in order."""
    if at == head():
        return []
    with loading():
        from kronos import schema_steps
    return schema_steps.after(at)


def require(to: str, at: str | None) -> None:
    """Raises MigrationFailed where this release cannot bring a database at revision `at` to `to`, with what can."""
    newest, known = head(), revisions.known()
    if to not in ("head", newest):
        if to not in known:
            raise errors.MigrationFailed(
                f"there is no revision {to!r}; this release has {', '.join(known)}, and runs on the last of them"
            )
        way = (
            f"from {at} there is no way down: restore the backup that was made at {to}"
            if at is not None and at > to
            else f"run the `kronos migrate` of the release whose newest revision is {to}"
        )
        raise errors.MigrationFailed(
            f"this release runs on revision {newest} alone, so it stops at no other. For {to}: {way}. Nothing was "
            "changed"
        )
    if at is not None and at not in known:
        raise errors.MigrationFailed(
            f"the database is at revision {at}, which this release does not know: a newer one made it. Use that "
            "release; "
            f"for this one, restore the backup that was made at {newest} or before. Nothing was changed"
        )


def current_of(connection: repeatables.Driver) -> str | None:
    """As `current`, over a connection that is there. Raises psycopg.Error."""
    row = connection.execute("select to_regclass('kronos.schema_version') is not null").fetchone()
    if row != (True,):
        return None
    found = connection.execute("select version_num from kronos.schema_version").fetchone()
    return str(found[0]) if found is not None else None


def current(url: str) -> str | None:
    """The revision the database is at; None before the first migration. Raises DatabaseUnavailable, MigrationFailed."""
    try:
        with session.connect(url, session.wanted(None)) as connection:
            return current_of(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        message = error.diag.message_primary
        raise errors.MigrationFailed(
            f"{message}: use the KRONOS_DATABASE_URL that `kronos migrate` was run with before"
        ) from error
    except psycopg.Error as error:
        raise database_errors.from_database(error) from error


def _explained(error: psycopg.Error, admin_url: str) -> errors.MigrationFailed:
    database = psycopg.conninfo.conninfo_to_dict(admin_url).get("dbname", "?")
    if database_errors.is_lost(error):
        return errors.MigrationFailed(
            "the connection to PostgreSQL was lost: run `kronos migrate` again, it does what is missing"
        )
    message = error.diag.message_primary or str(error)
    if "preload" in message or 'parameter "cron.' in message:  # as 1.6 says it, and 1.4
        return errors.MigrationFailed(f"{message}. " + _PG_CRON_IS_MISSING.format(database=database))
    if "can only create extension in database" in message:
        return errors.MigrationFailed(_PG_CRON_IS_ELSEWHERE.format(message=message, database=database))
    if error.sqlstate == "25006":
        return errors.MigrationFailed(_READ_ONLY)
    if error.sqlstate == "2BP01":
        return errors.MigrationFailed(
            f"{message}: {error.diag.message_detail}. Nothing was changed. Drop what is yours, migrate, and create it "
            "again"
        )
    if error.sqlstate == "42501":
        return not_allowed(admin_url, message)
    if error.sqlstate in ("42P01", "42704", "42703"):
        return errors.MigrationFailed(
            f"{message}; nothing was changed. A table, column or type that an earlier migration made has gone, and "
            "none makes it again: "
            "restore the backup (`kronos doctor` lists what is gone)"
        )
    return errors.MigrationFailed(f"{message} ({error.sqlstate or 'no connection'}); nothing was changed")


def not_allowed(admin_url: str, message: str) -> errors.MigrationFailed:
    """What a superuser has to run first."""
    database = psycopg.conninfo.conninfo_to_dict(admin_url).get("dbname", "?")
    return errors.MigrationFailed(
        _NOT_ALLOWED.format(message=message, database=database, statements=_what_a_dba_runs(admin_url))
    )


def _what_a_dba_runs(admin_url: str) -> str:
    """The statements after which the user of `admin_url` can migrate, for a superuser to paste."""
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
    if has_roles:  # made by somebody else, so from PostgreSQL 16 on createrole is not enough
        statements.append(f"grant kronos_owner, kronos_cron, kronos_api, kronos_worker to {user} with admin option;")
    return " ".join(statements)
