-- stuck_beats: heartbeats whose tick has been without a ping for too long (LATE), or whose run has been in
-- progress for too long (RUNNING, by seconds), at this moment.
-- Returns: one row per rule and heartbeat.
create or replace function kronos.stuck_beats(p_rule_ids uuid[])
returns table (rule_id uuid, workspace_id uuid, per text, selector text, selected text, heartbeat_id uuid,
               name text, seconds integer)
language sql stable rows 100 set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
    select rule.rule_id, rule.workspace_id, rule.per, rule.selector, rule.selected, beat.heartbeat_id,
           beat.name, stuck.seconds
      from kronos.alert_rules as rule
      join kronos.beats as beat on beat.workspace_id = rule.workspace_id and beat.deleted_at is null
       and beat.status = 'ACTIVE'
      join kronos.beat_pointers as pointer using (heartbeat_id)
     cross join lateral (select kronos.whole_seconds(
                                    case rule.condition ->> 'type'
                                        when 'LATE' then pointer.next_tick_at
                                        else (select min(run.started_at)
                                                from kronos.beat_ticks as run
                                               where run.heartbeat_id = beat.heartbeat_id
                                                 and run.status = 'RUNNING') end,
                                    kronos.now()) as seconds) as stuck
     where rule.rule_id = any (p_rule_ids)
       and rule.condition ->> 'type' in ('LATE', 'RUNNING')
       and rule.condition ->> 'factor' is null
       and stuck.seconds > (rule.condition ->> 'seconds')::integer
       and kronos.rule_selects(rule.selector, rule.selected, 'HEARTBEAT', beat.name, beat.heartbeat_id,
                               beat.tags, null)
$$;
