-- require_sound_job: requires that a job's columns agree with each other and have permitted values, whatever
-- statement writes them. These are check constraints in all but form, and the errors carry constraint names.
-- As constraints they would be parsed again by every statement that writes a row (0.07 ms per job created); a
-- session parses this function once.
--
-- stamp_job checks a new status, because it is called for that anyway: one-shots become COMPLETED many at a
-- time. As in a constraint, null violates no rule. The first violated rule, by name, is reported. The trigger
-- is the last before a row is written, and runs for logical replication too; so it also sets the text in
-- which q is searched.
-- Raises: 23514.
create or replace function kronos.require_sound_job() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_broken constant text := case
        when not new.catch_up_window_seconds between 0 and 2678400 then 'jobs_catch_up_bounded'
        when not new.catch_up_policy in ('SKIP', 'LATEST', 'ALL') then 'jobs_catch_up_known'
        when not new.deadline_seconds between 1 and 2678400 then 'jobs_deadline_bounded'
        when not ((new.trigger = 'DELAYED') = (new.run_at is not null)
                  and (new.run_at_local is null or new.trigger = 'DELAYED'))
            then 'jobs_delayed_has_run_at'
        when not new.dst_gap in ('SHIFT', 'SHIFT_BY_GAP', 'SKIP') then 'jobs_dst_gap_known'
        when not new.dst_overlap in ('FIRST', 'BOTH') then 'jobs_dst_overlap_known'
        when not ((new.version = 1) = (new.first_version_id = new.job_id)
                  and (new.version > 1 or new.previous_version_id is null))
            then 'jobs_first_is_itself'
        when not new.jitter_seconds between 0 and 3600 then 'jobs_jitter_bounded'
        when not new.max_runs > 0 then 'jobs_max_runs_positive'
        -- {0,126} in the pattern would take 20 us, a tenth of a job's insert
        when not (new.name ~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' and char_length(new.name) <= 127)
            then 'jobs_name_shape'
        when not new.replaced_by_id <> new.job_id then 'jobs_not_its_own_heir'
        when not new.offset_seconds between 0 and coalesce(kronos.spread_seconds(new.spread), 0)
            then 'jobs_offset_within_spread'
        when not (new.on_blackout in ('SKIP', 'NEXT', 'PREVIOUS')) then 'jobs_on_blackout_known'
        when not (cardinality(new.calendars) <= 10
                  and (new.trigger = 'CRON' or new.calendars = '{}' and new.on_blackout = 'SKIP'))
            then 'jobs_only_cron_has_calendars'
        when not (new.status <> 'PAUSED' or new.trigger = 'CRON') then 'jobs_only_cron_pauses'
        when not (new.resume_at is null or new.status = 'PAUSED') then 'jobs_only_pauses_end'
        when not new.overlap in ('ALLOW', 'SKIP', 'QUEUE', 'REPLACE') then 'jobs_overlap_known'
        when not ((new.status in ('RETIRED', 'COMPLETED')) = (new.retired_at is not null))
            then 'jobs_retired_is_told'
        when not ((new.trigger = 'CRON') = (num_nonnulls(new.cron, new.every) = 1)
                  and num_nonnulls(new.anchor, new.anchor_local) = num_nonnulls(new.every)
                  and (new.trigger = 'CRON' or new.run_at_local is not null) = (new.timezone is not null)
                  and (new.trigger = 'CRON') = (new.schedule is distinct from null)
                  and (new.trigger = 'CRON') = (new.alarm is not null)
                  and (new.trigger = 'CRON') = (new.description is not null)) then 'jobs_schedule_is_whole'
        when not new.priority between -10 and 10 then 'jobs_priority_bounded'
        when not new.skip_next between 0 and 10000 then 'jobs_skip_next_bounded'
        when not new.spread ~ '^([1-9][0-9]{0,2}s|([1-9]|[1-5][0-9]|60)m|1h)$' then 'jobs_spread_shape'
        when not new.status in ('ACTIVE', 'PAUSED', 'RETIRED', 'COMPLETED') then 'jobs_status_known'
        when not (char_length(new.title) between 1 and 200 and new.title !~ '[\u0001-\u001f\u007f-\u009f]')
            then 'jobs_title_shape'
        when not new.trigger in ('IMMEDIATE', 'DELAYED', 'CRON') then 'jobs_trigger_known'
        when not new.ends_at > new.starts_at then 'jobs_window_not_empty'
    end;
begin
    if v_broken is not null then
        raise exception 'new row for relation "jobs" violates check constraint "%"', v_broken
            using errcode = 'check_violation', schema = 'kronos', table = 'jobs', constraint = v_broken;
    end if;
    new.search_text := kronos.search_text(new.name, new.title, new.description);
    return new;
end
$$;
create or replace trigger jobs_stay_sound
    before insert or update of job_id, first_version_id, version, previous_version_id, replaced_by_id,
        name, title, trigger, cron, every, anchor, anchor_local, timezone, schedule, alarm, description,
        run_at, run_at_local, starts_at, ends_at, max_runs, dst_gap, dst_overlap, jitter_seconds, overlap,
        catch_up_policy, catch_up_window_seconds, skip_next, resume_at, retired_at, deadline_seconds,
        priority, calendars, on_blackout, spread, offset_seconds
    on kronos.jobs
    for each row execute function kronos.require_sound_job();
alter table kronos.jobs enable always trigger jobs_stay_sound;
