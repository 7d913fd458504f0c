-- enqueue_fault: the first fault in a job of enqueue_many, by the rules that the API applies to a request.
-- Does not check that the endpoint exists.
-- Returns: all null if there is none.
create or replace function kronos.enqueue_fault(p_job jsonb, out field text, out fault text, out hint text)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_known constant text[] := array['endpoint', 'input', 'run_at', 'name', 'title', 'tags', 'priority',
                                'idempotency_key', 'on_success', 'on_failure', 'deadline_seconds'];
    v_at    timestamptz;
begin
    if jsonb_typeof(p_job) <> 'object' then
        fault := format('a job must be a JSON object, not of type %s', jsonb_typeof(p_job));
        hint := 'Write it like {"endpoint": "mail", "input": {"id": 7}}.';
        return;
    end if;
    field := (select min(key) from jsonb_object_keys(p_job) as key where key <> all (c_known));
    if field is not null then
        fault := 'unknown field'; hint := format('Known fields: %s.', array_to_string(c_known, ', '));
        return;
    end if;
    select each.field, each.fault, each.hint into field, fault, hint
      from (values
            (1, 'endpoint', 'must be the name of an endpoint',
             jsonb_typeof(p_job -> 'endpoint') is distinct from 'string', 'Name an existing endpoint.'),
            (2, 'input', 'must be a JSON object', jsonb_typeof(coalesce(p_job -> 'input', '{}')) <> 'object',
             'Write it like {"id": 7}.'),
            (3, 'name', 'not a valid name',
             not kronos.is_text(p_job -> 'name', '^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$')
             or p_job ->> 'name' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
             'Use 1 to 127 letters, digits, ''.'', ''_'' and ''-'', a letter or digit first, but no UUID.'),
            (4, 'title', 'must be one line of 1 to 200 visible characters',
             not kronos.is_text(p_job -> 'title', '^.{1,200}$') or not kronos.is_seen(p_job ->> 'title'),
             'Remove invisible characters (control characters, U+200B); at least one must be visible.'),
            (5, 'tags', 'must be up to 20 texts of 1 to 64 visible characters, none of them blank',
             not kronos.are_tags(coalesce(nullif(p_job -> 'tags', 'null'), '[]')), 'List them: ["reports"].'),
            (6, 'idempotency_key', 'must be a text of 1 to 255 characters',
             not kronos.is_text(p_job -> 'idempotency_key', '^.{1,255}$'), 'Use a UUID, for example.'),
            (7, 'run_at', 'not an RFC 3339 timestamp with an offset',
             not kronos.is_text(p_job -> 'run_at',
                                '^[0-9]{4}(-[0-9]{2}){2}[Tt]([0-9]{2}:){2}[0-9]{2}(\.[0-9]{1,9})?'
                                '([Zz]|[+-][0-9]{2}:[0-9]{2})$'),
             'Write it like 2026-12-01T09:00:00Z or 2026-12-01T09:00:00+05:30.'),
            (8, 'deadline_seconds', 'must be a whole number of seconds from 1 to 2678400',
             not kronos.is_number(p_job -> 'deadline_seconds', 1, 2678400), 'Write it like 3600.'),
            (9, 'priority', 'must be a whole number from -10 to 10',
             not kronos.is_number(p_job -> 'priority', -10, 10), 'Write it like 5.')
           ) as each (place, field, fault, is_wrong, hint)
     where each.is_wrong
     order by each.place
     limit 1;
    if field is null and jsonb_typeof(p_job -> 'run_at') = 'string' then
        v_at := kronos.run_at_of(p_job ->> 'run_at');
        fault := case when v_at is null then 'no such time'
                      when extract(year from v_at at time zone 'UTC') not between 1970 and 2999
                          then 'the year is out of range, 1970 to 2999'
                      when v_at < kronos.clock() - interval '5 seconds'
                          then format('%s is in the past', p_job ->> 'run_at') end;
        if fault is not null then
            field := 'run_at'; hint := 'Write a later time, or omit run_at to run the job immediately.';
        end if;
    end if;
    if field is null then
        select it.field, it.fault, it.hint into field, fault, hint from kronos.documents_fault(p_job) as it;
    end if;
end
$$;
