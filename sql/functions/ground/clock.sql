-- clock: the current time; each call reads the clock again. For functions that may have waited for a lock, or
-- that work until a deadline. Only this function and kronos.now() read PostgreSQL's time, so that tests can
-- replace them (tests/clock.py). In production nothing can shift them: they read no setting, no table and no
-- search_path, and only their owner may replace them. Inlined, so each plan contains clock_timestamp()
-- (decision 0047).
create or replace function kronos.clock() returns timestamptz
language sql volatile parallel safe
return pg_catalog.clock_timestamp();
