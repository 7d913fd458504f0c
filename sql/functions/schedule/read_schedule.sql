-- read_schedule: a job's schedule from what its user wrote: a cron text or an interval, the zone, and what happens where clocks are changed.
-- Called by: queries/schedules.sql (what a job stores, and previews), queries/jobs.sql (replace_cron_job), ensure_internal_jobs.
-- Returns: what next_tick reads.
-- Raises: KR001 (cron), KR004 (zone), KR005 (interval), each with a hint.
create or replace function kronos.read_schedule(p_cron text, p_every text, p_anchor timestamptz, p_timezone text, p_dst_gap text, p_dst_overlap text)
returns kronos.schedule
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_schedule kronos.schedule;
begin
    if p_every is null then
        v_schedule := kronos.parse_cron(p_cron);
    else
        v_schedule.every_seconds := kronos.parse_interval(p_every, p_anchor);
        v_schedule.anchor := p_anchor;
    end if;
    v_schedule.timezone := kronos.check_zone(p_timezone);
    v_schedule.dst_gap := p_dst_gap;
    v_schedule.dst_overlap := p_dst_overlap;
    return v_schedule;
end
$$;
