-- parse_interval: an interval as seconds: "90m", "1h30m", "30s", "2d".
-- Called by: read_schedule.   Raises: KR005 with a hint.
create or replace function kronos.parse_interval(p_every text, p_anchor timestamptz) returns integer
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return extract(epoch from p_every::interval)::integer;
end
$$;
