"""A database that is lent again is as new: whatever a test did to it, the next test finds what the template
contains.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from clock import Clock
from conftest import url_of
from jobs_view import KEEP_HOURLY_TICKS_AWAY
from lent import Lent
from servers import Server
from sql_factory import Connection, make_cron_job, value, values

_A_FILE, _ANOTHER = Path("test_a.py"), Path("test_b.py")
_TABLES = """
    select format('%I.%I', namespace.nspname, class.relname)
      from pg_class as class
      join pg_namespace as namespace on namespace.oid = class.relnamespace
     where class.relkind = 'r' and namespace.nspname in ('kronos', 'cron')
"""
_SEQUENCES = "select schemaname, sequencename, last_value from pg_sequences order by 1, 2"


@pytest.fixture(scope="module")
def kept_lent(server: Server, template: str) -> Iterator[Lent]:
    made = Lent(server.databases, server.superuser_url, template)
    yield made
    made.close()


@pytest.fixture
def lent(kept_lent: Lent) -> Lent:  # in place of the session's database
    kept_lent.lend(_A_FILE)
    return kept_lent


def held(connection: psycopg.Connection) -> dict[str, object]:
    """All rows of Kronos and of pg_cron, and the positions of the sequences."""
    rows: dict[str, object] = {
        table: sorted(connection.execute(f"select whole::text from {table} as whole".encode()).fetchall())
        for (table,) in connection.execute(_TABLES).fetchall()
    }
    return rows | {"sequences": connection.execute(_SEQUENCES).fetchall()}


def test_rows_that_were_made_changed_and_deleted_are_taken_back(lent: Lent, server: Server, template: str) -> None:
    with psycopg.connect(url_of(server.superuser_url, template)) as original:
        expected = held(original)
    url, superuser = lent.url, lent.connection
    assert held(superuser) == expected
    for _ in range(2):  # a change that was taken back does not count as a change the next time
        make_cron_job(superuser)
        superuser.execute("update kronos.heartbeats set rang_at = now()")
        superuser.execute("delete from kronos.pointers")
        superuser.execute("insert into cron.job (schedule, command) values ('* * * * *', 'select 1')")
        assert held(superuser) != expected
        lent.lend(_A_FILE)
        assert (lent.url, lent.connection) == (url, superuser)
        assert held(superuser) == expected


def test_a_template_that_is_made_as_an_hourly_job_is_due_has_its_entry_right(superuser: Connection) -> None:
    """Its server is a copy on another port than its entries name, and the reaper spares due jobs."""
    clock = Clock(superuser)
    clock.set(value(superuser, "select next_tick_at from tests.jobs where name = 'retention'"))
    superuser.execute("update cron.job set nodeport = nodeport + 1 where jobname like 'kronos:%'")
    superuser.execute("select kronos.reap()")
    spared = "select job.name from kronos.pg_cron_drift() join kronos.jobs as job using (job_id)"
    assert values(superuser, spared) == ["retention"]
    superuser.execute(KEEP_HOURLY_TICKS_AWAY)
    assert values(superuser, spared) == []


def test_what_another_session_wrote_last_is_taken_back(lent: Lent) -> None:
    url = lent.url
    other = psycopg.connect(url, autocommit=True)
    other.execute("update kronos.heartbeats set rang_at = '2020-01-01'")
    other.execute("begin")
    other.execute("delete from kronos.pointers")
    other.close()
    lent.lend(_A_FILE)
    assert lent.url == url
    assert value(lent.connection, "select count(*) from kronos.heartbeats where rang_at = '2020-01-01'") == 0


def test_who_stays_writes_into_no_other_test(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a process that a test left behind, and that reconnects whenever its session is ended."""
    monkeypatch.setattr("lent._LEAVES_WITHIN", 0.05, raising=False)
    url = lent.url
    with psycopg.connect(url, autocommit=True):
        lent.lend(_A_FILE)
        assert lent.url != url
        lent.lend(_ANOTHER)  # this drops databases that are no longer in use
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(url)


def test_the_session_is_as_new(lent: Lent) -> None:
    url, superuser = lent.url, lent.connection
    said: list[str | None] = []
    superuser.row_factory = dict_row  # type: ignore[assignment]
    superuser.prepare_threshold = 0
    superuser.add_notice_handler(lambda notice: said.append(notice.message_primary))
    superuser.execute("listen something")
    superuser.execute("notify something, 'of the test before'")
    superuser.execute("select nextval('cron.jobid_seq')")
    superuser.execute("set role kronos_api")
    superuser.execute("set timezone = 'Asia/Tokyo'")
    superuser.execute("listen something")
    superuser.execute("prepare looks as select 1")
    superuser.execute("declare held cursor with hold for select 1")
    superuser.execute("select pg_advisory_lock(17)")
    lent.lend(_A_FILE)
    assert (lent.url, lent.connection) == (url, superuser)
    ((user, zone, listens, prepared, cursors, locks),) = superuser.execute(
        """
        select current_user, current_setting('timezone'), (select count(*) from pg_listening_channels()),
               (select count(*) from pg_prepared_statements), (select count(*) from pg_cursors where name <> ''),
               (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())
        """
    ).fetchall()
    assert user != "kronos_api"
    assert zone != "Asia/Tokyo"
    assert (listens, prepared, cursors, locks) == (0, 0, 0, 0)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="lastval is not yet defined"):
        superuser.execute("select lastval()")
    superuser.execute("listen something")
    superuser.execute("notify something, 'of this one'")
    superuser.execute("do $$ begin raise notice 'said'; end $$")
    assert [told.payload for told in superuser.notifies(timeout=0)] == ["of this one"]
    assert said == []


@pytest.mark.parametrize(
    "harm",
    [
        "create table kronos.more (number int)",
        "create temp table more (number int)",
        "alter table kronos.jobs add column more int",
        "drop view tests.jobs",
        "alter function kronos.now() cost 17",
        "create function kronos.more() returns int language sql return 1",
        "grant select on kronos.jobs to public",
        "comment on schema kronos is 'of another release'",
        "truncate kronos.pointers",
        "analyze kronos.jobs",
        "vacuum kronos.dead_letters",
        "analyze kronos.dead_letters",
        "insert into cron.job (schedule, command) values ('* * * * *', 'select 1'); select pg_stat_reset()",
        "alter table kronos.pointers disable trigger all",
        "create role kronos_more; grant select on kronos.jobs to kronos_more; drop owned by kronos_more; "
        "drop role kronos_more",
        "do $$ begin execute format('alter database %I set kronos.hold = on', current_database()); end $$",
        "do $$ begin execute format('alter database %I connection limit 7', current_database()); end $$",
        "do $$ begin execute format('comment on database %I is %L', current_database(), 'more'); end $$",
        "do $$ begin execute format('revoke connect on database %I from public', current_database()); end $$",
        "insert into cron.job (schedule, command) select '* * * * *', 'select 1' from generate_series(1, 5001)",
        "begin",
        "select pg_terminate_backend(pg_backend_pid())",
    ],
)
def test_what_cannot_be_taken_back_is_thrown_away(lent: Lent, harm: str) -> None:
    url = lent.url
    try:
        lent.connection.execute(harm.encode())
    except psycopg.errors.AdminShutdown:
        assert "terminate" in harm
    lent.lend(_A_FILE)
    assert lent.url != url
    assert value(lent.connection, "select count(*) from pg_prepared_statements") == 0


def test_many_tests_leave_no_more_dead_rows_than_one_may_meet(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    lent.lend(_ANOTHER)
    monkeypatch.setattr("lent._MOST_IN_ALL", 300, raising=False)
    url = lent.url
    for is_as_before in (True, False):  # each leaves 100 rows that it wrote, and the 100 dead rows of taking them back
        lent.connection.execute("insert into cron.job (schedule, command) select '', '' from generate_series(1, 100)")
        lent.lend(_ANOTHER)
        assert (lent.url == url) is is_as_before


def test_a_session_that_the_test_closed_is_made_anew(lent: Lent) -> None:
    lent.connection.close()
    lent.lend(_A_FILE)
    assert value(lent.connection, "select 1") == 1


def test_a_test_may_end_the_session_that_takes_its_rows_back(lent: Lent) -> None:
    expected = held(lent.connection)
    for _ in range(2):  # that session connects when rows are first taken back
        make_cron_job(lent.connection)
        url = lent.url
        lent.lend(_A_FILE)
    others = "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    assert len(lent.connection.execute(others).fetchall()) == 1
    make_cron_job(lent.connection)
    lent.connection.execute(others.replace("select", "select pg_terminate_backend(pid, 10000)", 1))
    lent.lend(_A_FILE)
    assert lent.url != url
    assert held(lent.connection) == expected


def test_a_file_begins_with_a_copy_of_its_own(lent: Lent) -> None:
    url = lent.url
    lent.lend(_ANOTHER)
    assert lent.url != url
