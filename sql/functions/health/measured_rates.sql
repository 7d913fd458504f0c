-- measured_rates: the highest rates of this instance within the last hour, for its administrator: pg_cron's
-- rings per second in the busiest minute; rows of ticks and ends of deliveries per second, in the busiest
-- second. A part that was never busy shows a low rate. Reads the newest 20,000 executions.
-- Returns: one row; null for a rate without any data.
create or replace function kronos.measured_rates(out rings double precision, out ticks bigint,
                                                 out deliveries bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    c_first constant uuid := kronos.uuid7_floor(kronos.now() - interval '1 hour');
begin
    if current_setting('kronos.instance_admin', true) is distinct from 'on' then
        return;
    end if;
    select rung.rings / nullif(rung.seconds, 0) into rings from kronos.rung_lately() as rung;
    with newest as materialized (
        select done.cause, done.status, done.created_at, done.completed_at
          from kronos.execution_done as done
         where done.execution_id >= c_first
         order by done.execution_id desc
         limit 20000
    )
    select (select count(*) from newest where newest.cause = 'SCHEDULE'
             group by date_trunc('second', newest.created_at) order by 1 desc limit 1),
           (select count(*) from newest where newest.status in ('SUCCESS', 'FAILED')
             group by date_trunc('second', newest.completed_at) order by 1 desc limit 1)
      into ticks, deliveries;
end
$$;
