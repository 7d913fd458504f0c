-- name: set_heartbeat
-- Create a heartbeat, or change its terms. One row: see put_beat.
select outcome, version
  from kronos.put_beat(%(terms)s::jsonb, %(digest)s::bytea, %(must_be_new)s, %(must_exist)s,
                       %(if_match)s::integer[], %(if_none_match)s::integer[]);

-- name: set_heartbeats
-- As set_heartbeat for each of %(given)s: one row for each. Each pointer is locked until the transaction
-- ends, so this is its last statement: pings wait.
select asked.name, stored.outcome, stored.version
  from (select given.terms ->> 'name' as name, given.terms, given.digest
          from jsonb_to_recordset(%(given)s::jsonb) as given (terms jsonb, digest text)
          left join kronos.beats as beat
            on beat.workspace_id = kronos.current_workspace_id() and beat.name = given.terms ->> 'name'
           and beat.deleted_at is null
         order by beat.heartbeat_id, name
        offset 0) as asked
 cross join lateral kronos.put_beat(asked.terms, decode(asked.digest, 'hex'), false, false, null, '{}')
                as stored;

-- name: get_heartbeats
-- The heartbeats with these names; no row for a name that does not exist.
select heartbeat_id, workspace, name, status, state, note, tags, cron, every, anchor,
       kronos.iso_local(anchor_local) as anchor_local, timezone, dst_gap, dst_overlap, period_seconds,
       description, grace_seconds, max_run_seconds, version, token_version, next_tick_at, last_status,
       last_ping_at, last_success_at, last_duration_ms, running_since, created_at, updated_at
  from kronos.heartbeat_details
 where workspace_id = kronos.current_workspace_id() and name = any (%(names)s::text[]);

-- name: list_heartbeats
-- One more than the page may have. Null filters match everything.
select heartbeat_id, workspace, name, status, state, note, tags, cron, every, anchor,
       kronos.iso_local(anchor_local) as anchor_local, timezone, dst_gap, dst_overlap, period_seconds,
       description, grace_seconds, max_run_seconds, version, token_version, next_tick_at, last_status,
       last_ping_at, last_success_at, last_duration_ms, running_since, created_at, updated_at
  from kronos.heartbeat_details
 where workspace_id = kronos.current_workspace_id()
   and (%(tag)s::text is null or %(tag)s::text = any (tags))
   and (%(state)s::text is null or state = %(state)s::text)
   and (created_at, heartbeat_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by created_at desc, heartbeat_id desc
 limit %(limit)s::integer + 1;

-- name: turn_heartbeat
-- Pause or resume. One row; version: null if no heartbeat has this name.
select kronos.turn_beat(%(name)s, %(status)s, %(note)s::text) as version;

-- name: replace_token
-- Replace the token. One row, as turn_heartbeat.
select kronos.rotate_beat(%(name)s, %(digest)s::bytea) as version;

-- name: delete_heartbeat
-- One row: whether it existed. KR014 if If-Match does not include its version.
select kronos.delete_beat(%(name)s, %(if_match)s::integer[]) as is_deleted;

-- name: list_pings
-- Newest first, one more than the page may have; logs only if %(with_log)s.
select ping.number, ping.at, ping.kind, ping.exit_code, ping.run_id, ping.tick_at, ping.duration_ms,
       case when %(with_log)s then ping.log end as log, ping.log is not null as has_log, ping.is_log_cut,
       ping.method, ping.address, ping.agent
  from kronos.beat_pings as ping
  join kronos.beats as beat using (heartbeat_id)
 where beat.workspace_id = kronos.current_workspace_id() and beat.name = %(name)s and beat.deleted_at is null
   and (%(before)s::bigint is null or ping.number < %(before)s::bigint)
 order by ping.number desc
 limit %(limit)s::integer + 1;

-- name: list_ticks
-- Newest first, one more than the page may have.
select tick.tick_at, tick.status, tick.reason, tick.tick_count, tick.until_at, tick.run_id, tick.started_at,
       tick.ended_at, tick.duration_ms, tick.exit_code, tick.heartbeat_id as _heartbeat_id
  from kronos.beat_ticks as tick
  join kronos.beats as beat using (heartbeat_id)
 where beat.workspace_id = kronos.current_workspace_id() and beat.name = %(name)s and beat.deleted_at is null
   and (%(before)s::timestamptz is null or tick.tick_at < %(before)s::timestamptz)
   and (%(status)s::text is null or tick.status = %(status)s::text)
 order by tick.tick_at desc
 limit %(limit)s::integer + 1;

-- name: list_strips
-- The outcomes of the last ticks of each of %(heartbeat_ids)s, oldest first.
select beat.heartbeat_id,
       array(select recent.status
               from (select tick.status, tick.tick_at
                       from kronos.beat_ticks as tick
                      where tick.heartbeat_id = beat.heartbeat_id
                      order by tick.tick_at desc
                      limit %(count)s::integer) as recent
              order by recent.tick_at) as statuses
  from kronos.beats as beat
 where beat.workspace_id = kronos.current_workspace_id()
   and beat.heartbeat_id = any (%(heartbeat_ids)s::uuid[]);

-- name: insert_ping
-- One row. outcome null: unknown token. Runs outside a workspace: the token determines the workspace.
select outcome, retry_after_seconds
  from kronos.take_ping(%(digest)s::bytea, %(kind)s, %(exit_code)s::smallint, %(run_id)s::text,
                        %(duration_ms)s::bigint, %(log)s::text, %(is_log_cut)s, %(method)s, %(address)s::text,
                        %(agent)s::text);

-- name: update_door
-- Record that pings can be received now. One row: whether there was a period in which they could not.
select kronos.hold_door_open() as was_gap;
