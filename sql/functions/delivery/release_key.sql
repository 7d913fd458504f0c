-- release_key: releases executions that wait for room under a concurrency key in the transaction that makes
-- room, whatever finishes, releases, expires, replaces or cancels an execution with the key. Executions
-- without a key never come here, nor do those whose statement frees their keys itself (release_keys).
create or replace function kronos.release_key() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    -- usually nothing waits, and release_parked, with its settings, costs 20 us
    if (select true
          from kronos.execution_live as live
         where live.endpoint_id = old.endpoint_id and live.concurrency_key = old.concurrency_key
           and live.parked_at is not null
         limit 1) then
        perform kronos.release_parked(old.endpoint_id, old.concurrency_key);
    end if;
    return null;
end
$$;
create or replace trigger execution_live_ends_key
    after delete on kronos.execution_live
    for each row when (old.concurrency_key is not null and old.parked_at is null
                       and coalesce(current_setting('kronos.frees_keys', true), '') = '')
    execute function kronos.release_key();
create or replace trigger execution_live_gives_key_back
    after update on kronos.execution_live
    for each row when (old.concurrency_key is not null and old.claim_token is not null
                       and new.claim_token is null)
    execute function kronos.release_key();
