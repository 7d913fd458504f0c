"""kronos doctor names manual changes of roles, settings and the schema, and its fix reverts them."""

from typing import Any

import psycopg
import pytest

from cli.examined import CHECKS, Examine, failing
from kronos import catalog, errors, migrations, ringing
from kronos.doctor import finding
from sql_factory import make_cron_job, value

# Faults that can exist together are examined and repaired together; a group has at most one fault per object.
_BY_HAND = {
    "tables": [
        (
            "alter table kronos.jobs disable row level security",
            "objects",
            "row level security is off on table kronos.jobs",
        ),
        (
            "alter table kronos.endpoints no force row level security",
            "objects",
            "row level security is not forced on table kronos.endpoints",
        ),
        ("drop policy of_workspace on kronos.jobs", "objects", "policy of_workspace on kronos.jobs is gone"),
        (
            "create policy mine on kronos.jobs to kronos_api using (true)",
            "objects",
            "policy mine on kronos.jobs is not this release's",
        ),
        ("grant select on kronos.api_keys to kronos_worker", "objects", "table kronos.api_keys differs in its rights"),
        ("alter table kronos.jobs disable trigger user", "objects", "on kronos.jobs is switched off"),
        ("drop view kronos.job_details", "objects", "view kronos.job_details is gone"),
        (
            """create or replace function kronos.now() returns timestamptz language sql stable parallel safe
               return pg_catalog.now() + interval '0 s'""",
            "objects",
            "function kronos.now() differs in its text",
        ),
    ],
    "functions": [
        ("drop function kronos.fire", "objects", "function kronos.fire(uuid) is gone"),
        ("drop function kronos.check_ledgers", "ledger", "function kronos.check_ledgers"),
        ("drop function kronos.pg_cron_drift cascade", "drift", "function kronos.pg_cron_drift() does not exist"),
        ("alter function kronos.now() immutable", "objects", "function kronos.now() differs in its text"),
    ],
    "rights": [
        (
            "revoke execute on function kronos.fire from kronos_cron",
            "privileges",
            "kronos_cron cannot execute kronos.fire",
        ),
        (
            "revoke execute on procedure kronos.ring from public, kronos_cron",
            "privileges",
            "kronos_cron cannot execute kronos.ring,",
        ),
        (
            "revoke execute on function kronos.ring_some from kronos_cron",
            "privileges",
            "kronos_cron cannot execute kronos.ring_some",
        ),
        (
            "revoke execute on function kronos.ring_held from kronos_cron",
            "privileges",
            "kronos_cron cannot execute kronos.ring_held",
        ),
        (
            "revoke execute on function kronos.alarm_of, kronos.shared_names, kronos.ring_texts from kronos_cron",
            "privileges",
            "kronos_cron cannot execute kronos.shared_names",
        ),
        (
            "revoke execute on function kronos.needed_alarms, kronos.folded_texts from kronos_cron",
            "privileges",
            "kronos_cron cannot execute kronos.needed_alarms",
        ),
        (
            "alter function kronos.settle_alarms owner to kronos_owner",
            "privileges",
            "kronos_cron does not own kronos.settle_alarms",
        ),
        (
            "alter function kronos.write_alarms owner to kronos_owner",
            "privileges",
            "kronos_cron does not own kronos.write_alarms",
        ),
        ("delete from kronos.heartbeats", "internal jobs", "0 of 0 internal jobs"),
        (
            """create or replace function kronos.clock() returns timestamptz language sql volatile parallel safe
               return pg_catalog.clock_timestamp() + interval '0 s'""",
            "objects",
            "function kronos.clock() differs in its text",
        ),
    ],
}


@pytest.mark.parametrize("harms", _BY_HAND.values(), ids=_BY_HAND)
def test_what_was_changed_by_hand_is_named_and_its_fix_puts_it_right(
    examine: Examine,
    superuser: psycopg.Connection,
    database_url: str,
    job_id: Any,
    monkeypatch: pytest.MonkeyPatch,
    harms: list[tuple[str, str, str]],
) -> None:
    monkeypatch.setattr(finding, "SHOWN", len(harms) * 100)
    known = superuser.execute(catalog.CHANGES).fetchall()
    for harm, _, _ in harms:
        superuser.execute(harm.encode())
        # `migrate` decides by these changes, except for rows. A fault that they missed would only be repaired along
        # with others.
        before, known = known, superuser.execute(catalog.CHANGES).fetchall()
        assert harm.startswith("delete") or known != before, harm
    found = examine()
    for _, check, detail in harms:
        assert (found[check].ok, detail in found[check].detail) == (False, True), found[check]
    assert [found[each] for each in failing(found) if not (found[each].fix or "").startswith(finding.MIGRATE)] == []
    migrations.migrate(database_url)
    assert failing(examine()) == set()


@pytest.mark.parametrize(
    "harms",
    [
        [
            ("alter role kronos_cron nologin", "kronos_cron cannot log in"),
            (
                "alter role kronos_api nologin",
                "kronos_api cannot log in and connect to this database, nor can any role that may become it",
            ),
            ("alter role kronos_worker nologin", "kronos_worker cannot log in and connect"),
        ],
        [
            (
                "revoke connect on database {0} from public",
                "kronos_cron cannot connect to this database, kronos_api cannot log in and connect",
            ),
            (
                "alter role kronos_api bypassrls",
                "kronos_api is past row level security, as a role with bypassrls",
            ),
            ("alter role kronos_worker superuser", "kronos_worker is past row level security, as a superuser"),
        ],
    ],
    ids=["no logins", "no connections, past policies"],
)
def test_a_role_that_is_not_as_it_was_made_is_found_and_migrate_puts_it_right(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any, harms: list[tuple[str, str]]
) -> None:
    try:
        for harm, _ in harms:
            superuser.execute(harm.format(superuser.info.dbname).encode())
        found = examine()
        assert failing(found) == {"privileges"}
        for _, detail in harms:
            assert detail in found["privileges"].detail
        migrations.migrate(database_url)
        assert failing(examine()) == set()
    finally:  # a role belongs to the server, which other tests share
        superuser.execute("alter role kronos_cron login")
        superuser.execute("alter role kronos_api login nobypassrls")
        superuser.execute("alter role kronos_worker login nosuperuser")


def test_what_pg_crons_own_rights_have_lost_is_found_and_migrate_puts_it_right(
    examine: Examine, superuser: psycopg.Connection, database_url: str
) -> None:
    rights = {
        "function cron.schedule(text, text, text)": "execute",
        "function cron.unschedule(bigint)": "execute",
        "table cron.job": "select",
    }

    def each(statement: str) -> None:
        for what, right in rights.items():
            superuser.execute(statement.format(right=right, what=what).encode())

    for what, right in rights.items():  # by itself: `migrate` decides by what is missing
        superuser.execute(f"revoke {right} on {what} from public".encode())
        kind, name = what.split(" ", 1)
        may = f"select has_{kind}_privilege('kronos_cron', '{name}', '{right}')"
        assert value(superuser, may) is False, what
        migrations.migrate(database_url)
        assert value(superuser, may) is True, what
        each("grant {right} on {what} to public")
        each("revoke {right} on {what} from kronos_cron")
    each("revoke {right} on {what} from public")
    found = examine()
    assert "privileges" in failing(found)
    for lost in ("cannot execute cron.schedule", "cannot execute cron.unschedule", "cannot read cron.job"):
        assert f"kronos_cron {lost}" in found["privileges"].detail, lost
    migrations.migrate(database_url)
    assert failing(examine()) == set()
    job_id = make_cron_job(superuser, is_registered=True)
    with superuser.transaction():
        superuser.execute("update kronos.jobs set status = 'PAUSED' where job_id = %s", [job_id])
        assert value(superuser, "select kronos.unregister_pg_cron(%s)", [job_id])


def test_a_login_of_ones_own_stands_in_for_a_role_that_may_not_log_in(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any
) -> None:
    name = f"login_of_{superuser.info.dbname}"
    try:
        superuser.execute(f"create role {name} login in role kronos_api".encode())
        superuser.execute("alter role kronos_api nologin")
        assert failing(examine()) == set()
        migrations.migrate(database_url)
        assert (
            value(superuser, "select rolcanlogin from pg_roles where rolname = 'kronos_api'") is False
        )  # as its administrator wants it
    finally:
        superuser.execute("alter role kronos_api login")
        superuser.execute(f"drop role {name}".encode())


@pytest.mark.parametrize(
    ("harm", "mended", "why"),
    [
        ("alter role kronos_cron nologin", "alter role kronos_cron login", "has no right to log in"),
        (
            "alter role kronos_cron connection limit 0",
            "alter role kronos_cron connection limit -1",
            "may have no connection",
        ),
        (
            "revoke connect on database {0} from public",
            "grant connect on database {0} to public",
            "may not connect to this database",
        ),
    ],
)
def test_why_pg_cron_is_let_in_nowhere_is_said_and_what_lets_it_in(
    superuser: psycopg.Connection, harm: str, mended: str, why: str
) -> None:
    database = superuser.info.dbname
    try:
        superuser.execute(harm.format(database).encode())
        setup, login = ringing.setup(superuser)
        assert login is not None
        assert (login.verdict, login.why) == ("refused", f"kronos_cron {why}")
        superuser.execute(ringing.what_to_write(setup, login).partition("; pg_cron then rings")[0].encode())
        assert ringing.setup(superuser)[0].shut_out is None
    finally:
        superuser.execute(mended.format(database).encode())


def test_a_fix_that_cannot_be_made_is_a_finding_and_hides_no_other(
    examine: Examine, superuser: psycopg.Connection, job_id: Any
) -> None:
    superuser.execute("drop function kronos.reap")
    found = examine(fix=True)
    assert (found["fix"].ok, "function kronos.reap() does not exist" in found["fix"].detail) == (False, True)
    assert found["fix"].fix == finding.MIGRATE
    assert set(found) == CHECKS | {"fix"}
    assert failing(found) == {"fix", "objects"}


def test_a_table_that_is_gone_is_no_migrations_to_bring_back(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any
) -> None:
    superuser.execute("drop table kronos.attempt_late")
    found = examine()["objects"]
    assert (
        found.ok,
        "table kronos.attempt_late is gone" in found.detail,
        "restore the backup" in (found.fix or ""),
    ) == (False, True, True)
    with pytest.raises(errors.MigrationFailed, match=r"attempt_late.*restore the backup"):
        migrations.migrate(database_url)


def test_indexes_and_constraints_that_are_not_there_or_do_not_hold_are_found(
    examine: Examine, superuser: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "SHOWN", 100)
    harms = {
        "jobs_name_taken": "drop index kronos.jobs_name_taken",
        "execution_done_newest": "drop index kronos.execution_done_newest",
        "jobs_one_live_version": "update pg_index set indisvalid = false "
        "where indexrelid = 'kronos.jobs_one_live_version'::regclass",
        "attempt_late_pkey": "alter table kronos.attempt_late drop constraint attempt_late_pkey",
        "backfills_end_is_told": "alter table kronos.backfills drop constraint backfills_end_is_told",
        "backfills_job_fkey": "update pg_constraint set convalidated = false where conname = 'backfills_job_fkey'",
    }
    for harm in harms.values():
        superuser.execute(harm.encode())
    migrations.migrate(database_url)  # which neither recreates them nor forgets them
    found = examine()
    assert failing(found) == {"tables"}
    named = found["tables"].detail.removeprefix("missing, or not valid: ").split(", ")
    assert sorted(named) == sorted(harms)


def test_an_index_that_is_gone_is_found_and_made_again_by_what_is_said_of_it(
    examine: Examine, superuser: psycopg.Connection
) -> None:
    for name in ("jobs_name_taken", "execution_done_newest"):
        superuser.execute(f"drop index kronos.{name}".encode())
        found = examine()
        assert failing(found) == {"tables"}
        assert found["tables"].detail == f"missing, or not valid: {name}"
        assert name in (found["tables"].fix or "")
        superuser.execute((found["tables"].fix or "").partition(": ")[2].encode())
        assert failing(examine()) == set()


def test_a_jobs_rules_that_nobody_keeps_are_found_and_migrate_puts_them_right(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any
) -> None:
    """A trigger enforces them, during replication too (decision 0036); they used to be constraints."""
    gone, off = "trigger jobs_stay_sound on kronos.jobs is gone", "jobs_stay_sound on kronos.jobs is switched off"
    for harm, told in (
        ("drop trigger jobs_stay_sound on kronos.jobs", gone),
        ("alter table kronos.jobs disable trigger jobs_stay_sound", off),
        ("alter table kronos.jobs enable trigger jobs_stay_sound", off),
    ):
        superuser.execute(harm.encode())
        found = examine()
        assert failing(found) == {"objects"}, harm
        assert told in found["objects"].detail
        migrations.migrate(database_url)
        assert superuser.execute(catalog.CHANGES).fetchall() == [], harm
        with pytest.raises(psycopg.errors.CheckViolation, match="jobs_retired_is_told"):
            superuser.execute("update kronos.jobs set retired_at = now() where job_id = %s", [job_id])
    assert failing(examine()) == set()
