-- release_held: the net under release_next's triggers, which wait for nobody and may not see each other's
-- rows: of up to p_limit overlap keys under which something waits, those with nothing in its way. Where
-- nothing waits it is one look at an empty index. Without p_all a call looks at a part of the keys, and
-- the session's next call goes on where this one ended: as many parts, up to 64, that one takes a
-- millisecond or two, whether ten thousand wait or a reader's old snapshot keeps those that did. All of
-- them took 42 to 85 ms, four times a second in each worker. However the parts change meanwhile, 64 calls
-- have looked at all.
-- Returns: how many executions were let go. One key that cannot be looked at is warned of and stops no
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
            raise warning 'kronos: what waits under the overlap key % cannot be let go: % (%)', v_overlap_key,
                sqlerrm, sqlstate;
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
