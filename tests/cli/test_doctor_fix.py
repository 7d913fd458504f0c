"""kronos doctor --fix repairs all fixable findings in one run. --dry-run names them and changes nothing; a second --fix
finds nothing to do."""

import ast
from typing import Any

import psycopg
import pytest

from cli.examined import Examine, failing
from factory import add_endpoint, add_executions
from kronos import doctor, owner, session
from kronos.doctor import checks, fixes, signs
from kronos.doctor.finding import Finding
from kronos.model import Json, JsonObject
from sql_factory import value

_HARM = """
delete from cron.job where jobname = 'kronos:{job}';
update kronos.jobs set timezone = 'Europe/Berlin', created_at = now() - interval '9 days' where job_id = '{job}';
update tests.jobs set next_tick_at = now() - interval '5 minutes' where job_id = '{job}';
update kronos.execution_live
   set claim_token = gen_random_uuid(), worker_id = 'gone', claimed_at = now() - interval '9 minutes',
       started_at = now(), attempt_count = 1, visible_at = now() - interval '5 minutes'
 where endpoint_id = '{endpoint}';
update kronos.audit_pending set at = now() - interval '11 minutes';
drop table kronos.attempt_{week};
update kronos.retention set weeks_from = '-infinity';
alter table kronos.dead_letters set (autovacuum_enabled = false);
insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at)
select kronos.uuid7(), '{workspace}', '{endpoint}', '{job}', '{job}', now() from generate_series(1, 60);
update kronos.dead_letters set failed_at = now() - interval '1 second';
update kronos.dead_letters set failed_at = now();
set session_replication_role = replica;
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   scheduled_at, run_at, created_at, max_attempts, input)
select kronos.uuid7(), workspace_id, job_id, endpoint_id, 1, 'MANUAL', 'SUCCESS', now(), now(), now(), 1, '{{}}'
  from kronos.jobs where job_id = '{job}';
set session_replication_role = origin;
"""
_FLUSH = "select pg_stat_force_next_flush()"  # from PostgreSQL 15 on
_WEEK = "select to_char(date_trunc('week', now() at time zone 'UTC') + interval '2 weeks', 'YYYYMMDD')"


def _harm(superuser: psycopg.Connection, job_id: Any) -> None:
    endpoint = add_endpoint(superuser)
    add_executions(superuser, endpoint, 1)
    about = {
        "job": job_id,
        "endpoint": endpoint.endpoint_id,
        "workspace": endpoint.workspace_id,
        "week": value(superuser, _WEEK),
    }
    for statement in _HARM.format(**about).split(";\n"):
        superuser.execute(statement.encode())
    superuser.execute(_FLUSH if superuser.info.server_version >= 150000 else "select 1")
    superuser.execute("select 1")


def _would_do(url: str) -> str:
    """The output of --dry-run, in a read-only session."""
    with session.connect(url, session.wanted(None)) as connection:
        owner.act_as_owner(connection)
        connection.execute("set default_transaction_read_only = on")
        return "; ".join(fixes.Fixes(connection).wanted())


def test_all_that_the_fix_mends_is_found_named_by_a_dry_run_and_mended_once(
    examine: Examine, superuser: psycopg.Connection, database_url: str, job_id: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for where in (doctor, fixes):
        monkeypatch.setattr(where, "BLOATED_ROWS", 50)
    monkeypatch.setattr(signs, "ROWS", 50)
    _harm(superuser, job_id)
    found = failing(examine())
    assert {name for name, check in checks.CHECKS.items() if check.is_fixed} - found == set()

    of_table = [
        'analyze "kronos"."dead_letters"',
        'alter table "kronos"."dead_letters" reset (autovacuum_enabled)',
        'vacuum "kronos"."dead_letters"',
    ]
    would = _would_do(database_url)
    for told in (
        "run the reaper, for 1 differences between jobs and entries",
        "account for ticks that are due, end expired leases, seal the audit",
        "create partitions: attempt from 2",
        "note partitions: execution_done_2",
        *of_table,
    ):
        assert told in would
    assert failing(examine()) == found, "a dry run has repaired something"

    fixed = examine(fix=True)
    assert failing(fixed) == set()
    done = _done(fixed)
    assert {name for name, count in done.items() if _is_some(count)} == {
        *("registered", "zones", "sealed", "leases", "partitions", "noted", "tables"),
    }
    assert sorted(done["tables"]) == sorted(of_table)
    again = _done(examine(fix=True))
    assert {name: count for name, count in again.items() if _is_some(count)} == {}


def _done(found: dict[str, Finding]) -> JsonObject:
    done: JsonObject = ast.literal_eval(found["fix"].detail.removeprefix("the reaper ran: "))
    return done


def _is_some(counts: Json) -> bool:
    return any(counts.values()) if isinstance(counts, dict) else bool(counts)
