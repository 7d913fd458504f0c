-- end_each: end_together for a batch of jobs. If one of them fails, the halves are tried separately, and so
-- on; until p_until and in random order, as in expire_each.
-- Returns: how many were retired. The others are left for the next run: those that another session holds,
-- that fail or are not reached, and those whose ticks cannot be accounted for yet.
create or replace function kronos.end_each(p_job_ids uuid[], p_now timestamptz,
                                           p_until timestamptz default null)
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_job_ids) / 2;
    v_first  uuid[] := p_job_ids[:v_half];
    v_second uuid[] := p_job_ids[v_half + 1:];
    v_until  timestamptz;
    v_ended  integer;
begin
    begin
        return kronos.end_together(p_job_ids, p_now);
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            raise warning 'kronos: %, including %, cannot be ended: % (%)',
                kronos.counted(cardinality(p_job_ids), 'job'), p_job_ids[1], sqlerrm, sqlstate;
            return 0;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_job_ids[:v_half];
    end if;
    v_ended := kronos.end_each(v_first, p_now, v_until);
    if kronos.clock() < v_until then
        v_ended := v_ended + kronos.end_each(v_second, p_now, v_until);
    end if;
    return v_ended;
end
$$;
