-- tell_beat: records for the alert rules (alert_ends) what became of a heartbeat's tick: SUCCESS, FAILED or
-- MISSED, how late it was and how long it took. Writes nothing if the workspace has no rule.
create or replace function kronos.tell_beat(p_beat kronos.beats, p_status text, p_tick timestamptz,
                                            p_began_at timestamptz, p_duration_ms bigint)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if kronos.is_alerted() then
        insert into kronos.alert_ends (workspace_id, kind, name, subject_ids, statuses, late_seconds,
                                       ran_seconds, ended_at)
        select p_beat.workspace_id, 'HEARTBEAT', p_beat.name, array[p_beat.heartbeat_id], array[p_status],
               array[kronos.whole_seconds(p_tick, p_began_at)],
               array[least(p_duration_ms / 1000, 2147483647)::integer], kronos.now()
         where exists (select
                         from kronos.alert_rules as rule
                        where rule.workspace_id = p_beat.workspace_id and rule.is_enabled);
    end if;
end
$$;
