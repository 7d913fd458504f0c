"""The sentence of each finding about PostgreSQL, pg_cron and the work in it, and the number from which it fails."""

from dataclasses import replace
from typing import Any

import pytest

from kronos.doctor import ringer, server, work
from kronos.doctor.signs import BlockerSigns, KeyState, LateTask, TableFault, WorkSigns
from unit.test_process_findings import CRON, SERVER, SESSIONS

BLOCKERS = BlockerSigns(
    blocked=0, blocker=None, blocking_seconds=None, stuck=0, stuck_session=None, stuck_pid=None, stuck_seconds=None
)
WORK = WorkSigns(
    leases=0, lease_seconds=None, lost=0, late=0, dead_letters=0, new_letters=0, kept_off=[], disabled=0, wave_seconds=0
)
KEYS = KeyState(administrators=2, lasting=1, burnt=[], ending=[], nearly_full=[])
HIDDEN = "not visible to this user: `kronos migrate` as a superuser grants it"


def told(found: Any, check: str) -> tuple[bool, str]:
    (one,) = (each for each in found if each.check == check)
    return one.ok, one.detail


@pytest.mark.parametrize(
    ("changed", "check", "ok", "detail"),
    [
        ({}, "connections", True, "5 of 97 connections are in use"),
        ({"connections": 87}, "connections", True, "87 of 97 connections are in use"),
        ({"connections": 9, "max_connections": 10}, "connections", False, "9 of 10 connections are in use"),
        ({}, "transactions", True, "none has been open for long"),
        ({"oldest_seconds": 600.0, "oldest": "x"}, "transactions", True, "none has been open for long"),
        ({"oldest_seconds": 601.0, "oldest": "x"}, "transactions", False, "the oldest, x, began 10 min ago"),
        ({"sees_activity": False}, "transactions", True, HIDDEN),
        ({"prepared": 2, "prepared_seconds": 600.0}, "prepared", True, "none was left behind"),
        ({"prepared": 2, "prepared_seconds": 7200.0}, "prepared", False, "2 are prepared, the oldest 2 h ago"),
        ({"waiting": 1, "waiting_seconds": 30.0, "waiting_for": "a"}, "locks", True, "none has waited for long"),
        ({"waiting": 1, "waiting_seconds": 31.4, "waiting_for": "a"}, "locks", False,
         "1 session waits, the first for 31 s, for a"),
        ({"waiting": 3, "waiting_seconds": 90.0, "waiting_for": "a"}, "locks", False,
         "3 sessions wait, the first for 90 s, for a"),
        ({"is_encrypted": True, "is_local": False}, "encryption", True, "this connection is encrypted"),
        ({"is_local": False}, "encryption", False, "this connection is not encrypted"),
        ({}, "encryption", True, "this connection is not encrypted, but it does not leave this machine"),
    ],
)  # fmt: skip
def test_each_finding_about_sessions_has_its_sentence(
    changed: dict[str, Any], check: str, ok: bool, detail: str
) -> None:
    assert told(server.sessions(replace(SESSIONS, **changed)), check) == (ok, detail)


@pytest.mark.parametrize(
    ("changed", "check", "ok", "detail"),
    [
        ({"blocked": 1, "blocking_seconds": 30.0}, "blockers", True,
         "no session that others wait for has been in its transaction for long"),
        ({"blocked": 1, "blocker": "psql", "blocking_seconds": 31.0}, "blockers", False,
         "1 session waits for psql, whose transaction began 31 s ago"),
        ({"blocked": 2, "blocker": "psql", "blocking_seconds": 130.0}, "blockers", False,
         "2 sessions wait for psql, whose transaction began 2 min ago"),
        ({}, "stuck sessions", True, "each session of Kronos keeps its time limits"),
        ({"stuck": 2, "stuck_session": "api", "stuck_pid": 7, "stuck_seconds": 61.0}, "stuck sessions", False,
         "2, the first for 61 s: api"),
    ],
)  # fmt: skip
def test_who_keeps_others_waiting_is_named(changed: dict[str, Any], check: str, ok: bool, detail: str) -> None:
    assert told(server.blockers(replace(BLOCKERS, **changed)), check) == (ok, detail)


def fix_of(found: Any, check: str) -> str:
    (one,) = (each for each in found if each.check == check)
    return str(one.fix)


def test_what_ends_a_stuck_session_names_its_process() -> None:
    found = replace(BLOCKERS, stuck=1, stuck_pid=7)
    assert fix_of(server.blockers(found), "stuck sessions").startswith("select pg_terminate_backend(7); if it stays")


@pytest.mark.parametrize(
    ("changed", "check", "ok", "detail"),
    [
        ({}, "durability", True, "fsync and full_page_writes are on"),
        ({"is_fsync_on": False}, "durability", False, "fsync off"),
        ({"is_fsync_on": False, "are_pages_whole": False}, "durability", False, "fsync and full_page_writes off"),
        ({"commits": "off"}, "commits", False, "synchronous_commit is off"),
        ({}, "synchronous standby", True, "commits do not wait for a standby"),
        ({"standbys_there": True}, "synchronous standby", True, "commits do not wait for a standby"),
        ({"standbys_wanted": True, "standbys_there": True}, "synchronous standby", True, "one is connected"),
        ({"standbys_wanted": True}, "synchronous standby", False, "commits wait for a standby, and none is connected"),
        ({}, "replication lag", True, "no standby reports a lag"),
        ({"lag_seconds": 0.0}, "replication lag", True, "the standby that is furthest behind is 0 s behind"),
        ({"lag_seconds": 60.0}, "replication lag", True, "the standby that is furthest behind is 60 s behind"),
        ({"slots": ["s"], "slot_bytes": 10**9}, "replication slots", True, "none keeps WAL that nothing reads"),
        ({"slots": ["s"], "slot_bytes": 2 * 10**9}, "replication slots", False,
         "nothing reads s, so 2000 MB of WAL are kept"),
        ({}, "archive", True, "WAL is archived, or archiving is off"),
        ({"archive_fails_seconds": 0.0}, "archive", False, "archiving fails; it last worked 0 s ago, or earlier"),
        ({"frozen_age": 999_999_999}, "wraparound", True,
         "the oldest database is 999 million transactions old, of at most 2,146"),
        ({"frozen_age": 10**9}, "wraparound", False,
         "the oldest database is 1000 million transactions old, of at most 2,146"),
        ({"relations": 3200}, "lock table", False,
         "Kronos has 3200 tables and indexes; the server has room for 6400 locks"),
        ({"relations": 3199}, "lock table", True,
         "Kronos has 3199 tables and indexes; the server has room for 6400 locks"),
        ({}, "collation", True, "text sorts as it did when the indexes were built"),
        ({"collation_change": "2.35 to 2.36"}, "collation", False,
         "the operating system now sorts text differently than when the indexes were built: 2.35 to 2.36"),
        ({}, "pending restart", True, "no changed setting waits for a restart"),
        ({"pending_restart": ["a", "b"]}, "pending restart", False, "changed, but not in effect yet: a, b"),
    ],
)  # fmt: skip
def test_each_finding_about_the_server_has_its_sentence(
    changed: dict[str, Any], check: str, ok: bool, detail: str
) -> None:
    assert told(server.server(replace(SERVER, **changed)), check) == (ok, detail)


def test_what_makes_a_server_durable_or_roomy_names_what_is_off_and_how_much_it_needs() -> None:
    both = replace(SERVER, is_fsync_on=False, are_pages_whole=False)
    on = "alter system set fsync = on; alter system set full_page_writes = on; select pg_reload_conf();"
    assert fix_of(server.server(both), "durability") == on
    for relations, locks in ((100, 128), (2_560, 128), (5_000, 250)):
        fix = fix_of(server.server(replace(SERVER, relations=relations)), "lock table")
        assert fix.startswith(f"alter system set max_locks_per_transaction = {locks}; ")


def a_fault(name: str, fault: str, **known: Any) -> TableFault:
    return TableFault(**{"name": name, "fault": fault, "live": 7, "bytes": 300_000_000, **known})


@pytest.mark.parametrize(
    ("faults", "check", "ok", "detail", "fix"),
    [
        ([], "unlogged", True, "each table is logged", "nothing"),
        (["UNLOGGED"], "unlogged", False, "unlogged: a, b",
         "alter table kronos.a set logged; alter table kronos.b set logged;"),
        ([], "autovacuum", True, "on, for each table", "run `kronos doctor --fix`, or nothing"),
        (["UNVACUUMED"], "autovacuum", False, "it skips a, b",
         "run `kronos doctor --fix`, or alter table kronos.a reset (autovacuum_enabled); "
         "alter table kronos.b reset (autovacuum_enabled);"),
        (["UNKNOWN"], "statistics", False, "never analyzed: a, b",
         "run `kronos doctor --fix`, or analyze kronos.a; analyze kronos.b;"),
        ([], "statistics", True, "each large table was analyzed", "run `kronos doctor --fix`, or nothing"),
        (["BLOATED"], "bloat", False, "a: 300 MB for 7 rows, b: 300 MB for 7 rows",
         "in a quiet minute, because it locks the table: vacuum full kronos.a; vacuum full kronos.b;"),
        ([], "bloat", True, "each table is about as large as its rows",
         "in a quiet minute, because it locks the table: nothing"),
    ],
)  # fmt: skip
def test_each_table_with_a_fault_comes_with_a_statement(
    faults: list[str], check: str, ok: bool, detail: str, fix: str
) -> None:
    rows = [a_fault(name, fault) for fault in faults for name in ("a", "b")]
    found = list(server.tables(rows, is_autovacuum_on=True))
    assert told(found, check) == (ok, detail)
    assert fix_of(found, check) == fix
    assert [each.check for each in found if not each.ok] == ([] if ok else [check])


def test_an_autovacuum_that_is_off_is_reported_before_the_tables_that_it_skips() -> None:
    found = list(server.tables([a_fault("a", "UNVACUUMED")], is_autovacuum_on=False))
    assert told(found, "autovacuum") == (False, "autovacuum or track_counts is off")
    assert fix_of(found, "autovacuum").startswith("alter system set autovacuum = on;")
    assert not told(server.tables([], is_autovacuum_on=False), "autovacuum")[0]
    assert told(server.tables([a_fault("a", "BLOATED", bytes=None)], is_autovacuum_on=True), "bloat")[1] == (
        "a: 0 MB for 7 rows"
    )


@pytest.mark.parametrize(
    ("changed", "check", "ok", "detail"),
    [
        ({}, "launching", True, "pg_cron starts the entries of its database"),
        ({"launches_jobs": False}, "launching", False, "cron.launch_active_jobs is off"),
        ({"launches_jobs": None, "is_visible": False}, "launching", True, HIDDEN),
        ({}, "cron log", True, "pg_cron logs each run"),
        ({"logs_runs": None, "is_visible": False}, "cron log", True, HIDDEN),
        ({"logs_runs": False}, "cron log", False, "cron.log_run is off"),
        ({"running": 4}, "cron slots", True, "4 of 5 slots are in use"),
        ({"running": 5}, "cron slots", False, "5 of 5 slots are in use"),
        ({"max_running": None, "running": 4}, "cron slots", True, "4 of an unknown number of slots are in use"),
        ({"max_processes": 5}, "cron slots", False, "max_worker_processes is 5, cron.max_running_jobs 5"),
        ({"max_processes": 6}, "cron slots", True, "0 of 5 slots are in use"),
        ({"max_processes": 5, "is_by_workers": None}, "cron slots", True, "0 of 5 slots are in use"),
        ({}, "cron limits", True, "no firing can wait forever"),
        ({"limits": ["a", "b"]}, "cron limits", False, "for kronos_cron: a, b"),
        ({"log_bytes": 999_999_999}, "cron log size", True, "cron.job_run_details has 999 MB"),
        ({"log_bytes": 10**9}, "cron log size", False, "cron.job_run_details has 1000 MB"),
        ({"log_bytes": None}, "cron log size", True, "cron.job_run_details has 0 MB"),
        ({}, "cron version", True, "1.6, the same as its files"),
        ({"available": "1.7"}, "cron version", False, "the extension is 1.6, its files are 1.7"),
        ({"available": None}, "cron version", True, "the extension is 1.6, its files are None"),
    ],
)
def test_each_finding_about_pg_cron_has_its_sentence(
    changed: dict[str, Any], check: str, ok: bool, detail: str
) -> None:
    assert told(ringer.cron(replace(CRON, **changed)), check) == (ok, detail)


@pytest.mark.parametrize(
    ("changed", "check", "ok", "detail"),
    [
        ({}, "leases", True, "each expired lease was ended"),
        ({"leases": 2, "lease_seconds": 130.0}, "leases", False,
         "2 expired, the first 2 min ago, and were not ended"),
        ({"leases": 2}, "leases", False, "2 expired, the first 0 s ago, and were not ended"),
        ({"lost": 9}, "lost attempts", True, "9 attempts of the last hour were lost with their worker"),
        ({"lost": 10}, "lost attempts", False, "10 attempts of the last hour were lost with their worker"),
        ({"late": 9}, "late results", True, "9 results of the last hour came after their lease had expired"),
        ({"late": 10}, "late results", False, "10 results of the last hour came after their lease had expired"),
        ({"dead_letters": 9_999, "new_letters": 99}, "dead letters", True,
         "9999 are open, 99 of them new in the last hour"),
        ({"dead_letters": 10_000}, "dead letters", False,
         "10000 or more are open, 0 of them new in the last hour"),
        ({"dead_letters": 100, "new_letters": 100}, "dead letters", False,
         "100 are open, 100 of them new in the last hour"),
        ({}, "endpoints", True, "none is slowed down or disabled"),
        ({"kept_off": ["a", "b"]}, "endpoints", False, "a, b"),
        ({}, "missed wave", True, "no delivery of a missed tick is waiting"),
        ({"wave_seconds": 3600.0}, "missed wave", True,
         "missed deliveries are still being spread out, for 60 more minutes"),
        ({"wave_seconds": 3661.0}, "missed wave", False,
         "missed deliveries are still being spread out, for 61 more minutes"),
    ],
)  # fmt: skip
def test_each_finding_about_work_has_its_sentence(changed: dict[str, Any], check: str, ok: bool, detail: str) -> None:
    assert told(work.work(replace(WORK, **changed)), check) == (ok, detail)


def late(kind: str, name: str, seconds: float = 130.0, message: str | None = None) -> LateTask:
    return LateTask(kind=kind, name=name, seconds=seconds, message=message)


def test_tasks_that_fail_and_operations_that_wait_are_told_apart() -> None:
    found = list(work.tasks([late("TASK", "reaper", message="no space"), late("TASK", "alerts"),
                             late("OPERATION", "o", message="busy"), late("BACKFILL", "b")]))  # fmt: skip
    assert told(found, "tasks") == (False, "reaper: no space, alerts: no message")
    assert told(found, "operations") == (False, "operation o since 2 min ago (busy), backfill b since 2 min ago")
    well = list(work.tasks([]))
    assert told(well, "tasks") == (True, "the newest run of each internal job succeeded")
    assert told(well, "operations") == (True, "operations, deletions and backfills make progress")
    assert told(work.tasks([late("TASK", "reaper")]), "operations")[0]
    assert told(work.tasks([late("DELETION", "d")]), "tasks")[0]


@pytest.mark.parametrize(
    ("found", "check", "ok", "detail"),
    [
        (late("RULE", "acme/nightly"), "alert rules", False, "acme/nightly since 2 min ago"),
        (late("BEAT", "999"), "heartbeat ticks", False,
         "999 heartbeats have ticks that were not accounted for, since 2 min ago"),
        (late("BEAT", "1000"), "heartbeat ticks", False,
         "1000 or more heartbeats have ticks that were not accounted for, since 2 min ago"),
        (late("ALERT", "3", message="acme"), "alert deliveries", False,
         "3 of the last day are dead letters, the newest of acme 2 min ago"),
        (None, "alert rules", True, "each is evaluated every minute"),
        (None, "heartbeat ticks", True, "each is accounted for"),
        (None, "alert deliveries", True, "none of the last day is a dead letter"),
    ],
)  # fmt: skip
def test_each_finding_about_alerting_has_its_sentence(
    found: LateTask | None, check: str, ok: bool, detail: str
) -> None:
    made = list(work.alerting([found] if found is not None else []))
    assert told(made, check) == (ok, detail)
    assert [each.check for each in made if not each.ok] == ([] if ok else [check])


@pytest.mark.parametrize(
    ("changed", "check", "ok", "detail"),
    [
        ({}, "administrators", True, "valid keys of the instance: 2; for at least 14 more days: 1"),
        ({"lasting": 0}, "administrators", False, "valid keys of the instance: 2; for at least 14 more days: 0"),
        ({}, "burnt keys", True, "no working key was used in a URL"),
        ({"burnt": ["a"]}, "burnt keys", False, "these were used in a URL: a"),
        ({}, "ending keys", True, "none in use expires within 7 days"),
        ({"ending": ["a"]}, "ending keys", False, "in use, and expiring: a"),
        ({}, "quotas", True, "none is nearly used up"),
        ({"nearly_full": ["a"]}, "quotas", False, "nearly used up today: a"),
    ],
)
def test_each_finding_about_keys_and_quotas_has_its_sentence(
    changed: dict[str, Any], check: str, ok: bool, detail: str
) -> None:
    assert told(work.keys(replace(KEYS, **changed)), check) == (ok, detail)
