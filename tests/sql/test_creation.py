"""What a job's creation leaves out to be cheap, and what it still ensures: a sound row, its first tick, the lock of its
workspace.
"""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql as composed
from psycopg.rows import dict_row

from factory import EndpointRow, add_endpoint
from kronos import sql
from sql.plans import seq_scans, told_plans
from sql.test_entering import params
from sql_factory import Connection, make_cron_job, value, values

_INSERT = "jobs.insert_cron_jobs"
_ITSELF = object()  # the row's own job_id
_NOTHING: dict[str, Any] = {
    "run_at_local": None,
    "cron": None,
    "timezone": None,
    "schedule": None,
    "alarm": None,
    "description": None,
}
# For each rule, the columns that break it in an otherwise sound CRON job.
_BREAKS: dict[str, dict[str, Any]] = {
    "jobs_catch_up_bounded": {"catch_up_window_seconds": 2678401},
    "jobs_catch_up_known": {"catch_up_policy": "FIRST"},
    "jobs_deadline_bounded": {"deadline_seconds": 0},
    "jobs_delayed_has_run_at": {"run_at": datetime(2030, 1, 1, tzinfo=UTC)},
    "jobs_dst_gap_known": {"dst_gap": "JUMP"},
    "jobs_dst_overlap_known": {"dst_overlap": "LAST"},
    "jobs_first_is_itself": {"version": 2},
    "jobs_jitter_bounded": {"jitter_seconds": -1},
    "jobs_max_runs_positive": {"max_runs": 0},
    "jobs_name_shape": {"name": "no spaces"},
    "jobs_not_its_own_heir": {"replaced_by_id": _ITSELF},
    "jobs_offset_within_spread": {"spread": "1m", "offset_seconds": 61},
    "jobs_on_blackout_known": {"on_blackout": "LATER"},
    "jobs_only_cron_has_calendars": {"on_blackout": "NEXT", "trigger": "IMMEDIATE", **_NOTHING},
    "jobs_only_cron_pauses": {"status": "PAUSED", "trigger": "IMMEDIATE", **_NOTHING},
    "jobs_only_pauses_end": {"resume_at": datetime(2030, 1, 1, tzinfo=UTC)},
    "jobs_overlap_known": {"overlap": "WAIT"},
    "jobs_priority_bounded": {"priority": 11},
    "jobs_retired_is_told": {"retired_at": datetime(2030, 1, 1, tzinfo=UTC)},
    "jobs_schedule_is_whole": {"every": "90m"},
    "jobs_skip_next_bounded": {"skip_next": 10001},
    "jobs_spread_shape": {"spread": "90m"},
    "jobs_status_known": {"status": "GONE"},
    "jobs_title_shape": {"title": "a\u0007bell"},
    "jobs_trigger_known": {"trigger": "HOURLY", **_NOTHING},
    "jobs_window_not_empty": {
        "starts_at": datetime(2030, 1, 1, tzinfo=UTC),
        "ends_at": datetime(2030, 1, 1, tzinfo=UTC),
    },
}


@pytest.fixture
def sound(superuser: Connection) -> EndpointRow:
    """An endpoint with one sound job."""
    endpoint = add_endpoint(superuser)
    make_cron_job(superuser, endpoint)
    return endpoint


def _insert(columns: dict[str, Any]) -> composed.Composed:
    """Insert a copy of the sound row with these columns."""
    copied = ("workspace_id", "endpoint_id", "trigger", "cron", "timezone", "schedule", "alarm", "description")
    shown: dict[str, composed.Composable] = {name: composed.Identifier("job", name) for name in copied}
    shown |= {name: composed.SQL("fresh.job_id") for name in ("job_id", "first_version_id")}
    shown |= {name: _shown(each, "fresh") for name, each in columns.items()}
    return composed.SQL(
        "insert into kronos.jobs ({}) select {} from kronos.jobs as job, (select gen_random_uuid() as job_id) as fresh"
    ).format(composed.SQL(", ").join(map(composed.Identifier, shown)), composed.SQL(", ").join(shown.values()))


def _update(columns: dict[str, Any]) -> composed.Composed:
    """Update these columns of the sound row."""
    sets = [
        composed.SQL("{} = {}").format(composed.Identifier(name), _shown(each, "job")) for name, each in columns.items()
    ]
    return composed.SQL("update kronos.jobs as job set {}").format(composed.SQL(", ").join(sets))


def _shown(value: Any, row: str) -> composed.Composable:
    return composed.Identifier(row, "job_id") if value is _ITSELF else composed.Literal(value)


def _met(
    connection: Connection, endpoint: EndpointRow, write: composed.Composed, *settings: str
) -> tuple[str | None, str | None]:
    """(SQLSTATE, constraint) of the error that a write raises."""
    connection.execute("begin")
    try:
        connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(endpoint.workspace_id)])
        for setting in settings:
            connection.execute(setting)
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            connection.execute(
                write + composed.SQL(" where job.endpoint_id = {}").format(composed.Literal(endpoint.endpoint_id))
            )
    finally:
        connection.execute("rollback")
    return caught.value.sqlstate, caught.value.diag.constraint_name


@pytest.mark.parametrize("write", [_insert, _update])
@pytest.mark.parametrize("role", ["kronos_api", "kronos_owner", "postgres"])
def test_no_job_that_breaks_a_rule_is_stored_no_matter_who_writes(
    superuser: Connection, sound: EndpointRow, role: str, write: Callable[[dict[str, Any]], composed.Composed]
) -> None:
    met = {rule: _met(superuser, sound, write(columns), f"set local role {role}") for rule, columns in _BREAKS.items()}
    assert met == {rule: ("23514", rule) for rule in _BREAKS}


def test_a_name_has_127_characters_at_most_and_none_but_these(superuser: Connection, sound: EndpointRow) -> None:
    for name in ("a" * 128, "a\n", "a\nb", ".a", "-a", "", "\u00e4", "a/b"):
        assert _met(superuser, sound, _update({"name": name})) == ("23514", "jobs_name_shape"), name
    for name in ("a" * 127, "a", "7", "A.b_c-"):
        rename = "update kronos.jobs set name = %s where endpoint_id = %s"
        assert superuser.execute(rename, [name, sound.endpoint_id]).rowcount == 1, name


def test_rules_hold_for_rows_that_replication_writes(superuser: Connection, sound: EndpointRow) -> None:
    replica = "set local session_replication_role = replica"
    met = {rule: _met(superuser, sound, _insert(columns), replica) for rule, columns in _BREAKS.items()}
    assert met == {rule: ("23514", rule) for rule in _BREAKS}


def test_each_rule_is_tried_and_none_is_read_again_by_each_statement(superuser: Connection) -> None:
    text = value(superuser, "select pg_get_functiondef('kronos.require_sound_job'::regproc)")
    assert sorted(re.findall(r"then\s+'(jobs_\w+)'", text)) == sorted(_BREAKS)
    assert list(_BREAKS) == sorted(_BREAKS), "the first broken rule by name is reported, as with constraints"
    assert (
        values(
            superuser, "select conname from pg_constraint where contype = 'c' and conrelid = 'kronos.jobs'::regclass"
        )
        == []
    )


def test_the_rules_are_looked_at_wherever_a_column_that_they_name_is_written(superuser: Connection) -> None:
    text = value(superuser, "select pg_get_functiondef('kronos.require_sound_job'::regproc)")
    watched = values(
        superuser,
        "select attname from pg_trigger join pg_attribute on attrelid = tgrelid and attnum = any (tgattr) where "
        "tgname = 'jobs_stay_sound'",
    )
    named = set(re.findall(r"new\.(\w+)", text))
    assert named - {"status", "search_text"} == set(watched)  # stamp_job checks a status; search_text is derived


@pytest.mark.parametrize(
    "call", ["tick_id(job_id, created_at)", "iso_inlined(created_at)", "finite(created_at)", "uuid7_time(job_id)"]
)
def test_what_a_creation_calls_is_inlined_and_not_planned_again(superuser: Connection, call: str) -> None:
    plan = "\n".join(values(superuser, f"explain (verbose) select kronos.{call} from kronos.jobs"))
    assert call.partition("(")[0] not in plan


def test_a_tick_id_is_what_it_was(superuser: Connection) -> None:
    query = "select kronos.tick_id('7f3c1c52-6f0e-4f0e-9d5e-0d6a3f1b2c4d', '2026-11-28 09:30:00.123+00')::text"
    seen = set()
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        superuser.execute(f"set timezone = '{zone}'")
        seen.add(value(superuser, query))
    assert seen == {"01a2217d-763b-7bc3-891c-a47a475ae0ef"}


def test_a_creation_looks_by_keys_though_its_plans_were_made_while_there_was_nothing(
    superuser: Connection, sound: EndpointRow
) -> None:
    superuser.execute("analyze kronos.jobs, kronos.pointers, kronos.pointers_floor, kronos.workspaces")
    with told_plans(superuser) as plans:
        superuser.execute("select kronos.alarm_of(job_id) from kronos.jobs where endpoint_id = %s", [sound.endpoint_id])
        make_cron_job(superuser, sound)
    asked = [plan for plan in plans if "as workspace using" in plan or "kronos.pointers_floor where only_row" in plan]
    assert len(asked) == 3  # twice in alarm_of, because no workspace was entered
    assert seq_scans("\n".join(asked), "jobs", "pointers", "pointers_floor") == []


def test_a_creation_checks_its_foreign_keys_by_keys_though_there_were_few_jobs(
    superuser: Connection, sound: EndpointRow
) -> None:
    """A session caches the plans of these checks."""
    superuser.execute("vacuum analyze kronos.jobs, kronos.pointers, kronos.endpoints")
    with told_plans(superuser) as plans:
        _created(superuser, sound)
    checks = [plan for plan in plans if 'FROM ONLY "kronos".' in plan]
    assert any('"kronos"."jobs" x' in plan for plan in checks)
    assert seq_scans("\n".join(checks), "jobs", "endpoints", "workspaces") == []


def _created(connection: Connection, endpoint: EndpointRow, **given: Any) -> tuple[Any, ...]:
    """Create a job that runs in the first minute of each year. Return its reported next run and its pointer's tick."""
    slug, name = connection.execute(
        "select slug, endpoint.name from kronos.endpoints as endpoint join kronos.workspaces using (workspace_id) "
        "where endpoint_id = %s",
        [endpoint.endpoint_id],
    ).fetchone() or ("", "")
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set local role kronos_api")
        (made,) = cursor.execute(
            sql.texts()[_INSERT], params(_INSERT, workspace=slug, endpoint=name, **given)
        ).fetchall()
    return made["next_run_at"], value(
        connection, "select next_tick_at from kronos.pointers where job_id = %s", [made["job_id"]]
    )


def test_the_first_tick_is_the_remembered_one_only_while_it_is_the_next(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    now = value(superuser, "select now()")
    real = value(superuser, "select kronos.next_tick(kronos.parse_cron('0 0 1 1 *'), now())")
    minute, told = timedelta(minutes=1), now + timedelta(hours=5)
    assert _created(superuser, endpoint, read_at=now - minute, tick_then=told) == (told, told)
    assert _created(superuser, endpoint, read_at=now - 2 * minute, tick_then=now - minute) == (real, real), (
        "the tick has passed"
    )
    assert _created(superuser, endpoint, read_at=now + minute * 60, tick_then=told) == (real, real), (
        "the clock was set back"
    )
    assert _created(superuser, endpoint, read_at=now - minute, tick_then=None) == (real, real), "no tick was read"


@pytest.mark.parametrize("setting", ["", "its own", "another"])
def test_a_job_is_registered_with_its_workspaces_lock_held_whatever_workspace_was_entered(
    superuser: Connection, setting: str
) -> None:
    endpoint, other = add_endpoint(superuser), add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, cron="5 4 * * *")
    entered = {"": "", "its own": str(endpoint.workspace_id), "another": str(other.workspace_id)}[setting]
    holds = """
        select exists (select from pg_locks, (select kronos.workspace_lock(%s) as key) as lock
                        where pid = pg_backend_pid() and locktype = 'advisory' and mode = 'ShareLock'
                          and (classid::bigint << 32) | objid::bigint = key)
    """
    with superuser.transaction():
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [entered])
        assert value(superuser, "select kronos.alarm_of(%s)", [job_id]) == "5 4 * * *"
        assert value(superuser, holds, [endpoint.workspace_id])
        assert value(superuser, "select kronos.alarm_of(%s)", [uuid.uuid4()]) is None
