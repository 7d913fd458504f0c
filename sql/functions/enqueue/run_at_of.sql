-- run_at_of: the instant of a run_at of enqueue_many, read as the API reads it: digits beyond microseconds
-- are cut, where PostgreSQL itself would round, and offsets go up to 23:59. Hour 24 and second 60 are no
-- times; PostgreSQL itself would read them as later ones.
-- Returns: null if there is no such time.
create or replace function kronos.run_at_of(p_text text) returns timestamptz
language sql stable strict set search_path = pg_catalog, pg_temp
as $$
    select kronos.time_of(part[1] || 'Z')
           - coalesce((part[2] || '1')::integer
                      * make_interval(hours => part[3]::integer, mins => part[4]::integer), '0 s')
      from regexp_match(p_text, '^(.{11}(?!24).{6}(?!60).{2}(?:\.[0-9]{1,6})?)[0-9]*'
                                '(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))$') as part
$$;
