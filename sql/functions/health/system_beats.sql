-- system_beats: the instance's heartbeats by state, counting up to p_most; how long the oldest tick has
-- waited to be accounted for (account_beats does so every minute); and the open incidents by severity,
-- counting up to p_most.
-- Returns: one row. states, incidents: numbers by lower-case word.
create or replace function kronos.system_beats(p_most integer)
returns table (states jsonb, unaccounted_seconds double precision, incidents jsonb)
language sql stable security definer rows 1 set search_path = pg_catalog, pg_temp
set jit = off
as $$
    select (select coalesce(jsonb_object_agg(counted.state, counted.number), '{}')
              from (select case when beat.status = 'PAUSED' then 'paused'
                                when running.heartbeat_id is not null then 'running'
                                when pointer.last_status in ('MISSED', 'FAILED') then 'down'
                                when pointer.last_status = 'UNKNOWN' then 'unknown'
                                when pointer.next_tick_at <= kronos.clock() then 'late'
                                when pointer.last_ping_at is null then 'new'
                                else 'up' end as state, count(*) as number
                      from (select * from kronos.beats as each
                             where each.deleted_at is null limit p_most) as beat
                      join kronos.beat_pointers as pointer using (heartbeat_id)
                      left join (select distinct run.heartbeat_id
                                   from kronos.beat_ticks as run
                                  where run.status = 'RUNNING') as running using (heartbeat_id)
                     group by state) as counted),
           coalesce((select greatest(extract(epoch from kronos.clock() - min(pointer.due_at)), 0)
                       from kronos.beat_pointers as pointer
                      where pointer.due_at < 'infinity'), 0)::double precision,
           (select coalesce(jsonb_object_agg(lower(counted.severity), counted.number), '{}')
              from (select open.severity, count(*) as number
                      from (select incident.severity from kronos.incidents as incident
                             where incident.status <> 'RESOLVED' limit p_most) as open
                     group by open.severity) as counted)
$$;
