"""Steps the clock of one database: kronos.clock() and kronos.now() are replaced by ones that show another time, which
goes on.

Only the functions' owner can do that. Sessions that are open see it in their next statement: to replace a function ends
every plan that it was inlined into (tests/sql/test_clock.py). pg_cron and the processes' own clocks stay where they
are.
"""

from datetime import datetime, timedelta

import psycopg

_FUNCTIONS = {"clock": ("volatile", "pg_catalog.clock_timestamp()"), "now": ("stable", "pg_catalog.now()")}
# In production a column that is left out takes PostgreSQL's own now(): it is the same. Partitions take their parent's.
_DEFAULTS = r"""
    select format('alter table only %s alter column %I set default %s', def.adrelid::regclass, attribute.attname,
                  regexp_replace(expression.text, '(?<![.])\mnow\(\)', 'kronos.now()'))
      from pg_attrdef as def
      join pg_attribute as attribute on (attribute.attrelid, attribute.attnum) = (def.adrelid, def.adnum)
      join pg_class as class on class.oid = def.adrelid
     cross join lateral pg_get_expr(def.adbin, def.adrelid) as expression (text)
     where class.relnamespace = 'kronos'::regnamespace and not class.relispartition
       and expression.text ~ '(?<![.])\mnow\(\)'
"""


class Clock:
    """The clock of the database that `owner`, a superuser's connection, is in. `by` is how far it is ahead."""

    def __init__(self, owner: psycopg.Connection) -> None:
        self._owner = owner
        self.by = timedelta()

    def step(self, by: timedelta) -> None:
        """Forward or back by so much, at once and for all sessions."""
        for (alter,) in self._owner.execute(_DEFAULTS).fetchall():
            self._owner.execute(alter.encode())
        self.by += by
        microseconds = self.by // timedelta(microseconds=1)
        for name, (volatility, true) in _FUNCTIONS.items():
            self._owner.execute(
                f"""
                create or replace function kronos.{name}() returns timestamptz language sql {volatility} parallel safe
                return {true} + interval '{microseconds} microseconds'
                """.encode()
            )

    def set(self, at: datetime) -> None:
        """To this instant; from there it goes on."""
        ((true,),) = self._owner.execute("select pg_catalog.clock_timestamp()").fetchall()
        self.step(at - true - self.by)

    def stand(self, at: datetime) -> None:
        """Still, at this instant, until the next step; what columns that are left out take goes on."""
        for name, (volatility, _) in _FUNCTIONS.items():
            self._owner.execute(
                f"""
                create or replace function kronos.{name}() returns timestamptz language sql {volatility} parallel safe
                return timestamptz '{at.isoformat()}'
                """.encode()
            )
