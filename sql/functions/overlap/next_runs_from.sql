-- next_runs_from: what a tick leaves to the next one as runs_from: the number of the oldest unfinished run of
-- an overlap key; where there is none, one that each later run is above.
-- The caller holds the row lock of the job's newest version: a session that adds to the key draws a number
-- later.
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
