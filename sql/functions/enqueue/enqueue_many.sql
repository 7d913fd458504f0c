-- enqueue_many: creates up to 10,000 jobs, as enqueue does, all or none. The argument is a JSON array of
-- objects whose members are the parameters of enqueue, with run_at in RFC 3339 with an offset.
-- Returns: the jobs' ids, in the same order.
-- Raises: as enqueue; the message names the job: jobs[17].
create or replace function kronos.enqueue_many(jobs jsonb) returns uuid[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = on
as $$
declare
    v_endpoints text[];
    v_inputs    jsonb[];
    v_is_plain  boolean;
begin
    if jsonb_typeof(jobs) is distinct from 'array' or jsonb_array_length(jobs) > 10000 then
        raise sqlstate 'KR025' using
            column = 'jobs',
            message = case when jsonb_typeof(jobs) = 'array'
                           then format('jobs: %s are too many for one call', jsonb_array_length(jobs))
                           else format('jobs: %s is not a JSON array', coalesce(jsonb_typeof(jobs), 'null'))
                      end,
            hint = 'Write an array of up to 10,000 objects like {"endpoint": "mail", "input": {"id": 7}}.';
    end if;
    select array_agg(item.endpoint), array_agg(item.input),
           bool_and(item.is_alone and item.endpoint is not null and kronos.is_plain_input(item.input))
      into v_endpoints, v_inputs, v_is_plain
      from (select each.job ->> 'endpoint' as endpoint, each.job -> 'input' as input,
                   case when jsonb_typeof(each.job) = 'object'
                         and jsonb_typeof(each.job -> 'endpoint') = 'string'
                        then each.job - 'endpoint' - 'input' = '{}' else false end as is_alone
              from jsonb_array_elements(jobs) as each (job)
            offset 0) as item;
    if v_is_plain then
        return kronos.enqueue_plain_jobs(v_endpoints, v_inputs, true);
    end if;
    return kronos.enqueue_odd_jobs(jobs, true);
end
$$;
