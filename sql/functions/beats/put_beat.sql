-- put_beat: creates a heartbeat of the transaction's workspace, or changes the terms of the one with this
-- name. Ticks up to now are first accounted for under the old terms. p_terms: the columns of kronos.beats
-- that say what is expected. Locks the pointer's row of an existing heartbeat.
-- Returns: one row. outcome: CREATED, CHANGED, SAME; or why nothing was done: TAKEN (it had to be new),
-- ABSENT (it had to exist), EXCLUDED (it is at version, which the condition excludes), FULL (ten thousand).
create or replace function kronos.put_beat(p_terms jsonb, p_token_sha256 bytea, p_must_be_new boolean,
                                           p_must_exist boolean, p_if_match integer[],
                                           p_if_none_match integer[], out outcome text, out version integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_old kronos.beats;
    v_new kronos.beats;
begin
    loop
        v_old := kronos.lock_beat(p_terms ->> 'name');
        version := v_old.version;
        exit when v_old.heartbeat_id is not null;
        outcome := case when p_must_exist then 'ABSENT'
                        else kronos.insert_beat(p_terms, p_token_sha256) end;
        version := case when outcome = 'CREATED' then 1 end;
        -- another session created it meanwhile: it exists now, and is changed
        if outcome <> 'TAKEN' or p_must_be_new then
            return;
        end if;
    end loop;
    outcome := case when p_must_be_new then 'TAKEN'
                    when p_if_none_match is null or version = any (p_if_none_match)
                         or version <> all (p_if_match) then 'EXCLUDED' end;
    if outcome is not null then
        return;
    end if;
    v_new := jsonb_populate_record(v_old, p_terms);
    -- An interval without an anchor is counted from when it was first written.
    if (v_new.cron, v_new.every, v_new.anchor, v_new.anchor_local, v_new.timezone, v_new.dst_gap,
        v_new.dst_overlap) is not distinct from (v_old.cron, v_old.every, v_old.anchor, v_old.anchor_local,
                                                 v_old.timezone, v_old.dst_gap, v_old.dst_overlap) then
        v_new.schedule := v_old.schedule;
    end if;
    if v_new is not distinct from v_old then
        outcome := 'SAME';
        return;
    end if;
    update kronos.beats as beat
       set tags = v_new.tags, cron = v_new.cron, every = v_new.every, anchor = v_new.anchor,
           anchor_local = v_new.anchor_local, timezone = v_new.timezone, dst_gap = v_new.dst_gap,
           dst_overlap = v_new.dst_overlap, period_seconds = v_new.period_seconds, schedule = v_new.schedule,
           description = v_new.description, grace_seconds = v_new.grace_seconds,
           max_run_seconds = v_new.max_run_seconds, version = beat.version + 1, updated_at = kronos.clock()
     where beat.heartbeat_id = v_old.heartbeat_id
    returning * into v_new;
    perform kronos.follow_terms(v_old, v_new);
    outcome := 'CHANGED';
    version := v_new.version;
end
$$;
