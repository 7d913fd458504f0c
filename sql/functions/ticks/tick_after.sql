-- tick_after: the pointer of a live job once its ticks up to an instant are accounted for: the first later
-- tick that is not before starts_at; null if there is none before ends_at.
create or replace function kronos.tick_after(p_job kronos.jobs, p_after timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_tick constant timestamptz :=
        kronos.next_tick(p_job.schedule, greatest(p_after, p_job.starts_at - interval '1 microsecond'));
begin
    return case when p_job.ends_at is null or v_tick < p_job.ends_at then v_tick end;
end
$$;
