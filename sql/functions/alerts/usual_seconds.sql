-- usual_seconds: what 95 of 100 of a job's version's last fifty runs that succeeded took at most; null of
-- fewer than ten.
create or replace function kronos.usual_seconds(p_job_id uuid) returns double precision
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
begin
    return (select case when count(*) >= 10
                        then percentile_cont(0.95) within group (order by extract(epoch from run.took)) end
              from (select done.completed_at - done.started_at as took
                      from kronos.execution_done as done
                     where done.job_id = p_job_id and done.status = 'SUCCESS' and done.started_at is not null
                     order by done.created_at desc
                     limit 50) as run);
end
$$;
