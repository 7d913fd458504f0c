-- account_all: accounts for the ticks of all jobs that are due now or were missed, then wakes the workers if
-- there is anything to deliver. Every ring does exactly this, whether it comes from pg_cron, from a worker or
-- from the internal job catch-up. It waits for no row: rows that another session holds are skipped.
-- Returns: the number of executions created for delivery; 0 while the instance is held. One call takes up to
-- 1,000 jobs that are on time, plus what catch_up takes; the next ring continues.
create or replace function kronos.account_all(p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_delivered integer;
begin
    if kronos.is_held() then
        return 0;
    end if;
    v_delivered := kronos.account_due(p_now);
    if kronos.is_any_missed(p_now) then
        v_delivered := v_delivered + coalesce(kronos.catch_up(p_now), 0);
    end if;
    if v_delivered > 0 then
        perform pg_notify('kronos_work', '');
    end if;
    return v_delivered;
end
$$;
