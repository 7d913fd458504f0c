-- enqueue_keyed_jobs: creates the jobs of enqueue_odd_jobs that have a name, title, tag or key. A job whose
-- key already created a job with the same request is that job. The same holds for repeated keys within the
-- array.
-- Returns: {place: id}.
-- Raises: KR021, KR022, as enqueue.
create or replace function kronos.enqueue_keyed_jobs(p_jobs jsonb, p_is_many boolean) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_wrong  record;
    v_faults bigint;
    v_new    jsonb;
    v_ids    jsonb;
begin
    select count(item.fault), jsonb_agg(item.job) filter (where item.is_first
                                                            and item.made_id = (item.job ->> 'job_id')::uuid)
      into v_faults, v_new
      from kronos.keyed_items(p_jobs) as item;
    if v_faults = 0 then
        perform kronos.make_one_shot_jobs(v_new) where v_new is not null;
        -- If a concurrent call created a key's job first, that job is visible now.
        select count(*) filter (where item.fault = 'KR021'), jsonb_object_agg(item.place, item.made_id)
          into v_faults, v_ids
          from kronos.keyed_items(p_jobs) as item;
    end if;
    if v_faults > 0 then
        select item.* into v_wrong
          from kronos.keyed_items(p_jobs) as item
         where item.fault = 'KR021' or item.fault is not null and v_ids is null
         order by item.place
         limit 1;
        raise exception using
            errcode = v_wrong.fault,
            column = case v_wrong.fault when 'KR021' then 'idempotency_key' else 'name' end,
            message = concat(case when p_is_many then format('jobs[%s].', v_wrong.place - 1) end,
                             case v_wrong.fault
                                 when 'KR021' then 'idempotency_key: already used for a different request, '
                                                   'which created ' || v_wrong.by_what
                                 else format('name: another live job of this workspace has the name %s',
                                             v_wrong.job ->> 'name') end),
            hint = case v_wrong.fault when 'KR021' then 'Use a new key for a new request.'
                                      else 'Choose another name.' end;
    end if;
    return v_ids;
end
$$;
