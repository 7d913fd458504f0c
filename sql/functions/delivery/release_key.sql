-- release_key: what waits for room under a key is let go in the transaction that makes it, whatever ends,
-- gives back, expires, replaces or cancels an execution of the key. Executions of no key never come here.
create or replace function kronos.release_key() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform kronos.release_parked(old.endpoint_id, old.concurrency_key);
    return null;
end
$$;
create or replace trigger execution_live_ends_key
    after delete on kronos.execution_live
    for each row when (old.concurrency_key is not null and old.parked_at is null)
    execute function kronos.release_key();
create or replace trigger execution_live_gives_key_back
    after update on kronos.execution_live
    for each row when (old.concurrency_key is not null and old.claim_token is not null
                       and new.claim_token is null)
    execute function kronos.release_key();
