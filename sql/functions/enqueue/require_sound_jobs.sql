-- require_sound_jobs: checks that the jobs of an array are valid. Jobs with a plain input and at most a key
-- skip the check rule by rule, which takes ten times as long.
-- Raises: KR025 for the first invalid job; its column is the field.
create or replace function kronos.require_sound_jobs(p_jobs jsonb, p_is_many boolean) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_wrong record;
begin
    select place.nth, judged.field, judged.fault, judged.hint into v_wrong
      from jsonb_array_elements(p_jobs) with ordinality as place (job, nth)
     cross join lateral (select case when jsonb_typeof(place.job) = 'object'
                                     then jsonb_typeof(place.job -> 'endpoint') = 'string'
                                          and kronos.is_plain_input(coalesce(place.job -> 'input', '{}'))
                                          and place.job - '{endpoint,input,idempotency_key}'::text[] = '{}'
                                          and jsonb_typeof(coalesce(place.job -> 'idempotency_key',
                                                                    '"none"')) = 'string'
                                          and char_length(coalesce(place.job ->> 'idempotency_key', 'none'))
                                              between 1 and 255
                                end as is_sound
                         offset 0) as glance
     cross join lateral (select each.*
                           from kronos.enqueue_fault(place.job) as each
                          where glance.is_sound is not true) as judged
     where judged.fault is not null
     order by place.nth
     limit 1;
    if found then
        raise sqlstate 'KR025' using
            column = coalesce(v_wrong.field, 'jobs'),
            message = concat(case when p_is_many then format('jobs[%s]', v_wrong.nth - 1) end,
                             case when p_is_many and v_wrong.field is not null then '.' end,
                             left(v_wrong.field, 64), ': ', v_wrong.fault),
            hint = v_wrong.hint;
    end if;
end
$$;
