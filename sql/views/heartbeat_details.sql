-- heartbeat_details: heartbeats as the API shows them, with their state: PAUSED; NEW until the first ping or
-- tick; RUNNING; DOWN after a tick that was MISSED or a run that FAILED, UNKNOWN after one whose pings could
-- not be received; LATE once a tick has come and no ping has arrived yet; otherwise UP.
create or replace view kronos.heartbeat_details with (security_invoker = true) as
select beat.heartbeat_id, beat.workspace_id, workspace.slug as workspace, beat.name, beat.status,
       case when beat.status = 'PAUSED' then 'PAUSED'
            when running.tick_at is not null then 'RUNNING'
            when pointer.last_status in ('MISSED', 'FAILED') then 'DOWN'
            when pointer.last_status = 'UNKNOWN' then 'UNKNOWN'
            when pointer.next_tick_at <= kronos.clock() then 'LATE'
            when pointer.last_ping_at is null then 'NEW'
            else 'UP' end as state,
       beat.note, beat.tags, beat.cron, beat.every, beat.anchor, beat.anchor_local, beat.timezone,
       beat.dst_gap, beat.dst_overlap, beat.period_seconds, beat.description, beat.grace_seconds,
       beat.max_run_seconds, beat.version, beat.token_version,
       case when beat.status = 'ACTIVE' and isfinite(pointer.next_tick_at)
            then pointer.next_tick_at end as next_tick_at,
       pointer.last_status, pointer.last_ping_at, pointer.last_success_at, pointer.last_duration_ms,
       running.started_at as running_since, beat.created_at, beat.updated_at
  from kronos.beats as beat
  join kronos.workspaces as workspace using (workspace_id)
  join kronos.beat_pointers as pointer using (heartbeat_id)
  left join lateral (select run.tick_at, run.started_at
                       from kronos.beat_ticks as run
                      where run.heartbeat_id = beat.heartbeat_id and run.status = 'RUNNING'
                      order by run.started_at desc
                      limit 1) as running on true
 where beat.deleted_at is null;
