-- silence: removes the pg_cron entries of jobs that have just ended by themselves. If an entry cannot be
-- removed now, the reaper removes it within a minute: a failure here must not undo the accounted ticks.
create or replace function kronos.silence(p_job_ids uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id uuid;
begin
    foreach v_job_id in array p_job_ids loop
        begin
            perform kronos.unregister_jobs(array[v_job_id]);
        exception when others then
            raise warning 'kronos: the pg_cron entry of job %, which has ended, stays until the reaper''s '
                          'next run: % (%)', v_job_id, sqlerrm, sqlstate;
        end;
    end loop;
end
$$;
