-- turn_each: let some jobs of a workspace follow its last suspension or resumption: their ticks, including
-- the end of a pause whose time has come (p_ticks), and their entries (p_entries). If one of them fails, each
-- half of the batch is tried separately, and so on, so that it stops no other; the last failure is kept
-- (last_error). From half a second after the first failure on (p_until) no other half is tried, and which half
-- is first is left to chance, as in expire_each. The caller holds a shared lock on the workspace, and its row of kronos.turns.
-- Lock order: the jobs' rows, cron.job, shared entries. Waits for no row.
-- Returns: the jobs that are left behind: locked by other sessions, failed, or not reached.
create or replace function kronos.turn_each(p_job_ids uuid[], p_is_suspended boolean, p_ticks boolean,
                                            p_entries boolean, p_until timestamptz default null)
returns uuid[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half constant integer     := cardinality(p_job_ids) / 2;
    v_now  constant timestamptz := kronos.clock();
    v_held    uuid[];
    v_paused  uuid[];
    v_late    uuid[] := '{}'::uuid[];
    v_first   uuid[] := p_job_ids[:v_half];
    v_second  uuid[] := p_job_ids[v_half + 1:];
    v_until   timestamptz;
begin
    if p_job_ids = '{}' then
        return '{}'::uuid[];
    end if;
    begin
        select coalesce(array_agg(job_id), '{}'),
               coalesce(array_agg(job_id) filter (where is_over), '{}') into v_held, v_paused
          from (select job.job_id, job.status = 'PAUSED' and job.resume_at <= v_now as is_over
                  from kronos.jobs as job
                 where job.job_id = any (p_job_ids)
                   and job.status in ('ACTIVE', 'PAUSED')
                 order by job.job_id
                   for update skip locked) as locked;
        if p_ticks then
            perform kronos.follow_moves(v_held);
            if v_paused <> '{}' then
                perform kronos.skip_each(v_paused, v_now, null);
                update kronos.jobs set status = 'ACTIVE', status_reason = null, resume_at = null
                 where job_id = any (v_paused);
            end if;
            v_late := kronos.follow_turns(v_held);
            v_held := array(select unnest(v_held) except select unnest(v_late));
        end if;
        if p_entries and p_is_suspended then
            perform kronos.unregister_jobs(v_held);
        elsif p_entries then
            perform kronos.register_each(v_held);
        end if;
        if p_entries then
            perform kronos.settle_alarms_soon();      -- shared entries; failures are left behind
        end if;
        if cardinality(v_held) = cardinality(p_job_ids) then
            return '{}'::uuid[];
        end if;
        return array(select job.job_id
                       from unnest(p_job_ids) with ordinality as asked (job_id, nth)
                       join kronos.jobs as job using (job_id)
                      where job.status in ('ACTIVE', 'PAUSED')
                        and job.job_id <> all (v_held)
                      order by asked.nth);
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
