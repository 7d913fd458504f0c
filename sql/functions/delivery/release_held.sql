-- release_held: the net under release_next's triggers, which wait for nobody and may not see each other's rows: of up to p_limit overlap keys under
-- which something waits, those with nothing in its way. Where nothing waits it is one look at an empty index.
-- Called by: upkeep.   Returns: how many executions were let go. One key that cannot be looked at is warned of and stops no other.
create or replace function kronos.release_held(p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_overlap_key  uuid;
    v_released     integer := 0;
begin
    for v_overlap_key in
        select distinct waiting.overlap_key
          from kronos.execution_live as waiting
          join kronos.jobs as job using (job_id)
         where waiting.visible_at = 'infinity'
           and not exists (select
                             from kronos.execution_live as other
                            where other.overlap_key = waiting.overlap_key
                              and other.visible_at < 'infinity'
                              and not (job.overlap = 'REPLACE' and other.created_at < waiting.created_at))
         limit p_limit
    loop
        begin
            v_released := v_released + kronos.release_next(v_overlap_key)::integer;
        exception when others then
            raise warning 'kronos: what waits under the overlap key % cannot be let go: % (%)', v_overlap_key, sqlerrm, sqlstate;
        end;
    end loop;
    return v_released;
end
$$;
