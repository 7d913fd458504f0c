-- usual_seconds: the 95th percentile of the durations of a job version's last fifty runs that succeeded; null
-- if there are fewer than ten. Only the last 13 weeks are read, however many partitions there are.
create or replace function kronos.usual_seconds(p_job_id uuid) returns double precision
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_from constant uuid := kronos.uuid7_floor(kronos.now() - interval '91 days');
begin
    return (select case when count(*) >= 10
                        then percentile_cont(0.95) within group (order by extract(epoch from run.took)) end
              from (select done.completed_at - done.started_at as took
                      from kronos.execution_done as done
                     where done.job_id = p_job_id and done.status = 'SUCCESS' and done.started_at is not null
                       and done.execution_id >= v_from
                     order by done.created_at desc
                     limit 50) as run);
end
$$;
