-- documents_fault: the first fault in the callbacks and the input of a job of enqueue_many.
-- Returns: all null if there is none.
create or replace function kronos.documents_fault(p_job jsonb, out field text, out fault text, out hint text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select judged.field, judged.fault, judged.hint
      from (select 1 as place, callback.*
              from kronos.callback_fault('on_success',
                                         jsonb_strip_nulls(nullif(p_job -> 'on_success', 'null'))) as callback
             union all
            select 2, callback.*
              from kronos.callback_fault('on_failure',
                                         jsonb_strip_nulls(nullif(p_job -> 'on_failure', 'null'))) as callback
             union all
            select 3, 'input', of_input.fault, of_input.hint
              from kronos.input_fault(coalesce(p_job -> 'input', '{}')) as of_input) as judged
     where judged.fault is not null
     order by judged.place
     limit 1
$$;
