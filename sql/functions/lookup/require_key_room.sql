-- require_key_room: that the transaction's workspace may have one key more that works, besides p_ending,
-- which ends. Who makes keys goes one after another, so that no two make the last one.
-- Returns: true.   Raises: KR044 where 1,000 work already.   Lock order: after the row of the key that ends.
create or replace function kronos.require_key_room(p_ending uuid) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('kronos.keys ' || kronos.current_workspace_id()::text, 0));
    if (select count(*)
          from kronos.api_keys as other
         where other.workspace_id = kronos.current_workspace_id()
           and other.key_id is distinct from p_ending
           and other.revoked_at is null
           and (other.expires_at is null or other.expires_at > kronos.now())) >= 1000 then
        raise exception using errcode = 'KR044',
            message = 'the workspace has 1,000 keys that work: revoke those that nobody uses';
    end if;
    return true;
end
$$;
