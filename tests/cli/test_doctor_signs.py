"""kronos doctor: each fault that occurs in operation is found by its own check, named, and gone after its remedy."""

import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from cli.examined import Examine, failing
from conftest import await_condition
from doctor_looks import broken, look_at
from factory import add_endpoint, add_executions
from killing import signalled
from kronos import sql
from kronos.doctor import server, signs
from kronos.doctor.checks import CHECKS
from kronos.doctor.finding import Finding
from sql_factory import value

Look = Callable[[], dict[str, Finding]]


@pytest.fixture
def look(superuser: psycopg.Connection) -> Iterator[Look]:
    with psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True) as eyes:
        eyes.execute("set role kronos_owner")
        yield lambda: look_at(eyes)


@pytest.fixture
def scene(superuser: psycopg.Connection) -> dict[str, Any]:
    """An endpoint with some executions, one of them claimed; a key of the instance; an internal job."""
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 3)
    superuser.execute(
        "insert into kronos.api_keys (public_id, secret_sha256, role) values ('one', sha256('x'), 'instance_admin')"
    )
    return {"endpoint": endpoint.endpoint_id, "workspace": endpoint.workspace_id}


_CLAIM = """
    update kronos.execution_live
       set claim_token = gen_random_uuid(), worker_id = 'gone', claimed_at = now() - interval '9 minutes',
           started_at = now(), attempt_count = 1, visible_at = now() - interval '5 minutes'
     where execution_id in (select execution_id from kronos.execution_live where endpoint_id = %(endpoint)s limit 1)
"""
_LETTERS = """
    insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at)
    select kronos.uuid7(), %(workspace)s, %(endpoint)s, id, id, now()
      from generate_series(1, 100), gen_random_uuid() as id
"""
_LOST = """
    insert into kronos.attempt (execution_id, claim_token, workspace_id, attempt_number, status, started_at, worker_id)
    select kronos.uuid7(), gen_random_uuid(), %(workspace)s, 1, 'LOST', now(), 'gone' from generate_series(1, 10)
"""
_LATE = """
    insert into kronos.attempt_late (execution_id, claim_token, status, worker_id)
    select kronos.uuid7(), gen_random_uuid(), 'SUCCESS', 'slow' from generate_series(1, 10)
"""
_OPERATION = """
    insert into kronos.operations (workspace_id, kind, asked, which, total, next_at)
    values (%(workspace)s, 'REDRIVE', '{}', '{}', 5, now() - interval '20 minutes')
"""
_LATE_RULE = """
    with rule as (
        insert into kronos.alert_rules (workspace_id, name, condition)
        values (%(workspace)s, 'nightly', '{"type": "FAILURES", "count": 1}') returning rule_id
    )
    insert into kronos.alert_states (rule_id, subject_id, workspace_id, kind, due_at)
    select rule_id, rule_id, %(workspace)s, 'WORKSPACE', now() - interval '7 minutes' from rule
"""
_UNJUDGED = """
    insert into kronos.alert_ends (workspace_id, subject_ids, statuses, ended_at)
    values (%(workspace)s, '{}', '{}', now() - interval '6 minutes')
"""
_UNTOLD = """
    with said as (
        insert into kronos.alert_notifications (execution_id, workspace_id, rule_id, rule, event, endpoint_id,
                                                incident_ids)
        select kronos.uuid7(), %(workspace)s, gen_random_uuid(), 'nightly', 'OPENED', %(endpoint)s, '{}'
        returning execution_id
    )
    insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at)
    select execution_id, %(workspace)s, %(endpoint)s, execution_id, execution_id, now() from said
"""
_LATE_BEAT = """
    with beat as (
        insert into kronos.beats (workspace_id, name, period_seconds, description, grace_seconds, max_run_seconds,
                                  token_sha256)
        values (%(workspace)s, 'backup', 600, 'x', 60, 60, sha256('x')) returning heartbeat_id
    )
    insert into kronos.beat_pointers (heartbeat_id, workspace_id, next_tick_at, opens_at, due_at)
    select heartbeat_id, %(workspace)s, now() - interval '9 minutes', now(), now() - interval '8 minutes' from beat
"""
_FAILED_TASK = """
    insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                       scheduled_at, run_at, created_at, completed_at, max_attempts, input, error)
    select kronos.tick_id(job_id, tick), workspace_id, job_id, endpoint_id, 1, 'SCHEDULE', 'FAILED', tick, tick, tick,
           now(), 1, '{}', '{"type": "error", "message": "the disk is full"}'
      from kronos.jobs, date_trunc('minute', now(), 'UTC') as tick
     where name = 'reaper'
    on conflict do nothing
"""
# (what breaks it, the check, the finding's text, the remedy: None to run the one that the finding gives)
_HARMS = [
    (_CLAIM, "leases", "1 expired", "select kronos.keep_leases()"),
    (_LETTERS, "dead letters", "100 are open, 100 of them new in the last hour", "delete from kronos.dead_letters"),
    (_LOST, "lost attempts", "attempts of the last hour were lost", "delete from kronos.attempt"),
    (_LATE, "late results", "10 results", "delete from kronos.attempt_late"),
    ("insert into kronos.endpoint_health (endpoint_id, workspace_id, state, reason) values (%(endpoint)s, "
     "%(workspace)s, 'DISABLED', '{}')", "endpoints", "(disabled since ",
     "delete from kronos.endpoint_health where endpoint_id = %(endpoint)s"),
    (_OPERATION, "operations", "/redrive since 20 min ago", "delete from kronos.operations"),
    (_LATE_RULE, "alert rules", "due rules have not been judged since 7 min ago", "delete from kronos.alert_rules"),
    (_UNJUDGED, "alert rules", "ends have not been judged since 6 min ago", "select kronos.evaluate_alerts()"),
    (_LATE_BEAT, "heartbeat ticks", "1 heartbeat has ticks that were not accounted for, since 8 min ago",
     "select kronos.account_beats(10)"),
    (_UNTOLD, "alert deliveries", "/nightly ", "delete from kronos.dead_letters"),
    (_FAILED_TASK, "tasks", "reaper: the disk is full",
     "delete from kronos.execution_done where status = 'FAILED'"),
    ("update kronos.catch_up_wave set last_run_at = now() + interval '3 hours'", "missed wave", "for 180 more minutes",
     "update kronos.catch_up_wave set last_run_at = '-infinity'"),
    ("update kronos.api_keys set expires_at = now() + interval '9 days'", "administrators",
     "for at least 14 more days: 0", "update kronos.api_keys set expires_at = null"),
    ("update kronos.api_keys set burnt_at = now()", "burnt keys", "these were used in a URL: one",
     "update kronos.api_keys set burnt_at = null"),
    ("insert into kronos.api_keys (public_id, secret_sha256, role, workspace_id, expires_at, last_used_at) values "
     "('ending', sha256('y'), 'viewer', %(workspace)s, now() + interval '3 days', now())", "ending keys", "ending on ",
     "delete from kronos.api_keys where public_id = 'ending'"),
    ("with w as (update kronos.workspaces set max_executions_per_day = 10 where workspace_id = %(workspace)s) insert "
     "into kronos.quota_shards (workspace_id, shard, day, used, share, day_share) values (%(workspace)s, 0, "
     "(kronos.now() at time zone 'UTC')::date, 9, 10, 10) on conflict (workspace_id, shard) do update set used = 9, "
     "day = excluded.day", "quotas", "(9 of 10)",
     "update kronos.workspaces set max_executions_per_day = null where workspace_id = %(workspace)s"),
    ("alter table kronos.zones set unlogged", "unlogged", "unlogged: zones", None),
    ("alter table kronos.execution_live set (autovacuum_enabled = false)", "autovacuum", "it skips "
     "execution_live", "alter table kronos.execution_live reset (autovacuum_enabled)"),
    ("alter role kronos_cron in database {database} set statement_timeout = 0", "cron limits",
     "statement_timeout = 0", "alter role kronos_cron in database {database} reset statement_timeout"),
    ("update pg_extension set extversion = '0.9' where extname = 'pg_cron'", "cron version",
     "the extension is 0.9, its files are 1.",
     "update pg_extension set extversion = (select default_version from pg_available_extensions where name = 'pg_cron')"
     " where extname = 'pg_cron'"),
    ("update pg_database set datcollversion = '1.0', datlocprovider = 'i', {locale} = 'en' where datname = "
     "current_database()", "collation", "differently than when the indexes were built: 1.0 then",
     "alter database {database} refresh collation version"),
]  # fmt: skip


def run(connection: psycopg.Connection, text: str, scene: dict[str, Any]) -> None:
    locale = "daticulocale" if connection.info.server_version < 170000 else "datlocale"
    text = text.replace("{database}", f'"{connection.info.dbname}"').replace("{locale}", locale)
    connection.execute(text.encode(), scene)


def test_what_breaks_at_night_is_found_by_its_own_check_and_is_gone_once_it_is_mended(
    superuser: psycopg.Connection, look: Look, scene: dict[str, Any]
) -> None:
    """One after the other in one database: no other check fails for any of them."""
    sound = broken(look())
    assert sound == set()
    for harm, check, told, remedy in _HARMS:
        run(superuser, harm, scene)
        found = look()
        assert broken(found) == {check}, harm
        assert told in found[check].detail
        run(superuser, remedy or found[check].fix or "", scene)
        assert broken(look()) == sound, remedy


def test_tables_without_statistics_and_with_much_air_are_found_and_the_fix_mends_them(
    superuser: psycopg.Connection, look: Look
) -> None:
    superuser.execute("create table kronos.aired (text text) with (autovacuum_enabled = true)")
    superuser.execute("alter table kronos.aired owner to kronos_owner")
    superuser.execute("insert into kronos.aired select repeat('x', 2000) from generate_series(1, 1000)")
    superuser.execute("select pg_stat_force_next_flush()" if superuser.info.server_version >= 150000 else "select 1")
    superuser.execute("select 1")
    found = look()
    assert broken(found) == {"statistics", "administrators"}
    superuser.execute((found["statistics"].fix or "").partition("or ")[2].encode())
    superuser.execute("delete from kronos.aired where ctid > '(0,1)'")
    superuser.execute("select pg_stat_force_next_flush()" if superuser.info.server_version >= 150000 else "select 1")
    superuser.execute("select 1")
    superuser.execute("analyze kronos.aired")
    found = look()
    assert (broken(found), "aired: " in found["bloat"].detail) == ({"bloat", "administrators"}, True)
    superuser.execute((found["bloat"].fix or "").partition(": ")[2].encode())
    assert broken(look()) == {"administrators"}


def test_who_keeps_others_waiting_is_named(superuser: psycopg.Connection, look: Look, monkeypatch: Any) -> None:
    """An old transaction, a lock that others wait for, and a prepared transaction that was forgotten."""
    for name in ("_OPEN_SECONDS", "_WAITING_SECONDS"):
        monkeypatch.setattr(server, name, -1.0)
    with (
        psycopg.connect(superuser.info.dsn, password=superuser.info.password, application_name="report") as reader,
        psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True) as waiter,
        ThreadPoolExecutor(1) as threads,
    ):
        reader.execute("lock table kronos.zones in access exclusive mode")
        waits = threads.submit(waiter.execute, "select from kronos.zones")
        found = _once(look, "locks", "kronos.zones")
        reader.rollback()
        waits.result()
    assert broken(found) >= {"transactions", "locks"}
    assert "for kronos.zones" in found["locks"].detail
    assert re.search("report of postgres, process [0-9]+, idle in transaction, began ", found["transactions"].detail)


@pytest.mark.parametrize("waits", [True, False], ids=["others wait", "others skip it"])
def test_a_stopped_session_is_named_with_the_only_command_that_ends_it(
    superuser: psycopg.Connection, look: Look, monkeypatch: Any, waits: bool
) -> None:
    """Those who wait for it give up within seconds, so none waits for long, and PostgreSQL cannot end it: a stopped
    process keeps no time limit and reads no signal."""
    monkeypatch.setattr(server, "_WAITING_SECONDS", 0.0)
    monkeypatch.setattr(signs, "STUCK", timedelta(0))
    assert {"blockers", "stuck sessions"}.isdisjoint(broken(look()))
    with (
        closing(
            psycopg.connect(
                superuser.info.dsn, password=superuser.info.password, application_name="kronos-worker-claim"
            )
        ) as stopped,
        psycopg.connect(superuser.info.dsn, password=superuser.info.password, autocommit=True) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        stopped.execute("lock table kronos.zones in access exclusive mode")
        pid = stopped.info.backend_pid
        assert signalled(pid, signal.SIGSTOP)
        try:
            waiting = threads.submit(other.execute, "select from kronos.zones") if waits else None
            found = _once(look, "blockers" if waits else "stuck sessions", f"process {pid}, idle in transaction")
            assert other.info.backend_pid != pid
            superuser.execute("select pg_terminate_backend(%s)", [pid])
            still = look()
        finally:
            signalled(pid, signal.SIGCONT)
        if waiting is not None:
            waiting.result()
    assert ("blockers" in broken(found), "stuck sessions" in broken(found)) == (waits, True)
    assert f"kill -CONT {pid}" in (still["stuck sessions"].fix or ""), "it is there although it was to be ended"
    if waits:
        assert found["blockers"].detail.startswith("1 session waits for kronos-worker-claim of postgres, process ")


def _once(look: Look, check: str, what: str) -> dict[str, Finding]:
    """Return the findings once `check` fails because of `what`: a session that is about to wait takes a moment."""
    seen: list[dict[str, Finding]] = []

    def fails() -> bool:
        seen.append(look())
        return not seen[-1][check].ok and what in seen[-1][check].detail

    await_condition(fails, f"{check} to be found")
    return seen[-1]


def test_the_tables_that_a_crash_may_empty_are_those_that_were_made_so() -> None:
    made = {
        line.split()[3].removeprefix("kronos.")
        for path in (sql.root() / "schema").glob("*.sql")
        for line in path.read_text().splitlines()
        if line.startswith("create unlogged table ")
    }
    text = (sql.root() / "functions/health/signs_of_tables.sql").read_text()
    assert made == {name for name in made if f"'{name}'" in text}
    assert len(made) >= 5


def test_a_changed_row_of_the_audit_is_found(examine: Examine, superuser: psycopg.Connection) -> None:
    add_endpoint(superuser)
    superuser.execute(
        "update kronos.workspaces set name = 'other' where workspace_id = (select workspace_id from kronos.endpoints "
        "order by endpoint_id limit 1)"
    )
    superuser.execute("select kronos.seal_audit(1000)")
    assert value(superuser, "select count(*) from kronos.audit") > 0
    assert failing(examine()) == set()
    superuser.execute("set session_replication_role = replica")  # bypasses the trigger that rejects it
    superuser.execute("update kronos.audit set actor = %s where number = 1", [f"somebody-{uuid4().hex[:8]}"])
    found = examine()
    assert failing(found) == {"audit chains"}
    assert "number 1 is not what was sealed" in found["audit chains"].detail


def test_each_check_says_what_it_looks_at_and_what_puts_it_right() -> None:
    assert len(CHECKS) >= 75
    assert [each.name for each in CHECKS.values() if not (each.looks_at and each.remedy and each.area)] == []
    assert {each.severity for each in CHECKS.values()} == {"critical", "warning", "notice"}
