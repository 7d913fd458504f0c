-- account_each: accounts for a batch of jobs, in the order given, so that one broken row does not stop the
-- others. account_ticks does the work, in one call or in parts. The caller has found the jobs and holds their
-- rows' locks.
--
-- When the batch fails, record_job_faults looks for jobs that cannot be read, and the batch is retried
-- without them. If it still fails, something cannot be written: the batch is split into parts of at most a
-- hundred jobs, and parts that fail into tenths, down to the single job, whose fault is recorded. So 10,000
-- jobs of which ten are broken cost about twice as much as 10,000 sound ones (decision 0010); trying each job
-- separately cost forty times as much.
-- No later call repeats that search: a job that failed before, at the same tick, is tried separately, after
-- the others.
--
-- The time is limited: ten seconds after the first failure, it stops before the next part and keeps what it
-- has done, but not before a part is accounted for or the fault of one job is recorded: otherwise every ring
-- of a machine that is busy enough would start over. The rest stays due, and the next ring continues. Without
-- that limit, the role's 30 s timeout would undo the work.
-- Returns: the number of executions created for delivery.
create or replace function kronos.account_each(p_job_ids uuid[], p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_suspects  uuid[] := array(select fault.job_id
                                  from kronos.job_faults as fault
                                  join kronos.pointers as pointer using (job_id, next_tick_at)
                                 where fault.job_id = any (p_job_ids));
    v_job_ids   uuid[] := p_job_ids;
    -- the parts of v_job_ids still to be tried, in this order
    v_from      integer[];
    v_to        integer[];
    v_first     integer;
    v_last      integer;
    v_part      integer;
    v_known     integer := 0;                     -- the number of suspects, which come first in v_job_ids
    v_is_read   boolean := false;
    v_until     timestamptz;                      -- null until something has failed
    v_has_moved boolean := false;                 -- a part is accounted for, or a fault recorded
    v_delivered integer := 0;
begin
    if v_suspects <> '{}' then
        v_suspects := kronos.record_job_faults(v_suspects, p_now);
        v_known    := cardinality(v_suspects);
        v_job_ids  := v_suspects || kronos.without_fault(p_job_ids);
    end if;
    v_from := array[v_known + 1] || array(select generate_series(1, v_known));
    v_to   := array[cardinality(v_job_ids)] || array(select generate_series(1, v_known));
    while v_from <> '{}' and (v_until is null or not v_has_moved or kronos.clock() < v_until) loop
        v_first := v_from[1];
        v_last  := v_to[1];
        v_from  := v_from[2:];
        v_to    := v_to[2:];
        continue when v_first > v_last;
        begin
            v_delivered := v_delivered + kronos.account_ticks(v_job_ids[v_first : v_last], p_now);
            v_has_moved := true;
        exception when others then
            raise warning 'kronos: % could not be accounted for together: % (%)',
                kronos.counted(v_last - v_first + 1, 'due job'), sqlerrm, sqlstate;
            v_until := coalesce(v_until, kronos.clock() + interval '10 seconds');
            if v_first = v_last then
                perform kronos.record_job_fault(v_job_ids[v_first : v_last], sqlstate, sqlerrm);
                v_has_moved := true;
                continue;
            end if;
            v_part := least(100, (v_last - v_first + 10) / 10);
            if not v_is_read then      -- this part is the whole batch
                v_is_read := true;
                v_job_ids :=
                    v_job_ids[: v_known] || kronos.record_job_faults(v_job_ids[v_first : v_last], p_now);
                if cardinality(v_job_ids) < v_last then
                    v_last := cardinality(v_job_ids);
                    v_part := v_last - v_first + 1;
                end if;
            end if;
            v_from := array(select generate_series(v_first, v_last, greatest(v_part, 1))) || v_from;
            v_to   := array(select least(part + v_part - 1, v_last)
                              from generate_series(v_first, v_last, greatest(v_part, 1)) as part) || v_to;
        end;
    end loop;
    return v_delivered;
end
$$;
