-- enqueue_keyed_jobs: makes the jobs of enqueue_odd_jobs that have a name, title, tag or key. Those whose
-- key made a job before are that job, and so are the later ones of a key; where the request is the same.
-- Returns: {place: id}.   Raises: KR021, KR022, as enqueue.
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
        -- the one that was first with a key at the same time is seen now
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
                                 when 'KR021' then 'idempotency_key: it was used for another request, which '
                                                   'made ' || v_wrong.by_what
                                 else format('name: another live job of this workspace is called %s',
                                             v_wrong.job ->> 'name') end),
            hint = case v_wrong.fault when 'KR021' then 'use a new key for a new request'
                                      else 'choose another name' end;
    end if;
    return v_ids;
end
$$;
