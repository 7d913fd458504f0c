-- signs_of_alerts: work of alert rules and heartbeats that is more than five minutes late. Both are processed
-- every minute (evaluate_alerts, account_beats).
-- Returns: at most one row per kind. RULE: ends, due rules or alerts that have not been processed; BEAT: how
-- many heartbeats have ticks that have not been accounted for; ALERT: how many of the last day's alerts, of
-- the newest thousand, are dead letters. seconds: since when; for ALERT since the newest.
create or replace function kronos.signs_of_alerts()
returns table (kind text, name text, seconds double precision, message text)
language plpgsql stable security definer rows 2 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_late constant timestamptz := kronos.now() - interval '5 minutes';
begin
    return query
        select 'RULE', waiting.what, extract(epoch from kronos.now() - waiting.at)::double precision,
               null::text
          from ((select 'ends have not been judged' as what, noted.ended_at as at
                   from kronos.alert_ends as noted
                   join kronos.workspaces as workspace using (workspace_id)
                  where workspace.status <> 'DELETED'
                  order by noted.end_id
                  limit 1)
                union all
                (select 'due rules have not been judged', state.due_at
                   from kronos.alert_states as state
                   join kronos.workspaces as workspace using (workspace_id)
                  where state.due_at < v_late and workspace.status <> 'DELETED'
                  order by state.due_at
                  limit 1)
                union all
                (select 'alerts have not been sent', note.due_at
                   from kronos.alert_notifications as note
                   join kronos.workspaces as workspace using (workspace_id)
                  where note.due_at < v_late and workspace.status <> 'DELETED'
                  order by note.due_at
                  limit 1)) as waiting
         where waiting.at < v_late
         order by waiting.at
         limit 1;
    return query
        select 'BEAT', count(*)::text, extract(epoch from kronos.now() - min(due.due_at))::double precision,
               null::text
          from (select pointer.due_at
                  from kronos.beat_pointers as pointer
                 where pointer.due_at < v_late
                 order by pointer.due_at
                 limit 1000) as due
        having count(*) > 0;
    return query
        select 'ALERT', count(*)::text,
               extract(epoch from kronos.now() - max(note.made_at))::double precision,
               (array_agg(workspace.slug || '/' || note.rule order by note.made_at desc))[1]
          from (select *
                  from kronos.alert_notifications as recent
                 where recent.execution_id >= kronos.uuid7_floor(kronos.now() - interval '1 day')
                 order by recent.execution_id desc
                 limit 1000) as note
          join kronos.dead_letters as letter using (execution_id)
          join kronos.workspaces as workspace on workspace.workspace_id = note.workspace_id
        having count(*) > 0;
end
$$;
