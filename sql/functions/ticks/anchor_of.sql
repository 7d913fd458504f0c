-- anchor_of: the instant from which an interval is counted: its anchor or, for an interval on a wall clock,
-- the instant at which the zone's clocks show the anchor's local time.
-- Returns: null for other jobs, and if the zone no longer exists, after an edit by hand or an update of the
-- server's time zone data. Reading a job never fails because of that.
create or replace function kronos.anchor_of(p_job kronos.jobs) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_job.anchor_local is null then
        return p_job.anchor;
    end if;
    return kronos.local_instant(p_job.anchor_local, p_job.timezone, p_job.dst_gap);
exception when data_exception then
    return null;
end
$$;
