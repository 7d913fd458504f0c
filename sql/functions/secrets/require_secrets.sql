-- require_secrets: check that an endpoint's version names existing secrets, and signs only with signing keys,
-- no matter which session writes it. Takes a key share lock on each: a deletion at the same time waits, and
-- finds that the secret is needed.
-- Raises: KR015; its column is the version's list that has the name.
create or replace function kronos.require_secrets() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_name  text;
    v_signs text;
    v_fault text;
begin
    for v_name in select distinct name from unnest(new.secrets) as needed (name) order by name loop
        select signs into v_signs
          from kronos.secrets
         where workspace_id = new.workspace_id and name = v_name
           for key share;
        v_fault := case when not found then 'does not exist in this workspace'
                        when v_signs is null and v_name = any (new.signing_secrets)
                             then 'is not a signing key'
                   end;
        if v_fault is not null then
            raise sqlstate 'KR015' using message = format('the secret %s %s', v_name, v_fault),
                hint = case when v_signs is null and v_name = any (new.signing_secrets)
                            then 'A signing key is whsec_ or whsk_ and then base64: store one first.'
                            else 'Store the secret first.'
                       end,
                column = case when v_name = any (new.signing_secrets) then 'signing_secrets'
                              else 'secrets'
                         end;
        end if;
    end loop;
    return null;
end
$$;
create or replace trigger endpoint_versions_need_their_secrets
    after insert on kronos.endpoint_versions
    for each row when (new.secrets <> '{}') execute function kronos.require_secrets();
