-- ring_some: one step of a shared alarm's ring (ring). Accounts for up to 1,000 jobs that are due and on
-- time, no matter which entry rings for them, as fire does. The rings of a full minute run one after another
-- (line_up), so that the first do the work of all. Rows that other sessions hold are skipped.
-- Returns: how many jobs it found; 0 if nothing is due or the instance is held.
create or replace function kronos.ring_some() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now       timestamptz;
    v_job_ids   uuid[];
    v_delivered integer := 0;
begin
    if kronos.is_held() then
        return 0;
    end if;
    perform kronos.line_up();
    v_now := kronos.clock();      -- now() is the transaction's start, and we may have waited
    if not kronos.is_any_due(null, v_now) then
        return 0;
    end if;
    v_job_ids := kronos.due_jobs(v_now);
    if v_job_ids <> '{}' then
        v_delivered := kronos.account_each(v_job_ids, v_now);
    end if;
    if cardinality(v_job_ids) < 1000 and kronos.is_any_missed(v_now) then
        v_delivered := v_delivered + coalesce(kronos.catch_up(v_now), 0);
    end if;
    if v_delivered > 0 then
        perform pg_notify('kronos_work', '');
    end if;
    perform kronos.raise_floor(v_now) where kronos.is_alone();
    return greatest(cardinality(v_job_ids), 1);
end
$$;
