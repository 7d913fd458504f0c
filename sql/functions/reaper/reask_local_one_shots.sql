-- reask_local_one_shots: after a change of a time zone's rules, move one-shots at a local time of that zone
-- to the instant at which its clocks now show that time: the job's run_at and the times of its execution. A
-- one-shot that a worker has started stays as it is. One that a request or a worker holds at this moment is
-- left for the next call.
-- Each call first checks those that run soonest, then all in the order of their ids, from
-- zones.one_shots_from on, p_at_once at a time until p_until, and at least once; the run of the next minute
-- continues.
-- An instant that has passed by then is due immediately.
-- Lock order: executions, then jobs, as when a worker ends one.
-- Returns: how many were moved, and whether none is left to move.
create or replace function kronos.reask_local_one_shots(p_timezone text,
                                                        p_until timestamptz default 'infinity',
                                                        p_at_once integer default 200, out moved integer,
                                                        out is_complete boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_from    constant uuid := (select one_shots_from from kronos.zones where timezone = p_timezone);
    v_soonest uuid[];
    v_job_ids uuid[];
    v_part    record;
    v_busy    uuid;
    v_next    integer := 1;
begin
    select array_agg(job.job_id order by job.job_id) filter (where v_from is null or job.job_id >= v_from),
           (array_agg(job.job_id order by job.run_at))[:p_at_once]
      into v_job_ids, v_soonest
      from kronos.jobs as job
     where job.timezone = p_timezone
       and job.run_at_local is not null
       and job.status = 'ACTIVE';
    select * into v_part from kronos.reask_each(v_soonest);
    moved := v_part.moved;
    while v_next <= cardinality(v_job_ids) loop
        select * into v_part from kronos.reask_each(v_job_ids[v_next : v_next + p_at_once - 1]);
        moved := moved + v_part.moved;
        v_busy := coalesce(v_busy, v_part.first_busy);
        v_next := v_next + p_at_once;
        exit when kronos.clock() >= p_until;
    end loop;
    v_busy := coalesce(v_busy, v_job_ids[v_next]);      -- beyond the last: null
    is_complete := v_busy is null;
    update kronos.zones
       set one_shots_from = v_busy
     where timezone = p_timezone and one_shots_from is distinct from v_busy;
    if moved > 0 then
        perform pg_notify('kronos_work', '');      -- a worker may be waiting for a later time
    end if;
end
$$;
