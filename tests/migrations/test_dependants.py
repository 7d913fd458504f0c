"""An upgrade drops only its own objects: what others built on our views and functions stays, or the upgrade names it
and stops."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory import add_endpoint, add_executions
from kronos import catalog, errors, migrations, sql
from migrations.releases import Release, next_release, wider_revision
from sql_factory import Connection, records, value, values

_ISO = "functions/ground/iso.sql"
_EXECUTIONS = "views/executions.sql"
_SIGNATURES = """
  select oid::bigint, oid::regprocedure::text || ' ' || proowner::regrole || coalesce(proacl::text, '')
    from pg_proc where pronamespace = 'kronos'::regnamespace order by 1
"""


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    return next_release(tmp_path, monkeypatch)


@pytest.fixture
def report(superuser: Connection) -> Iterator[str]:
    """A DBA's objects: a view, a generated column, an index, a separate trigger function; and a role that reads. Its
    name."""
    reader = f"reader_{uuid.uuid4().hex[:8]}"
    superuser.execute("create schema rpt")
    superuser.execute(
        "create view rpt.failed_today as select workspace, job_id, scheduled_at from kronos.executions where status = "
        "'FAILED'"
    )
    superuser.execute(
        "create table rpt.sla (job_id uuid, at timestamptz, shown text generated always as (kronos.iso(at)) stored)"
    )
    superuser.execute("create index sla_by_time on rpt.sla (kronos.iso(at))")
    superuser.execute("insert into rpt.sla (job_id, at) values (gen_random_uuid(), '2026-01-02 03:04:05Z')")
    superuser.execute(f"create role {reader}")
    superuser.execute(f"grant usage on schema kronos to {reader}")
    superuser.execute(f"grant select on kronos.job_details to {reader}")
    superuser.execute(f"grant select (workspace, status) on kronos.executions to {reader} with grant option")
    yield reader
    superuser.execute(f"drop owned by {reader}")
    superuser.execute(f"drop role {reader}")


def reports(connection: Connection, reader: str) -> tuple[object, ...]:
    return (
        values(connection, "select shown from rpt.sla"),
        values(connection, "select indexdef from pg_indexes where schemaname = 'rpt'"),
        values(connection, "select pg_get_viewdef('rpt.failed_today'::regclass)"),
        records(
            connection,
            "select has_table_privilege(%(reader)s, 'kronos.job_details', 'select') as reads_jobs,"
            "       has_column_privilege(%(reader)s, 'kronos.executions', 'status', 'select with grant option') as "
            "reads_status,"
            "       has_column_privilege(%(reader)s, 'kronos.executions', 'input', 'select') as reads_inputs",
            {"reader": reader},
        ),
    )


def test_an_upgrade_that_touches_every_file_leaves_what_others_built(
    superuser: Connection, database_url: str, release: Release, report: str
) -> None:
    before, functions = reports(superuser, report), values(superuser, _SIGNATURES)
    release.touch_everything()
    migrations.migrate(database_url)
    assert reports(superuser, report) == before
    assert value(superuser, "select count(*) from rpt.failed_today") == 0
    assert values(superuser, _SIGNATURES) == functions, "a function was dropped and created where it could be replaced"


def test_a_changed_answer_with_a_dependant_stops_and_names_it(
    superuser: Connection, database_url: str, release: Release, report: str
) -> None:
    before, functions = reports(superuser, report), values(superuser, _SIGNATURES)
    release.edit(_ISO, "returns text", "returns varchar")
    with pytest.raises(errors.MigrationFailed) as caught:
        migrations.migrate(database_url)
    assert "column shown of table rpt.sla uses function kronos.iso(timestamp with time zone)" in caught.value.detail
    assert "index rpt.sla_by_time uses function kronos.iso" in caught.value.detail
    assert "rpt.failed_today" not in caught.value.detail, "it uses nothing that changes"
    assert "job_details" not in caught.value.detail, "our own view is not reported"
    assert "Nothing was changed" in caught.value.detail
    assert (reports(superuser, report), values(superuser, _SIGNATURES)) == (before, functions)
    superuser.execute("drop table rpt.sla")
    migrations.migrate(database_url)
    assert (
        value(superuser, "select pg_get_function_result('kronos.iso(timestamptz)'::regprocedure)")
        == "character varying"
    )
    assert values(superuser, "select proname from pg_proc where proname like 'aside%'") == []
    assert value(superuser, "select count(*) from rpt.failed_today") == 0


def test_a_changed_signature_is_found_by_the_views_that_use_it(
    superuser: Connection, database_url: str, release: Release
) -> None:
    release.edit(_ISO, "p_at timestamptz)", "p_at timestamptz, p_digits integer default 0)")
    migrations.migrate(database_url)
    assert values(superuser, "select oid::regprocedure::text from pg_proc where proname = 'iso'") == [
        "kronos.iso(timestamp with time zone,integer)"
    ]
    add_executions(superuser, add_endpoint(superuser))
    assert (
        value(superuser, "select execution ->> 'status' from kronos.job_details where trigger = 'IMMEDIATE'")
        == "QUEUED"
    )


def test_functions_views_and_triggers_that_a_release_has_no_more_go(
    superuser: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        old = next_release(tmp_path / "old", patch)
        old.write(
            "functions/changes/old_mark.sql",
            "create or replace function kronos.old_mark() returns trigger language plpgsql as $$ begin return new; "
            "end $$;\n"
            "create or replace trigger marked before insert on kronos.jobs for each row execute function "
            "kronos.old_mark();\n",
        )
        old.write(
            "views/old_jobs.sql",
            "create or replace view kronos.old_jobs with (security_invoker = true) as select job_id from kronos.jobs;",
        )
        migrations.migrate(database_url)
    assert value(superuser, "select count(*) from pg_trigger where tgname = 'marked'") == 1
    superuser.execute("create view public.mine as select job_id from kronos.old_jobs")
    with pytest.raises(errors.MigrationFailed, match=r"view public\.mine uses view kronos\.old_jobs"):
        migrations.migrate(database_url)
    assert value(superuser, "select count(*) from pg_trigger where tgname = 'marked'") == 1
    superuser.execute("drop view public.mine")
    migrations.migrate(database_url)
    assert values(superuser, "select tgname from pg_trigger where tgname = 'marked'") == []
    assert value(superuser, "select to_regclass('kronos.old_jobs')") is None
    assert values(superuser, "select proname from pg_proc where proname = 'old_mark'") == []


def test_a_view_gets_a_column_at_its_end_under_a_view_that_reads_it(
    superuser: Connection, database_url: str, release: Release, report: str
) -> None:
    before = reports(superuser, report)
    text = (sql.root() / "views/attempts.sql").read_text()
    release.write("views/attempts.sql", text.replace("endpoint_version\n", "endpoint_version, 1 as added\n"))
    superuser.execute("create view rpt.tries as select execution_id from kronos.attempts")
    migrations.migrate(database_url)
    assert reports(superuser, report) == before
    assert values(superuser, "select added from kronos.attempts") == []


def test_a_view_whose_columns_change_is_made_again_with_those_that_read_it_and_what_was_granted(
    superuser: Connection, database_url: str, release: Release, report: str
) -> None:
    before = reports(superuser, report)
    release.edit("views/active_executions.sql", "null::bigint as duration_ms", "null::numeric as duration_ms")
    release.edit("functions/ground/duration_ms.sql", "returns bigint", "returns numeric")
    release.edit("functions/ground/duration_ms.sql", "* 1000)::bigint", "* 1000)::numeric")
    release.edit("functions/history/read_executions.sql", "duration_ms bigint", "duration_ms numeric")
    with pytest.raises(errors.MigrationFailed, match=r"view rpt\.failed_today uses view kronos\.executions") as caught:
        migrations.migrate(database_url)
    assert "job_details" not in caught.value.detail
    assert reports(superuser, report) == before
    superuser.execute("alter view rpt.failed_today rename to kept")
    definition = value(superuser, "select pg_get_viewdef('rpt.kept'::regclass)")
    superuser.execute("drop view rpt.kept")
    migrations.migrate(database_url)
    superuser.execute(f"create view rpt.failed_today as {definition}")
    assert reports(superuser, report) == before
    assert (
        value(
            superuser,
            "select atttypid::regtype::text from pg_attribute where attrelid = 'kronos.executions'::regclass and "
            "attname = 'duration_ms'",
        )
        == "numeric"
    )
    add_executions(superuser, add_endpoint(superuser))
    assert (
        value(superuser, "select execution ->> 'status' from kronos.job_details where trigger = 'IMMEDIATE'")
        == "QUEUED"
    )


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return wider_revision(tmp_path, monkeypatch)


def test_our_views_are_in_no_migrations_way_and_what_was_granted_on_them_stays(
    superuser: Connection, database_url: str, next_revision: str, report: str
) -> None:
    before = reports(superuser, report)
    migrations.migrate(database_url)
    assert migrations.current(database_url) == next_revision
    assert reports(superuser, report) == before
    assert value(superuser, "select count(*) from kronos.attempts") == 0


def test_a_migration_under_a_view_of_others_stops_and_names_it(
    superuser: Connection, database_url: str, next_revision: str
) -> None:
    superuser.execute("create view public.tries as select worker_id from kronos.attempts")
    before = values(superuser, "select relname from pg_class where relnamespace = 'kronos'::regnamespace order by 1")
    with pytest.raises(
        errors.MigrationFailed, match=r"view public\.tries uses view kronos\.attempts\. Nothing was changed"
    ):
        migrations.migrate(database_url)
    assert migrations.current(database_url) != next_revision
    assert (
        values(superuser, "select relname from pg_class where relnamespace = 'kronos'::regnamespace order by 1")
        == before
    )


def test_a_view_that_reads_one_of_a_later_name_finds_it(
    superuser: Connection, database_url: str, release: Release
) -> None:
    release.write(
        "views/a_first.sql",
        "create or replace view kronos.a_first with (security_invoker = true) as select n from kronos.b_second;",
    )
    release.write(
        "views/b_second.sql", "create or replace view kronos.b_second with (security_invoker = true) as select 1 as n;"
    )
    migrations.migrate(database_url)
    release.write(
        "views/b_second.sql",
        "create or replace view kronos.b_second with (security_invoker = true) as select 'x' as n;",
    )
    migrations.migrate(database_url)
    assert value(superuser, "select n from kronos.a_first") == "x"
    assert values(superuser, "select relname from pg_class where relname like 'aside%'") == []


def test_a_function_that_changes_hands_is_the_new_owners(
    superuser: Connection, database_url: str, release: Release
) -> None:
    release.write("functions/pg_cron/iso.sql", (release.root / _ISO).read_text())
    release.remove(_ISO)
    migrations.migrate(database_url)
    assert value(superuser, "select proowner::regrole::text from pg_proc where proname = 'iso'") == "kronos_cron"
    add_executions(superuser, add_endpoint(superuser))
    assert value(superuser, "select count(*) from kronos.job_details where execution is not null") == 1


_POLICY = "from pg_policy where polrelid = 'kronos.jobs'::regclass and polname = 'of_workspace'"


_DAMAGES = [
    ("drop function kronos.end_jobs", "to_regproc('kronos.end_jobs') is not null"),
    ("drop view kronos.job_details", "to_regclass('kronos.job_details') is not null"),
    (
        "revoke select on kronos.job_details from kronos_api",
        "has_table_privilege('kronos_api', 'kronos.job_details', 'select')",
    ),
    ("drop policy of_workspace on kronos.jobs", f"exists (select {_POLICY})"),
    (
        "alter policy of_workspace on kronos.jobs using (true)",
        f"(select pg_get_expr(polqual, polrelid) <> 'true' {_POLICY})",
    ),
    (
        "alter table kronos.jobs no force row level security",
        "relforcerowsecurity from pg_class where oid = 'kronos.jobs'::regclass",
    ),
    ("revoke insert on kronos.jobs from kronos_api", "has_table_privilege('kronos_api', 'kronos.jobs', 'insert')"),
    (
        "grant select on kronos.api_keys to kronos_worker",
        "not has_table_privilege('kronos_worker', 'kronos.api_keys', 'select')",
    ),
    (
        "revoke execute on function kronos.fire from kronos_cron",
        "has_function_privilege('kronos_cron', 'kronos.fire(uuid)', 'execute')",
    ),
    (
        "alter function kronos.fire owner to postgres",
        "proowner = 'kronos_owner'::regrole from pg_proc where proname = 'fire'",
    ),
    ("alter function kronos.fire reset search_path", "proconfig is not null from pg_proc where proname = 'fire'"),
    (
        "create or replace trigger jobs_stay_sound before insert on kronos.jobs for each row"
        " execute function kronos.require_sound_job(); alter table kronos.jobs enable always trigger "
        "jobs_stay_sound",
        "pg_get_triggerdef(oid) like '% OR UPDATE OF job_id, %' from pg_trigger where tgname = 'jobs_stay_sound'",
    ),
    (
        "alter table kronos.jobs disable trigger user",
        "bool_and(tgenabled = case tgname when 'jobs_stay_sound' then 'A' else 'O' end) from pg_trigger"
        " where tgrelid = 'kronos.jobs'::regclass",
    ),
]


def test_what_is_missing_or_was_turned_off_comes_back_though_no_file_changed(
    superuser: Connection, database_url: str
) -> None:
    for damage, is_whole in _DAMAGES:
        with superuser.transaction(force_rollback=True):
            superuser.execute(damage)
            assert value(superuser, f"select {is_whole}") is False, damage
            # `migrate` decides by this. A damage that it missed would only be repaired along with others.
            assert superuser.execute(catalog.CHANGES).fetchall() != [], damage
    for damage, _ in reversed(_DAMAGES):
        superuser.execute(damage)
    migrations.migrate(database_url)
    for _, is_whole in _DAMAGES:
        assert value(superuser, f"select {is_whole}") is True, is_whole
