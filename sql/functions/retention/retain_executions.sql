-- retain_executions: delete finished executions that are older than their age, until p_until. First, for each
-- age in use, those that reached it since the last run (retention_sweeps: each row is checked once per age).
-- Then, once a day, all that are old enough for the shortest age, because some end long after the time in
-- their id. Rows in partitions that drop_partitions is about to drop are skipped.
-- Returns: one row of counts; is_left: the time was up. It does not say whether there are such partitions, as
-- drop_partitions does.
create or replace function kronos.retain_executions(p_until timestamptz, out executions bigint,
                                                    out attempts bigint, out late_results bigint,
                                                    out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_lowest  constant uuid    := '00000000-0000-0000-0000-000000000000'::uuid;
    c_highest constant uuid    := 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
    c_rows    constant integer := 5000;
    v_bounds  record;
    v_floor   uuid := c_lowest;
    v_sweep   record;
    v_at      uuid;
    v_to      uuid;
    v_step    record;
begin
    executions := 0; attempts := 0; late_results := 0; is_left := false;
    select * into v_bounds from kronos.retention_bounds();
    if exists (select from kronos.old_partitions(v_bounds.drop_days, v_bounds.old, 1)) then
        v_floor := v_bounds.old;
    end if;
    -- Recorded before anything is removed.
    insert into kronos.retention_sweeps as sweep (days, cutoff_at)
    select age.days, kronos.now() - make_interval(days => age.days) from kronos.retention_ages() as age
        on conflict (days) do update set cutoff_at = greatest(sweep.cutoff_at, excluded.cutoff_at);
    insert into kronos.retention_sweeps as sweep (days) values (0)
        on conflict (days) do update set swept_until = c_lowest, began_at = kronos.now()
     where sweep.swept_until = c_highest and sweep.began_at < kronos.now() - interval '1 day';
    for v_sweep in
        select sweep.days, sweep.swept_until
          from kronos.retention_sweeps as sweep
         where sweep.days = 0 or sweep.days in (select age.days
                                                  from kronos.retention_ages() as age
                                                 where age.days < v_bounds.drop_days)
         order by sweep.days = 0, sweep.days
    loop
        -- after the others are gone: ids below theirs are checked then
        exit when v_sweep.days = 0 and v_floor > c_lowest;
        v_to := case when v_sweep.days = 0 then v_bounds.youngest
                     else kronos.uuid7_floor(kronos.now() - make_interval(days => v_sweep.days)) end;
        v_at := greatest(v_sweep.swept_until, v_floor);
        while v_at < v_to and not is_left loop
            select * into v_step
              from kronos.sweep_executions(v_at, v_to, c_rows, v_bounds.drop_days, v_bounds.old, false);
            executions := executions + v_step.executions;
            attempts := attempts + v_step.attempts;
            late_results := late_results + v_step.late_results;
            v_at := coalesce(v_step.last_id, case when v_sweep.days = 0 then c_highest else v_to end);
            is_left := v_at < v_to and kronos.clock() >= p_until;
        end loop;
        update kronos.retention_sweeps
           set swept_until = greatest(swept_until, v_at)
         where days = v_sweep.days;
        exit when is_left;
    end loop;
end
$$;
