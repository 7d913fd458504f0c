-- require_callbacks: checks that the endpoints and jobs named by the callbacks of an array's jobs exist in
-- the transaction's workspace. resolve_callbacks rejects those deleted in the meantime.
-- Raises: KR034 for the first callback that names something that does not exist; its column is the field.
create or replace function kronos.require_callbacks(p_jobs jsonb, p_is_many boolean) returns void
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_wrong record;
begin
    select place.nth, absence.field, absence.fault, absence.hint into v_wrong
      from kronos.plain_members(p_jobs) as place
     cross join (values ('on_success'), ('on_failure')) as named (event)
     cross join lateral kronos.callback_absence(kronos.current_workspace_id(), named.event,
                                                place.job -> named.event) as absence
     where absence.fault is not null
     order by place.nth, named.event desc
     limit 1;
    if found then
        raise sqlstate 'KR034' using
            column = v_wrong.field,
            message = concat(case when p_is_many
                                  then format('jobs[%s].%s: ', v_wrong.nth - 1, v_wrong.field) end,
                             v_wrong.fault),
            hint = v_wrong.hint;
    end if;
end
$$;
