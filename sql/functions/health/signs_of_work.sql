-- signs_of_work: the outcome of executions. The cost does not depend on their number.
-- Returns: one row. leases: claims whose lease ended more than two minutes ago and that have not been taken
-- back, up to 1,000. lost: attempts of the last hour's executions whose worker was lost, among 10,000; late:
-- results that arrived after the lease had ended. dead_letters: up to 10,000, new_letters: those of the last
-- hour's executions. kept_off: endpoints slowed or disabled because of failures, disabled: how many of them
-- are disabled. wave_seconds: for how long missed deliveries will still be spread out.
create or replace function kronos.signs_of_work(
    out leases integer, out lease_seconds double precision, out lost integer, out late integer,
    out dead_letters integer, out new_letters integer, out kept_off text[], out disabled integer,
    out wave_seconds double precision
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
    v_hour constant uuid := kronos.uuid7_floor(kronos.now() - interval '1 hour');
begin
    select count(*), extract(epoch from kronos.now() - min(over.visible_at))
      into leases, lease_seconds
      from (select live.visible_at
              from kronos.execution_live as live
             where live.claim_token is not null and live.visible_at < kronos.now() - interval '2 minutes'
             order by live.visible_at
             limit 1000) as over;
    lost := (select count(*) filter (where newest.status = 'LOST')
               from (select attempt.status from kronos.attempt where attempt.execution_id >= v_hour
                      limit 10000) as newest);
    late := (select count(*)
               from (select from kronos.attempt_late as late where late.execution_id >= v_hour
                      limit 1000) as newest);
    dead_letters := (select count(*) from (select from kronos.dead_letters limit 10000) as letters);
    new_letters := (select count(*)
                      from (select from kronos.dead_letters as letter where letter.execution_id >= v_hour
                             limit 10000) as letters);
    select coalesce(array_agg(format('%s/%s (%s since %s)', workspace.slug, endpoint.name,
                                     lower(health.state), to_char(health.since at time zone 'UTC',
                                                                  'YYYY-MM-DD HH24:MI'))
                              order by health.since), '{}'),
           count(*) filter (where health.state = 'DISABLED')
      into kept_off, disabled
      from kronos.endpoint_health as health
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
     where health.state <> 'ACTIVE' and endpoint.deleted_at is null and workspace.status <> 'DELETED';
    wave_seconds := (select greatest(extract(epoch from kronos.finite(wave.last_run_at) - kronos.now()), 0)
                       from kronos.catch_up_wave as wave);
end
$$;
