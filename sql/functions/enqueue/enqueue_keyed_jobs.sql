-- enqueue_keyed_jobs: creates the jobs of enqueue_odd_jobs that have a name, title, tag or key. A job whose
-- key already created a job with the same request is that job. The same holds for repeated keys within the
-- array. If another session commits a job of the same name meanwhile, the jobs are judged again: that name is
-- taken, or free again.
-- Returns: {place: id}.
-- Raises: KR021, KR022, as enqueue.
create or replace function kronos.enqueue_keyed_jobs(p_jobs jsonb, p_is_many boolean) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    c_tries      constant integer := 5;
    v_new        jsonb;
    v_ids        jsonb;
    v_wrong      jsonb;      -- the first job with a fault
    v_constraint text;
begin
    for v_try in 1 .. c_tries loop
        select jsonb_agg(item.job) filter (where item.is_first
                                             and item.made_id = (item.job ->> 'job_id')::uuid),
               jsonb_agg(jsonb_build_object('fault', item.fault, 'place', item.place, 'by_what', item.by_what,
                                            'name', item.job ->> 'name')
                         order by item.place) filter (where item.fault is not null) -> 0
          into v_new, v_wrong
          from kronos.keyed_items(p_jobs) as item;
        exit when v_new is null or v_wrong is not null;
        begin
            perform kronos.make_one_shot_jobs(v_new);
            exit;
        exception when unique_violation then
            get stacked diagnostics v_constraint = constraint_name;
            if v_constraint <> 'jobs_name_taken' then
                raise;
            elsif v_try = c_tries then      -- by a session that this transaction cannot see
                v_wrong := (select jsonb_build_object('fault', 'KR022', 'place', job -> 'nth',
                                                      'name', job ->> 'name')
                              from kronos.job_of_taken_name(v_new) as job);
            end if;
        end;
    end loop;
    if v_wrong is null then
        -- If a concurrent call created a key's job first, that job is visible now.
        select jsonb_object_agg(item.place, item.made_id),
               jsonb_agg(jsonb_build_object('fault', item.fault, 'place', item.place, 'by_what', item.by_what)
                         order by item.place) filter (where item.fault = 'KR021') -> 0
          into v_ids, v_wrong
          from kronos.keyed_items(p_jobs) as item;
    end if;
    perform kronos.refuse_keyed_job(v_wrong, p_is_many) where v_wrong is not null;
    return v_ids;
end
$$;
