-- enqueue_odd_jobs: creates the jobs of an array in which at least one job has more than an endpoint and an
-- input, or an input that must be checked. Works in the workspace of the role that logged in. Jobs with the
-- same key and request are one job. Jobs that are their executions are one row (make_one_shots). The settings
-- below make every session read times alike.
-- Returns: their ids, in order.
-- Raises: as enqueue.
create or replace function kronos.enqueue_odd_jobs(p_jobs jsonb, p_is_many boolean) returns uuid[]
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set "TimeZone" = 'UTC' set "DateStyle" = 'ISO, YMD' set standard_conforming_strings = on
as $$
declare
    v_slug  constant text := kronos.enter_granted_workspace();
    v_bare  bigint[];
    v_keyed jsonb;
    v_ids   jsonb := '{}'::jsonb;       -- by place
begin
    perform kronos.require_sound_jobs(p_jobs, p_is_many);
    perform kronos.require_endpoints(array(select each.job ->> 'endpoint'
                                             from jsonb_array_elements(p_jobs) as each (job)),
                                     v_slug, p_is_many);
    perform kronos.require_callbacks(p_jobs, p_is_many) where p_jobs @? '$[*] ? (exists (@.on_success)
                                                                                 || exists (@.on_failure))';
    select array_agg(item.nth order by item.nth) filter (where not item.is_keyed),
           jsonb_agg(item.job || jsonb_build_object('job_id', gen_random_uuid(), 'nth', item.nth,
                                                    'request_sha256', item.request,
                                                    'run_at', kronos.run_at_of(item.job ->> 'run_at')))
               filter (where item.is_keyed)
      into v_bare, v_keyed
      from (select each.nth, each.job,
                   each.job - '{endpoint,input,run_at,priority}'::text[] <> '{}' as is_keyed,
                   '\x' || encode(sha256(convert_to((each.job - 'idempotency_key')::text, 'UTF8')),
                                  'hex') as request
              from kronos.plain_members(p_jobs) as each) as item;
    select v_ids || coalesce(jsonb_object_agg(v_bare[made.nth], made.job_id), '{}') into v_ids
      from (select array_agg(each.job ->> 'endpoint' order by each.nth) as endpoints,
                   array_agg(each.job -> 'input' order by each.nth) as inputs,
                   array_agg(kronos.run_at_of(each.job ->> 'run_at') order by each.nth) as run_at,
                   array_agg((each.job ->> 'priority')::smallint order by each.nth) as priorities
              from kronos.plain_members(p_jobs) as each
             where each.nth = any (v_bare)) as bare
     cross join lateral kronos.make_one_shots(bare.endpoints, bare.inputs, bare.run_at, true,
                                              bare.priorities) as made
     where v_bare is not null;
    if v_keyed is not null then
        v_ids := v_ids || kronos.enqueue_keyed_jobs(v_keyed, p_is_many);
    end if;
    perform pg_notify('kronos_work', '');
    perform set_config('kronos.workspace_id', '', true);
    return array(select (v_ids ->> place::text)::uuid
                   from generate_series(1, jsonb_array_length(p_jobs)) as place
                  order by place);
end
$$;
