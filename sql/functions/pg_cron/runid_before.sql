-- runid_before: a runid of cron.job_run_details from which on there are all rows that began at p_at or later,
-- and few others. The log is indexed by runid only and keeps growing; runids increase with time, so a binary
-- search finds it.
-- Returns: null if the log is empty.
-- Raises: any error from reading it.
create or replace function kronos.runid_before(p_at timestamptz) returns bigint
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_low   bigint;
    v_high  bigint;
    v_half  bigint;
    v_found record;
begin
    select min(runid), max(runid) into v_low, v_high from cron.job_run_details;
    while v_high - v_low > 1000 loop
        v_half := v_low + (v_high - v_low) / 2;
        select detail.runid, detail.start_time into v_found
          from cron.job_run_details as detail
         where detail.runid >= v_half and detail.start_time is not null
         order by detail.runid
         limit 1;
        if v_found.start_time < p_at then
            v_low := v_half;
        else
            v_high := v_half;
        end if;
    end loop;
    return v_low;
end
$$;
