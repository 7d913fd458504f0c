-- resume_each: resume_together for a batch of jobs. If one of them fails, the halves are tried separately,
-- and so on; until p_until and in random order, as in expire_each. Those that are not reached stay paused,
-- for the next run.
-- Returns: how many were resumed, how many other sessions hold, how many due executions were created; and
-- what failed.
create or replace function kronos.resume_each(p_job_ids uuid[], p_now timestamptz,
                                              p_until timestamptz default null, out resumed integer,
                                              out busy integer, out delivered integer, out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_job_ids) / 2;
    v_first  uuid[] := p_job_ids[:v_half];
    v_second uuid[] := p_job_ids[v_half + 1:];
    v_until  timestamptz;
    v_part   record;
begin
    errors := '[]';
    begin
        select together.resumed, together.busy, together.delivered into resumed, busy, delivered
          from kronos.resume_together(p_job_ids, p_now) as together;
        return;
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            resumed := 0;
            busy := 0;
            delivered := 0;
            errors := jsonb_build_array(jsonb_build_object('job_id', p_job_ids[1], 'type', sqlstate,
                                                           'message', sqlerrm));
            return;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_job_ids[:v_half];
    end if;
    select * into resumed, busy, delivered, errors from kronos.resume_each(v_first, p_now, v_until);
    if kronos.clock() < v_until then
        select * into v_part from kronos.resume_each(v_second, p_now, v_until);
        resumed := resumed + v_part.resumed;
        busy := busy + v_part.busy;
        delivered := delivered + v_part.delivered;
        errors := errors || v_part.errors;
    end if;
end
$$;
