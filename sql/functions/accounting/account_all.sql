-- account_all: accounts for what is due now and what was missed, of all jobs: the one thing that every ring
-- does, no matter who rings. Then it wakes the workers, where there is something to deliver. It waits for no
-- row: what another session holds is passed over. Rings of pg_cron, of the workers and of the internal job
-- catch-up all come here.
-- Returns: how many executions were made for delivery; 0 while the instance is held. Up to 1,000 jobs that
-- are on time and what catch_up takes; the next ring goes on.
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
