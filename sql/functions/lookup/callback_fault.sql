-- callback_fault: the first fault in a callback as its user wrote it, except whether the job or endpoint that
-- it names exists.
-- Returns: all null if there is none.
create or replace function kronos.callback_fault(p_event text, p_given jsonb, out field text, out fault text,
                                                 out hint text)
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    c_statuses constant jsonb := '["FAILED", "EXPIRED", "CANCELLED"]'::jsonb;
    c_example  constant text := 'Write it like {"endpoint": "hook"} or {"job": "report"}.';
begin
    select p_event || each.field, each.fault, each.hint into field, fault, hint
      from (values
            (1, '', 'a callback must be a JSON object', jsonb_typeof(p_given) <> 'object', c_example),
            (2, '', 'unknown member',
             case when jsonb_typeof(p_given) = 'object'
                  then p_given - '{endpoint,job,input,statuses}'::text[] <> '{}' end,
             'Known members: endpoint, job, input and statuses.'),
            (3, '', 'exactly one of endpoint and job must be given',
             (p_given ? 'endpoint') = (p_given ? 'job'), c_example),
            (4, '.endpoint', 'must be the name of an endpoint',
             jsonb_typeof(p_given -> 'endpoint') <> 'string', 'Name an existing endpoint.'),
            (5, '.job', 'must be the name of a job', jsonb_typeof(p_given -> 'job') <> 'string',
             'Name an existing job.'),
            (6, '.input', 'input requires job', p_given ? 'input' and not p_given ? 'job',
             'Omit it: an endpoint receives a description of the run.'),
            (7, '.input', 'input must be own or run', p_given -> 'input' not in ('"own"', '"run"'),
             'Write own for the job''s own input, or run for a description of the run.'),
            (8, '.statuses', 'statuses are only allowed in on_failure',
             p_given ? 'statuses' and p_event = 'on_success', 'Omit them.'),
            (9, '.statuses', 'statuses must be one or more of FAILED, EXPIRED, CANCELLED',
             p_given ? 'statuses' and case when jsonb_typeof(p_given -> 'statuses') = 'array'
                                           then jsonb_array_length(p_given -> 'statuses') not between 1 and 3
                                                or not p_given -> 'statuses' <@ c_statuses
                                           else true end,
             'Omit them for FAILED and EXPIRED.')
           ) as each (place, field, fault, is_wrong, hint)
     where each.is_wrong
     order by each.place
     limit 1;
end
$$;
