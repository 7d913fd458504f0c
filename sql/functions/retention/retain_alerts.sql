-- retain_alerts: delete up to p_limit incidents that ended longer ago than their workspace's failure_days,
-- and the notifications of incidents from weeks of which no history is kept.
-- Returns: one row of counts. With p_dry_run it only counts.
create or replace function kronos.retain_alerts(p_limit integer, p_dry_run boolean, out incidents bigint,
                                                out notifications bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    v_doomed uuid[];
begin
    v_doomed := array(select incident.incident_id
                        from kronos.incidents as incident
                       cross join kronos.retention as instance
                        left join kronos.workspace_retention as own using (workspace_id)
                       where incident.resolved_at
                             < kronos.now() - make_interval(
                                   days => coalesce(own.failure_days, instance.failure_days))
                       order by incident.resolved_at
                       limit p_limit);
    incidents := cardinality(v_doomed);
    if not p_dry_run then
        delete from kronos.incidents where incident_id = any (v_doomed);
    end if;
    v_doomed := array(select note.execution_id
                        from kronos.alert_notifications as note
                       where note.execution_id
                             < kronos.uuid7_floor(kronos.oldest_day()::timestamp at time zone 'UTC')
                         and note.due_at is null
                       order by note.execution_id
                       limit p_limit);
    notifications := cardinality(v_doomed);
    if not p_dry_run then
        delete from kronos.alert_notifications where execution_id = any (v_doomed);
    end if;
end
$$;
