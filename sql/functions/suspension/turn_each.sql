-- turn_each: let some jobs of a workspace follow its last suspension or resumption: their ticks, including
-- the end of a pause whose time has come (p_ticks), and their entries (p_entries). If one of them fails, each
-- half of the batch is tried separately, and so on, so that it stops no other; the last failure is kept
-- (last_error). From half a second after the first failure on (p_until) no other half is tried, and which
-- half is first is left to chance, as in expire_each. The caller holds a shared lock on the workspace, and
-- its row of kronos.turns.
-- Lock order: the jobs' rows, cron.job, shared entries. Waits for no row.
-- Returns: the jobs that are left behind: locked by other sessions, failed, or not reached.
create or replace function kronos.turn_each(p_job_ids uuid[], p_is_suspended boolean, p_ticks boolean,
                                            p_entries boolean, p_until timestamptz default null)
returns uuid[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half   constant integer := cardinality(p_job_ids) / 2;
    v_first  uuid[] := p_job_ids[:v_half];
    v_second uuid[] := p_job_ids[v_half + 1:];
    v_until  timestamptz;
begin
    if p_job_ids = '{}' then
        return '{}'::uuid[];
    end if;
    begin
        return kronos.turn_together(p_job_ids, p_is_suspended, p_ticks, p_entries);
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            raise warning 'kronos: %, including %, cannot follow the workspace yet: % (%)',
                kronos.counted(cardinality(p_job_ids), 'job'), p_job_ids[1], sqlerrm, sqlstate;
            update kronos.turns
               set last_error = jsonb_build_object('at', kronos.iso(kronos.clock()), 'type', sqlstate,
                                                   'message', sqlerrm)
             where workspace_id = (select workspace_id from kronos.jobs where job_id = p_job_ids[1]);
            return p_job_ids;
        end if;
    end;
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    if random() < 0.5 then
        v_first  := v_second;
        v_second := p_job_ids[:v_half];
    end if;
    v_first := kronos.turn_each(v_first, p_is_suspended, p_ticks, p_entries, v_until);
    if kronos.clock() < v_until then
        v_second := kronos.turn_each(v_second, p_is_suspended, p_ticks, p_entries, v_until);
    end if;
    return v_first || v_second;
end
$$;
