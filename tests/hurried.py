"""A database in which time is always up, for --hurried: each function that works until a time does one step.

A test that calls such a function once, and asserts that all is done, depends on the speed of the machine: on a busy one
it fails now and then, and with this option each time. It should repeat the call (tests/repeated.py), ask for more time
than Kronos takes by itself, or stop the clock (`MovedClock.stop`): while it stands, no time passes here either.
Decision 186.
"""

import psycopg

# Kronos' own bounds are shorter, except a ring's 20 s.
_AHEAD = "15 seconds"
# Reads the clock twice, a microsecond apart at least, to see whether it stands.
_CLOCK = f"""
    grant usage on schema tests to public;
    create or replace function tests.clock_in_a_hurry() returns timestamptz language plpgsql as $$
    declare
        v_at   constant timestamptz := kronos.clock();
        v_true constant timestamptz := pg_catalog.clock_timestamp();
    begin
        while pg_catalog.clock_timestamp() = v_true loop
        end loop;
        return kronos.clock() + case when kronos.clock() = v_at then interval '0' else interval '{_AHEAD}' end;
    end $$
"""
_BOUND = r"kronos\.clock\(\)(?= (?:>=|>|<) (?:[pv]_until|(?:v_began|v_now|kronos\.now\(\)) \+))"
_BOUNDED = f"""
    select replace(pg_get_functiondef(proc.oid), proc.prosrc,
                   regexp_replace(proc.prosrc, '{_BOUND}', 'tests.clock_in_a_hurry()', 'g'))
      from pg_proc as proc
     where proc.pronamespace = 'kronos'::regnamespace and proc.prosrc ~ '{_BOUND}'
"""


def hurry(owner: psycopg.Connection) -> None:
    """Let the functions of this database find that their time is up."""
    owner.execute(_CLOCK.encode())
    for (function,) in owner.execute(_BOUNDED.encode()).fetchall():
        owner.execute(function.encode())
