-- next_runs_from: the value of runs_from that a tick leaves to the next one: the number of the oldest
-- unfinished run of an overlap key or, if there is none, a number below every later run. The caller holds the
-- row lock of the job's newest version: sessions that add to the key draw their numbers later.
create or replace function kronos.next_runs_from(p_overlap_key uuid) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
begin
    return coalesce((select overlap_nth
                       from kronos.execution_live
                      where overlap_key = p_overlap_key
                        and overlap_nth >= kronos.runs_from(p_overlap_key)
                      order by overlap_nth
                      limit 1), nextval('kronos.overlap_nth'));
end
$$;
