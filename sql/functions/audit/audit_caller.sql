-- audit_caller: who makes the change that the transaction is at. The API and the command line say it in the
-- setting kronos.caller, which counts where the session is one of Kronos's own: who may only enqueue says
-- nothing of the kind. Where requests of several callers are one statement, `each` says it by the object's id.
-- Where nobody says it: a worker, the scheduler, or who had logged in.
create or replace function kronos.audit_caller(p_object_id text, out actor text, out key_id text,
                                               out address text, out request_id text)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_caller jsonb := nullif(current_setting('kronos.caller', true), '');
begin
    if v_caller is not null
    and not (pg_has_role(session_user, 'kronos_api', 'member')
             or pg_has_role(session_user, 'kronos_owner', 'member')
             or pg_has_role(session_user, 'kronos_worker', 'member')
             or session_user = 'kronos_cron') then
        v_caller := null;
    end if;
    v_caller := coalesce(v_caller -> 'each' -> p_object_id, v_caller);
    actor := coalesce(v_caller ->> 'actor',
                      case when 'kronos_worker' in (session_user, current_setting('role')) then 'worker'
                           when session_user = 'kronos_cron' then 'scheduler'
                           else session_user end);
    key_id := v_caller ->> 'key';
    address := v_caller ->> 'address';
    request_id := v_caller ->> 'request_id';
end
$$;
