"""The audit in the database: its contents, who cannot touch it, and that its chains reveal changes."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from depth import depth
from factory import EndpointRow, add_endpoint
from kronos import audit, keys, sql
from kronos.audit import Pin, Verified
from sql_factory import Connection, acting_as, buffers, make_cron_job, records, value, values
from turning import fill, turn

_ROWS = """
    select action, actor, object_id, object, before, after, database_user, workspace_id
      from (select action, actor, object_id, object, before, after, database_user, workspace_id, at
              from kronos.audit_pending
             union all
            select action, actor, object_id, object, before, after, database_user, workspace_id, at
              from kronos.audit) as row
"""
# Tables whose rows are not configuration, and why a change to them is not audited.
_NO_CONFIGURATION = {
    **dict.fromkeys(["audit", "audit_pending", "audit_chains"], "the audit itself"),
    **dict.fromkeys(["execution_live", "execution_done", "attempt", "attempt_late"], "history; note_execution"),
    **dict.fromkeys(["dead_letters", "callbacks", "backfill_redriven", "late_days", "history_weeks"], "history"),
    **dict.fromkeys(
        ["pointers", "pointers_floor", "turns", "cancelled_jobs", "calendar_moves"], "follow from what is changed"
    ),
    **dict.fromkeys(["job_tags", "job_callbacks", "workspace_gate", "job_faults"], "follow from what is changed"),
    **dict.fromkeys(["heartbeats", "zones", "made_objects", "retention_sweeps", "schema_version"], "Kronos's own"),
    **dict.fromkeys(["deletions", "quota_shards"], "follow from what is changed"),
    **dict.fromkeys(["request_rates", "sign_ins"], "of requests and sessions"),
    **dict.fromkeys(["alert_ends", "alert_states", "alert_counts", "alert_notifications"], "follow from rules"),
    **dict.fromkeys(
        ["beat_pointers", "beat_ticks", "beat_pings", "ping_door", "ping_gaps"], "what jobs elsewhere said"
    ),
    **dict.fromkeys(["live_watches", "live_marks", "live_origin", "live_changes"], "of those who listen"),
    "idempotency_keys": "kept with what they made",
    "calendars": "follow from their documents",
    "managed": "which files a resource is of: its own changes have source apply",
}
_NOT_OF_A_NEW_JOB = {"version", "previous_version_id", "description", "skip_next", "offset_seconds"}


def rows_of(connection: Connection, object_id: object) -> list[dict[str, Any]]:
    return records(connection, f"{_ROWS} where object_id = %s order by at", [str(object_id)])


def of_workspace(connection: Connection, endpoint: EndpointRow) -> list[dict[str, Any]]:
    return records(connection, f"{_ROWS} where workspace_id = %s order by at", [endpoint.workspace_id])


def seal(connection: Connection) -> int:
    return int(value(connection, "select kronos.seal_audit(1000)"))


def verified(url: str, workspace: str | None, *pins: Pin) -> Verified:
    (found,) = [each for each in audit.verify(url, [(workspace, pin) for pin in pins]) if each.workspace == workspace]
    return found


def slug_of(connection: Connection, endpoint: EndpointRow) -> str:
    return str(value(connection, "select slug from kronos.workspaces where workspace_id = %s", [endpoint.workspace_id]))


def test_every_table_is_in_the_audit_or_has_a_reason_not_to_be(shared: Connection) -> None:
    tables = values(
        shared,
        "select relname::text from pg_class where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p')"
        " and not relispartition",
    )
    audited = values(
        shared,
        "select distinct tgrelid::regclass::text from pg_trigger where tgfoid in ('kronos.note_change'::regproc,"
        " 'kronos.note_new_job'::regproc)",
    )
    assert {f"kronos.{each}" for each in tables} == {*audited, *(f"kronos.{each}" for each in _NO_CONFIGURATION)}


def _hidden_of_a_job() -> set[str]:
    """The columns that note_change hides of a job's new version."""
    changed = (sql.root() / "functions" / "audit" / "note_change.sql").read_text()
    trigger = re.search(r"audited_version .*?;", changed, re.DOTALL)
    assert trigger is not None
    return set(re.findall(r"\w+", trigger[0].rpartition("'name',")[2]))


def test_every_column_of_a_job_is_shown_when_it_is_made_or_is_none_that_a_user_gives(shared: Connection) -> None:
    """note_new_job names the columns that it shows. Those that it leaves out are the ones that note_change hides, and a
    few more.
    """
    folder = sql.root() / "functions" / "audit"
    made = (folder / "note_new_job.sql").read_text() + (folder / "further_terms.sql").read_text()
    hidden = _hidden_of_a_job()
    columns = set(
        values(
            shared,
            "select attname::text from pg_attribute"
            " where attrelid = 'kronos.jobs'::regclass and attnum > 0 and not attisdropped",
        )
    )
    shown = set(re.findall(r"'(\w+)',\s+(?:new|p_job|kronos|jsonb_build_object)\b", made))
    assert columns - shown - hidden == _NOT_OF_A_NEW_JOB
    # a job that has one of the further terms, or lacks one of the usual ones, is shown in full
    asked = set(re.findall(r"new\.(\w+)", made.partition("num_nonnulls(")[2].partition(") = 0")[0]))
    assert asked == set(re.findall(r"p_job\.(\w+)", made))


def test_a_new_job_is_shown_as_any_change_is_whatever_terms_it_has(superuser: Connection) -> None:
    """As note_change would show it, which leaves out nulls."""
    endpoint = add_endpoint(superuser)
    given: tuple[dict[str, Any], ...] = (
        {},
        {"name": "a-name"},
        {"title": "A title", "tags": ["b", "a"], "deadline_seconds": 7, "priority": 3, "max_runs": 2},
        {"idempotency_key": "k", "starts_at": datetime(2030, 1, 1, tzinfo=UTC), "overlap": "SKIP"},
    )
    for terms in given:
        job_id = make_cron_job(superuser, endpoint, **terms)
        (made,) = rows_of(superuser, job_id)
        wanted = value(
            superuser,
            "select jsonb_object_agg(key, kronos.shown_field(key, value)) from kronos.jobs as job,"
            " jsonb_each(to_jsonb(job) - %s::text[]) where job_id = %s and value <> 'null'",
            [sorted(_NOT_OF_A_NEW_JOB | _hidden_of_a_job()), job_id],
        )
        assert made["after"] == wanted


@pytest.mark.parametrize("role", ["kronos_api", "kronos_worker", "kronos_cron"])
@pytest.mark.parametrize("table", ["audit", "audit_pending", "audit_chains"])
@pytest.mark.parametrize(
    "write",
    [
        "insert into kronos.{} select * from kronos.{}",
        "update kronos.{} set workspace_id = null",
        "delete from kronos.{}",
        "truncate kronos.{}",
    ],
)
def test_no_role_writes_it_but_by_its_triggers(shared: Connection, role: str, table: str, write: str) -> None:
    with acting_as(shared, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.execute(write.format(table, table))


@pytest.mark.parametrize(
    "call",
    [
        "write_audit(null, 'x', 'x', 'x', 'x', null, null)",
        "note_execution(null, 'retry', gen_random_uuid(), 'x', null)",
        "seal_audit(1)",
        "retain_audit(1)",
        "cut_chain(gen_random_uuid(), now(), 1)",
    ],
)
def test_kronos_api_and_workers_cannot_write_it_by_a_function(shared: Connection, call: str) -> None:
    for role in ("kronos_api", "kronos_worker"):
        with acting_as(shared, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
            shared.execute(f"select kronos.{call}")


def test_kronos_api_notes_nothing_that_it_has_not_just_made(superuser: Connection) -> None:
    job_id = make_cron_job(superuser)
    workspace_id = value(superuser, "select workspace_id from kronos.jobs where job_id = %s", [job_id])
    run = uuid.uuid4()
    superuser.execute(
        """insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause,
               scheduled_at, run_at, visible_at, max_attempts, max_crashes, timeout_ms, input)
           select %s, workspace_id, job_id, endpoint_id, 1, 'MANUAL', now(), now(), now(), 1, 0, 1000, '{}'
             from kronos.jobs where job_id = %s""",
        [run, job_id],
    )
    with acting_as(superuser, "kronos_api"), superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(workspace_id)])
        assert value(superuser, "select kronos.note_made(array[%s])", [run]) == 0


def test_not_even_its_owner_changes_a_row_by_mistake(superuser: Connection) -> None:
    make_cron_job(superuser)
    seal(superuser)
    for write in ("update kronos.audit set actor = 'x'", "delete from kronos.audit", "truncate kronos.audit"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="audit rows cannot be changed"):
            superuser.execute(write)


def test_kronos_api_sees_the_rows_of_its_workspace_alone(shared: Connection) -> None:
    ours, theirs = add_endpoint(shared), add_endpoint(shared)
    for table in ("audit_pending", "audit", "audit_chains"):
        with acting_as(shared, "kronos_api"), shared.transaction():
            assert value(shared, f"select count(*) from kronos.{table}") == 0
            shared.execute("select set_config('kronos.workspace_id', %s, true)", [str(ours.workspace_id)])
            assert set(values(shared, f"select workspace_id from kronos.{table}")) == {ours.workspace_id}
            shared.execute("select set_config('kronos.instance_admin', 'on', true)")
            assert {ours.workspace_id, theirs.workspace_id} <= set(
                values(shared, f"select workspace_id from kronos.{table}")
            )
        seal(shared)


def test_a_statement_by_hand_is_its_users_and_what_is_undone_leaves_nothing(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    with superuser.transaction(force_rollback=True):
        superuser.execute("update kronos.workspaces set name = 'x' where workspace_id = %s", [endpoint.workspace_id])
        assert len(rows_of(superuser, endpoint.workspace_id)) == 2
    assert [each["action"] for each in rows_of(superuser, endpoint.workspace_id)] == ["workspace.create"]
    job_id = make_cron_job(superuser, endpoint)
    superuser.execute("update kronos.jobs set cron = '1 1 1 1 *', last_run_at = now() where job_id = %s", [job_id])
    superuser.execute("update kronos.jobs set runs = 7 where job_id = %s", [job_id])
    made, changed = rows_of(superuser, job_id)
    user = value(superuser, "select session_user::text")
    assert (made["action"], made["actor"], made["database_user"]) == ("job.create", user, user)
    assert (changed["before"], changed["after"]) == ({"cron": "* * * * *"}, {"cron": "1 1 1 1 *"})


def test_a_session_that_is_killed_leaves_no_row(superuser: Connection, database_url: str) -> None:
    endpoint = add_endpoint(superuser)
    with psycopg.connect(database_url) as doomed:
        make_cron_job(doomed, endpoint)
        doomed.execute("delete from kronos.endpoints where false")
        superuser.execute("select pg_terminate_backend(%s, 60000)", [doomed.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            doomed.commit()
    assert [each["action"] for each in of_workspace(superuser, endpoint)] == ["workspace.create", "endpoint.create"]


def test_who_may_only_enqueue_says_nothing_of_who_it_is(superuser: Connection) -> None:
    role = f"app_{uuid.uuid4().hex[:12]}"
    superuser.execute(f"create role {role} login")
    superuser.execute(f"grant usage on schema kronos to {role}; grant select, update on kronos.workspaces to {role}")
    endpoint = add_endpoint(superuser)
    superuser.execute(f"create policy hand on kronos.workspaces to {role} using (true)")
    try:
        with acting_as(superuser, role):
            superuser.execute('set kronos.caller = \'{"actor": "somebody else"}\'')
            superuser.execute(
                "update kronos.workspaces set name = 'mine' where workspace_id = %s", [endpoint.workspace_id]
            )
            superuser.execute("reset kronos.caller")
        assert rows_of(superuser, endpoint.workspace_id)[-1]["actor"] == role
    finally:
        superuser.execute(f"drop policy hand on kronos.workspaces; drop owned by {role}; drop role {role}")


def test_what_the_reaper_ends_is_the_reapers(superuser: Connection) -> None:
    job_id = make_cron_job(superuser, is_registered=True)
    superuser.execute(
        "update kronos.jobs set starts_at = now() - interval '2 days', ends_at = now() - interval '1 second'"
        " where job_id = %s",
        [job_id],
    )
    superuser.execute("select kronos.fire(job_id) from kronos.jobs where name = 'reaper'")
    (ended,) = [each for each in rows_of(superuser, job_id) if each["action"] == "job.end"]
    assert ended["actor"] == "reaper"
    assert value(superuser, "select coalesce(current_setting('kronos.caller', true), '')") == ""


def test_an_endpoint_that_is_gone_is_disabled_by_a_worker(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    with acting_as(superuser, "kronos_worker"):
        for _ in range(2):  # the second changes nothing
            superuser.execute(
                "select kronos.note_outcomes(array[%s::uuid], '{1}', '{FAILED}', "
                " array['{\"type\": \"http_status\"}'::jsonb], '{0}', '{true}', '{false}')",
                [endpoint.endpoint_id],
            )
    changes = [each for each in rows_of(superuser, endpoint.endpoint_id) if each["action"] == "endpoint.disable"]
    assert [(each["actor"], each["after"]["reason"]["code"]) for each in changes] == [("worker", "gone")]


def test_what_follows_a_workspace_is_the_workspaces_row(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    fill(superuser, endpoint, 50, since=value(superuser, "select now() - interval '1 hour'"))
    before = value(superuser, "select count(*) from kronos.audit_pending")
    turn(superuser, endpoint, "suspend")
    superuser.execute("select kronos.turn_all(clock_timestamp() + interval '1 minute')")
    assert of_workspace(superuser, endpoint)[-1]["action"] == "workspace.suspend"
    assert value(superuser, "select count(*) from kronos.audit_pending") == before + 1


def test_what_a_command_does_is_its_users(superuser: Connection, database_url: str) -> None:
    keys.create(database_url)
    (actor,) = values(superuser, f"select distinct actor from ({_ROWS}) as row where action = 'api_key.create'")
    assert actor.startswith("cli:")


@pytest.mark.parametrize("name", ["actor", "action", "object_type", "object_id", "object", "request_id", "before"])
def test_a_page_of_each_filter_reads_what_it_shows_however_much_there_is(module_database_url: str, name: str) -> None:
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        rows = depth(10_000, deep=40_000)
        few, every = 8, rows // 8
        if not value(connection, "select exists (select from kronos.audit where actor = 'many')"):
            connection.execute(
                f"""
                insert into kronos.audit
                select md5(n % 4 || '')::uuid, n / 4 + 1, gen_random_uuid(), md5(n % 4 || '')::uuid, 'w',
                       now() - n * interval '1 minute', case when n % {every} < 4 then 'few' else 'many' end,
                       null, null,
                       'r' || n / 16, 'u', 'job.' || case when n % {every} < 4 then 'few' else 'many' end,
                       case when n % {every} < 4 then 'few' else 'many' end, n % 997 || '',
                       'name ' || n % 997, null, null, sha256('')
                  from generate_series(0, {rows - 1}) as n;
                analyze kronos.audit
                """
            )
        sample = {
            "actor": "few", "action": "job.few", "object_type": "few", "object_id": "77", "object": "name 77",
            "request_id": "r123", "before": "2000-01-01T00:00:00Z",
        }  # fmt: skip
        named = sum(n % 997 == 77 for n in range(0, rows, 4))
        expected = {"request_id": 4, "before": 0, "object_id": named, "object": named}.get(name, few)
        for chain, least in (("md5('0')::uuid", expected), ("null", min(20, expected))):
            query = (
                f"select * from kronos.list_audit({chain}, '{{\"{name}\": \"{sample[name]}\"}}', 'infinity',"
                " 'ffffffff-ffff-ffff-ffff-ffffffffffff', 20)"
            )
            with acting_as(connection, "kronos_api"), connection.transaction():
                connection.execute("select set_config('kronos.instance_admin', 'on', true)")
                found = connection.execute(query.encode()).fetchall()
                assert len(found) == expected if chain != "null" else len(found) >= least
                assert buffers(connection, query) < 100  # it reads 9 to 30


def test_the_version_before_a_documents_version_is_found(superuser: Connection) -> None:
    workspace_id = add_endpoint(superuser).workspace_id
    made = "insert into kronos.documents (workspace_id, kind, name) values (%s, 'CONFIG', 'c') returning document_id"
    document_id = value(superuser, made, [workspace_id])
    superuser.execute(
        "insert into kronos.document_versions (document_id, version, workspace_id, content)"
        " select %s, nth, %s, jsonb_build_object('nth', nth) from generate_series(1, 3) as nth",
        [document_id, workspace_id],
    )
    before = (
        "select kronos.version_before('document_versions', to_jsonb(row)) #>> '{content,nth}'"
        " from kronos.document_versions as row where document_id = %s order by version"
    )
    assert values(superuser, before, [document_id]) == [None, "1", "2"]
