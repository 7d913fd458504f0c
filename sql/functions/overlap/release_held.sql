-- release_held: the safety net under release_next's triggers, which wait for no lock and may not see each
-- other's rows: releases, for up to p_limit overlap keys with waiting runs, those that nothing blocks. If
-- nothing waits, it reads one empty index.
-- Without p_all a call checks a part of the keys, and the session's next call continues where this one ended.
-- There are as many parts, up to 64, as make a part take a millisecond or two, whether ten thousand runs wait
-- or a reader's old snapshot keeps the entries of earlier ones. Checking all keys took 42 to 85 ms, four
-- times a second in each worker. However the parts change, 64 calls check all keys.
-- Returns: how many executions were released. A key that cannot be checked raises a warning and stops no
-- other.
create or replace function kronos.release_held(p_limit integer, p_all boolean) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_parts        integer     :=
        case when p_all then 1
             else coalesce(nullif(current_setting('kronos.held_parts', true), '')::integer, 1) end;
    -- keys by their first byte
    v_from         integer     :=
        case when p_all then 0
             else coalesce(nullif(current_setting('kronos.held_from', true), '')::integer, 0) end;
    v_to           integer     := least(v_from + 256 / v_parts, 256);
    v_first        uuid        := rpad(lpad(to_hex(v_from), 2, '0'), 32, '0')::uuid;
    v_last         uuid        := rpad(lpad(to_hex(v_to - 1), 2, '0'), 32, 'f')::uuid;
    v_began_at     timestamptz := kronos.clock();
    v_took         interval;
    v_overlap_key  uuid;
    v_released     integer     := 0;
begin
    for v_overlap_key in
        select distinct waiting.overlap_key
          from kronos.execution_live as waiting
          join kronos.jobs as job using (job_id)
         where waiting.visible_at = 'infinity'
           and waiting.overlap_key between v_first and v_last
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
            raise warning 'kronos: runs held under the overlap key % cannot be released: % (%)',
                v_overlap_key, sqlerrm, sqlstate;
        end;
    end loop;
    if not p_all then
        v_took := kronos.clock() - v_began_at;
        perform set_config('kronos.held_from', (v_to % 256)::text, false),
                set_config('kronos.held_parts',
                           (case when v_took > interval '2 ms' then least(64, v_parts * 2)
                                 when v_took < interval '0.5 ms' then greatest(1, v_parts / 2)
                                 else v_parts end)::text, false);
    end if;
    return v_released;
end
$$;
