"""Step the clock of one database: replace kronos.clock() and kronos.now() by functions that show another, running time.

Only the functions' owner can do that. Open sessions see the change in their next statement, because replacing a
function invalidates every plan that it was inlined into (tests/sql/test_clock.py). pg_cron and the processes' own
clocks do not change.
"""

from datetime import datetime, timedelta

import psycopg

FUNCTIONS = {"clock": ("volatile", "pg_catalog.clock_timestamp()"), "now": ("stable", "pg_catalog.now()")}
# In production, an omitted column defaults to PostgreSQL's now(), which is the same. Partitions use their parent's.
DEFAULTS = r"""
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
    """The clock of the database of `owner`, a superuser's connection. `by` is how far it is ahead."""

    def __init__(self, owner: psycopg.Connection) -> None:
        self._owner = owner
        self.by = timedelta()

    def step(self, by: timedelta) -> None:
        """Step forward or back by this much, immediately and for all sessions."""
        for (alter,) in self._owner.execute(DEFAULTS).fetchall():
            self._owner.execute(alter.encode())
        self.by += by
        microseconds = self.by // timedelta(microseconds=1)
        for name, (volatility, true) in FUNCTIONS.items():
            self._owner.execute(
                f"""
                create or replace function kronos.{name}() returns timestamptz language sql {volatility} parallel safe
                return {true} + interval '{microseconds} microseconds'
                """.encode()
            )

    def set(self, at: datetime) -> None:
        """Set the clock to this instant; it keeps running."""
        ((true,),) = self._owner.execute("select pg_catalog.clock_timestamp()").fetchall()
        self.step(at - true - self.by)

    def stand(self, at: datetime) -> None:
        """Stop the clock at this instant until the next step; defaults of omitted columns keep running."""
        for name, (volatility, _) in FUNCTIONS.items():
            self._owner.execute(
                f"""
                create or replace function kronos.{name}() returns timestamptz language sql {volatility} parallel safe
                return timestamptz '{at.isoformat()}'
                """.encode()
            )
