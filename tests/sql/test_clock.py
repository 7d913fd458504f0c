"""kronos.clock() and kronos.now(): their form in plans, how tests step them, and which roles cannot."""

from datetime import datetime, timedelta

import psycopg
import pytest

from clock import Clock
from factory import EndpointRow
from sql_factory import Connection, acting_as, make_cron_job, value

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(("ours", "its_own"), [("kronos.clock()", "clock_timestamp()"), ("kronos.now()", "now()")])
@pytest.mark.parametrize("role", ["kronos_owner", "kronos_api", "kronos_worker", "kronos_cron"])
def test_a_plan_has_postgresqls_own_function_in_its_place(
    shared: Connection, role: str, ours: str, its_own: str
) -> None:
    shared.execute("create temporary table if not exists instants (at timestamptz); grant select on instants to public")
    with acting_as(shared, role):
        plan = "\n".join(row[0] for row in shared.execute(f"explain select from instants where at <= {ours}".encode()))
    assert f"(at <= {its_own})" in plan


def test_an_index_is_searched_by_the_transactions_start(shared: Connection) -> None:
    plan = "\n".join(
        row[0]
        for row in shared.execute(
            "explain select from kronos.execution_live where endpoint_id = kronos.uuid7() and visible_at <= "
            "kronos.now()"
        )
    )
    assert "visible_at <= now()" in plan


def test_they_are_what_they_stand_for(shared: Connection) -> None:
    with shared.transaction():
        assert value(shared, "select kronos.now() = now()") is True
        before, ours, after = (
            shared.execute("select clock_timestamp(), kronos.clock(), clock_timestamp()").fetchone() or (None,) * 3
        )
    assert before <= ours <= after


READINGS = {
    "a statement": "select kronos.now() - pg_catalog.now()",
    "in plpgsql": "select pg_temp.in_plpgsql()",
    "in sql": "select pg_temp.in_sql()",
    "a default": "select kronos.uuid7_time(kronos.uuid7()) - pg_catalog.clock_timestamp()",
    "a view": "select at - pg_catalog.now() from instants_seen",
}


def step_before_open_sessions(clock: Clock, database_url: str) -> None:
    """Step the clock, and see the step in prepared statements of a session that has generic plans, and in functions
    that it has called before.
    """
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=0) as other:
        other.execute("set plan_cache_mode = force_generic_plan")
        other.execute(
            """
            create function pg_temp.in_plpgsql() returns interval language plpgsql as $$
            declare v_at timestamptz := kronos.clock(); begin return v_at - pg_catalog.clock_timestamp(); end $$
            """
        )
        other.execute(
            "create function pg_temp.in_sql() returns interval language sql set search_path = pg_catalog"
            " return kronos.now() - pg_catalog.now()"
        )
        other.execute("create temporary view instants_seen as select kronos.now() as at")
        for by in (timedelta(), 3 * HOUR, -5 * DAY):
            clock.step(by)
            for name, query in READINGS.items():
                shown = value(other, query)
                assert abs(shown - clock.by) < timedelta(minutes=1), (name, shown)


def test_open_sessions_see_a_step_in_their_next_statement(superuser: Connection, database_url: str) -> None:
    """Even prepared statements in functions called before, with generic plans: replacing a function invalidates every
    plan that contains it.
    """
    step_before_open_sessions(Clock(superuser), database_url)


def test_a_stepped_clock_decides_what_is_due_and_what_was_missed(superuser: Connection, endpoint: EndpointRow) -> None:
    clock = Clock(superuser)
    clock.set(datetime.fromisoformat("2028-02-28T23:59:30+00:00"))
    job_id = make_cron_job(
        superuser, endpoint, cron="0 0 29 2 *", ticks_from=datetime.fromisoformat("2028-02-28T00:00:00+00:00")
    )
    superuser.execute(
        "update kronos.pointers set next_tick_at = kronos.next_tick((select schedule from kronos.jobs where job_id = "
        "%s), kronos.now())"
        " where job_id = %s",
        [job_id, job_id],
    )
    assert value(superuser, "select kronos.fire(%s)", [job_id]) == 0
    clock.step(timedelta(seconds=31))
    assert value(superuser, "select kronos.fire(%s)", [job_id]) == 1
    ran, created = superuser.execute(
        "select scheduled_at, created_at from kronos.execution_live where job_id = %s", [job_id]
    ).fetchone() or (0, 0)
    assert (ran, created - ran < timedelta(seconds=60)) == (datetime.fromisoformat("2028-02-29T00:00:00+00:00"), True)
    assert value(
        superuser, "select next_tick_at from kronos.pointers where job_id = %s", [job_id]
    ) == datetime.fromisoformat("2032-02-29T00:00:00+00:00")


_MOVES = [
    "create or replace function kronos.clock() returns timestamptz language sql return pg_catalog.clock_timestamp() - "
    "interval '1 day'",
    "create or replace function kronos.now() returns timestamptz language sql stable return pg_catalog.now() - "
    "interval '1 day'",
    "alter function kronos.clock() set timezone = 'UTC'",
    "alter function kronos.now() immutable",
    "alter function kronos.clock() rename to other",
    "alter function kronos.clock() set schema public",
    "drop function kronos.clock() cascade",
    "create function kronos.other() returns timestamptz language sql return pg_catalog.now()",
    "create function pg_catalog.now() returns timestamptz language sql return '2000-01-01'::timestamptz",
    "alter table kronos.jobs alter column created_at set default '2000-01-01'",
]


@pytest.mark.parametrize("role", ["kronos_api", "kronos_worker", "kronos_cron"])
@pytest.mark.parametrize("move", _MOVES, ids=lambda move: " ".join(move.split()[:6]))
def test_no_role_of_ours_can_replace_it(shared: Connection, role: str, move: str) -> None:
    with acting_as(shared, role), pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.execute(move.encode())


@pytest.mark.parametrize("role", ["kronos_api", "kronos_worker", "kronos_cron"])
def test_nothing_that_a_session_can_set_moves_it(shared: Connection, role: str) -> None:
    """Settings of Kronos and PostgreSQL, the search_path, and functions and operators in a temporary schema or one that
    the role owns.
    """
    schema = f"of_{role}"
    shared.execute(f"create schema {schema} authorization {role}".encode())
    try:
        with acting_as(shared, role), shared.transaction(force_rollback=True):
            for where in ("pg_temp", schema):
                for name in ("now", "clock_timestamp", "clock"):
                    shared.execute(
                        f"create function {where}.{name}() returns timestamptz language sql return timestamptz "
                        "'2000-01-01'".encode()
                    )
            shared.execute(f"set search_path = {schema}, pg_temp, kronos, pg_catalog".encode())
            shared.execute(
                "set timezone = 'Pacific/Kiritimati'; set datestyle = 'German'; set intervalstyle = 'sql_standard'"
            )
            for name in (
                "clock",
                "now",
                "clock_offset",
                "offset",
                "settled_at",
                "settled_job_id",
                "workspace_id",
                "hold",
            ):
                shared.execute("select set_config(%s, %s, true)", [f"kronos.{name}", "2000-01-01 00:00:00+00"])
            assert value(shared, "select kronos.now() = pg_catalog.now()") is True
            between = "select kronos.clock() between pg_catalog.statement_timestamp() and pg_catalog.clock_timestamp()"
            assert value(shared, between) is True
            shared.execute("set search_path = pg_catalog")  # a leak would reach privileged functions
            assert (
                value(shared, "select kronos.uuid7_time(kronos.uuid7()) > pg_catalog.now() - interval '1 minute'")
                is True
            )
    finally:
        shared.execute(f"drop schema {schema} cascade".encode())


def test_they_read_nothing_but_postgresqls_clock(shared: Connection) -> None:
    bodies = shared.execute(
        """
        select proname::text, pg_get_function_sqlbody(oid), prosecdef, proconfig, provolatile::text, proparallel::text,
               proowner::regrole::text
          from pg_proc where pronamespace = 'kronos'::regnamespace and proname in ('clock', 'now') order by 1
        """
    ).fetchall()
    assert bodies == [
        ("clock", "RETURN clock_timestamp()", False, None, "v", "s", "kronos_owner"),
        ("now", "RETURN now()", False, None, "s", "s", "kronos_owner"),
    ]
