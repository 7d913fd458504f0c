-- require_key_room: checks that the transaction's workspace may have one more valid key, not counting
-- p_ending, which ends. Sessions that create keys take turns, so that no two create the last one.
-- Lock order: after the row of the key that ends.
-- Returns: true.
-- Raises: KR044 if the workspace already has 1,000 valid keys.
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
            message = 'the workspace already has 1,000 valid keys: revoke unused ones';
    end if;
    return true;
end
$$;
