-- clock: now, by the clock: each call reads it again. Where a function may have waited for a lock, or works
-- until a time. This and kronos.now() are the only places that ask PostgreSQL for the time: a test replaces
-- them (tests/clock.py). In production nothing moves them: they read no setting, no table, no search_path,
-- and only their owner may replace them. Inlined, so each plan has clock_timestamp() in it (decision 0047).
create or replace function kronos.clock() returns timestamptz
language sql volatile parallel safe
return pg_catalog.clock_timestamp();
