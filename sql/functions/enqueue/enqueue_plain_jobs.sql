-- enqueue_plain_jobs: creates jobs that have only an endpoint and an input, in the workspace of the role that
-- logged in. With p_is_many, errors name the job. Uses assignments instead of PERFORM: they cost no statement
-- each.
-- Returns: their ids, in order.
-- Raises: as enqueue.
create or replace function kronos.enqueue_plain_jobs(p_endpoints text[], p_inputs jsonb[], p_is_many boolean)
returns uuid[]
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_slug   constant text := kronos.enter_granted_workspace();
    v_ids    uuid[];
    v_due    uuid[];
    v_each   uuid;
begin
    select array_agg(made.job_id order by made.nth), array_agg(distinct made.endpoint_id) into v_ids, v_due
      from kronos.make_one_shots(p_endpoints, p_inputs,
                                 array_fill(null::timestamptz, array[cardinality(p_endpoints)]),
                                 false) as made;
    if array_position(v_ids, null) is not null then
        perform kronos.require_endpoints(p_endpoints, v_slug, p_is_many);
        raise sqlstate 'KR012' using message = 'the endpoint was deleted at the same time';
    end if;
    foreach v_each in array v_due loop
        perform pg_notify('kronos_work', v_each::text);
    end loop;
    perform set_config('kronos.workspace_id', '', true);
    return v_ids;
end
$$;
