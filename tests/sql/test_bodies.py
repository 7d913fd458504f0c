"""The bodies of SQL functions, checked by plpgsql_check and by PostgreSQL: what they name exists, and they use what
they declare.
"""

import re

import pytest

from sql_factory import Connection, value, values

# Findings that are not faults, each with the reason. Before you add one, check what else its pattern lets through.
_FALSE = (
    # Counts are bigint and are stored in integers. The assignment checks the range, and costs nanoseconds a call.
    re.compile(
        r'\w+: performance 42804 .* cast "(integer|bigint|numeric)" value to "(integer|bigint|double precision)" type '
    ),
    # They depend on time zone rules, which may change while the database runs: STABLE promises no more than is true.
    re.compile(
        r"(alarm_times|anchor_of|check_dates|next_ticks): performance 00000 routine is marked as STABLE, should be "
        r"IMMUTABLE "
    ),
    # Its query is dynamic SQL, which plpgsql_check does not read.
    re.compile(r'find_dead_letters: warning extra 00000 OUT variable "\w+" is maybe unmodified '),
    # They change tables by dynamic SQL, which plpgsql_check does not read.
    re.compile(r"(add_partition|drop_partition): performance 00000 routine is marked as VOLATILE, should be STABLE "),
    # It is called again once rows are locked, to see what was committed meanwhile. As STABLE it might not.
    re.compile(
        r"(oldest_day|due_jobs|folded_texts|is_alarm_needed|new_jobs_run|ring_texts|shared_names): performance 00000 "
        r"routine is marked as VOLATILE, should be STABLE "
    ),
    # Reported by newer versions of plpgsql_check. PostgreSQL marks format(), concat(), to_char(), array_to_string() and
    # arithmetic with intervals as STABLE because some arguments depend on settings. Texts, whole numbers, instants
    # without a zone and intervals in hours do not, and our IMMUTABLE functions pass no others.
    re.compile(r"\w+: warning 00000 .* routine is marked as IMMUTABLE, but expression is STABLE"),
    # kronos.clock() in a function that is called once per statement, or once per job with arguments that no other call
    # has; and a set_config that is local to a function.
    re.compile(
        r"(enqueue_fault|is_zone_name|overdue_ticks|pg_cron_health|sound_ledgers|system_status): warning 00000 .* "
        r"routine is marked as STABLE, but expression is VOLATILE"
    ),
    # A loop without a condition that only its returns leave.
    re.compile(
        r"(next_local_tick|is_alarm_needed): warning extra 2F005 control reached end of function without RETURN"
    ),
    # A row that is passed in, changed and returned together with other results.
    re.compile(
        r'(claim_beat_tick|count_beat_end|count_beat_start): warning extra 00000 composite OUT variable "p_pointer" '
    ),
    # It distinguishes entries in pg_cron's log, and nothing else.
    re.compile(r'ring: warning extra 00000 unused parameter "p_alarm"'),
    # On kronos.jobs it is a trigger of deletions only, which have returned before.
    re.compile(r'require_job: error 42703 .* record "new" has no field "cause"'),
    # Triggers of several tables, which first check which table it is: one table's columns may be missing in another.
    re.compile(r'note_live_operation: error 42703 .* record "new" has no field "(operation|backfill|workspace)_id"'),
    re.compile(r'note_live_rows: error 42703 .* column "trigger" does not exist'),
    # Only the rows of jobs have "trigger", so the statement cannot be static.
    re.compile(r"note_live_rows: performance 00000 .* EXECUTE command is not necessary"),
    # Code after a block whose exception is caught.
    re.compile(r"take_executions: warning extra 00000 .* unreachable code"),
)

_FINDINGS = """
  select proc.proname || ': ' || concat_ws(' ', found.level, found.sqlstate, 'line ' || found.lineno,
         found.statement, found.message,
                                           found.detail, found.hint)
    from pg_proc as proc
    join pg_language as language on language.oid = proc.prolang and language.lanname = 'plpgsql'
    left join pg_trigger as trigger on trigger.tgfoid = proc.oid and trigger.tgparentid = 0
   cross join lateral plpgsql_check_function_tb(proc.oid, coalesce(trigger.tgrelid, 0), oldtable := trigger.tgoldtable,
                                                newtable := trigger.tgnewtable, performance_warnings := true) as found
   where proc.pronamespace = 'kronos'::regnamespace and proc.proname ~ %s
   order by 1
"""


@pytest.fixture
def checked(superuser: Connection) -> Connection:
    if values(superuser, "select name from pg_available_extensions where name = 'plpgsql_check'") == []:
        version = superuser.info.server_version // 10000
        pytest.skip(
            f"this server has no plpgsql_check: install postgresql-{version}-plpgsql-check (bin/install does where "
            "apt has it)"
        )
    superuser.execute("create extension plpgsql_check")
    return superuser


def test_plpgsql_check_finds_nothing_that_is_a_fault(checked: Connection) -> None:
    found = [each for each in values(checked, _FINDINGS, [""]) if not any(false.match(each) for false in _FALSE)]
    assert found == [], "\n".join(found)


def test_plpgsql_check_finds_an_unused_variable_and_a_column_that_is_not_there(checked: Connection) -> None:
    checked.execute(
        """
        create function kronos.faulty() returns integer language plpgsql as $$
        declare
            v_unused text;
        begin
            return (select no_such_column from kronos.jobs limit 1);
        end
        $$
        """
    )
    found = "\n".join(values(checked, _FINDINGS, ["^faulty$"]))
    assert 'column "no_such_column" does not exist' in found
    checked.execute(
        "create or replace function kronos.faulty() returns integer language plpgsql as $$ declare v_unused text; "
        "begin return 1; end $$"
    )
    assert 'unused variable "v_unused"' in "\n".join(values(checked, _FINDINGS, ["^faulty$"]))


def test_functions_in_sql_hold_what_is_there(superuser: Connection) -> None:
    """A migration creates them with check_function_bodies off, because they may name functions that are created
    later.
    """
    definitions = values(
        superuser,
        """
        select pg_get_functiondef(proc.oid)
          from pg_proc as proc
          join pg_language as language on language.oid = proc.prolang and language.lanname = 'sql'
         where proc.pronamespace = 'kronos'::regnamespace
         order by proc.proname
        """,
    )
    assert len(definitions) > 50
    assert value(superuser, "show check_function_bodies") == "on"
    for definition in definitions:
        superuser.execute(definition.encode())


_ANSWER_WITH_ROWS = """
select format('select * from kronos.%I(%s)', proname,
              array_to_string(array_fill('null'::text, array[pronargs::integer]), ','))
  from pg_proc
 where pronamespace = 'kronos'::regnamespace and proretset
   and prorettype in (select reltype from pg_class where relkind in ('r', 'p') and relnamespace = pronamespace)
 order by proname
"""


def test_functions_that_answer_with_rows_of_a_table_go_on_once_it_has_another_column(superuser: Connection) -> None:
    """A body that is stored parsed (begin atomic) has the columns of the time when it was created, and is created again
    only if its own file changes. After a migration of kronos.jobs, requests for the load and applies used to fail.
    """
    asked = values(superuser, _ANSWER_WITH_ROWS)
    assert len(asked) > 4
    with superuser.transaction(force_rollback=True):
        for table in ("jobs", "endpoints", "documents", "workspaces"):
            superuser.execute(f"alter table kronos.{table} add column of_the_next_release text")
        for each in asked:
            superuser.execute(each)
