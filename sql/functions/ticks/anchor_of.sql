-- anchor_of: the instant that an interval is counted from: its anchor, or, of one that is counted on a wall
-- clock, when the zone's clocks show that time.
-- Returns: null for other jobs; and where the zone is none any more, by hand or with the server's time zone
-- data: reading a job never fails for its sake.
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
