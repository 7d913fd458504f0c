-- keyed_items: the jobs of enqueue_keyed_jobs, each with its place among all jobs of the call, the id of the
-- job that its key created before or of the array's first job with that key, and the fault that prevents its
-- creation.
-- Reads by index from the first job on, as alarm_of.
-- Returns: one row per job. fault: KR021, another request created the key's job; KR022, the name is taken.
create or replace function kronos.keyed_items(p_jobs jsonb)
returns table (place bigint, job jsonb, made_id uuid, is_first boolean, fault text, by_what text)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
    return query
        with item as materialized (
            select (each.job ->> 'nth')::bigint as place, each.job, each.job ->> 'name' as name,
                   each.job ->> 'idempotency_key' as key, each.job ->> 'request_sha256' as request,
                   first_value(each.job) over (partition by coalesce(each.job ->> 'idempotency_key',
                                                                     each.job ->> 'job_id')
                                                   order by each.nth) as first
              from jsonb_array_elements(p_jobs) with ordinality as each (job, nth)
        ), judged as (
            select item.*, item.first = item.job as is_first, twin.job_id as twin_id,
                   twin.request_sha256 is distinct from item.request::bytea as is_other,
                   row_number() over (partition by item.name, item.first = item.job order by item.place)
                       as nth_of_name
              from item
              left join lateral (select found.job_id, found.request_sha256
                                   from kronos.jobs as found
                                  where found.workspace_id = kronos.current_workspace_id()
                                    and found.idempotency_key = item.key
                                 offset 0) as twin on true
        )
        select judged.place, judged.job,
               coalesce(judged.twin_id, (judged.first ->> 'job_id')::uuid), judged.is_first,
               case when judged.twin_id is not null and judged.is_other
                      or judged.first ->> 'request_sha256' <> judged.request then 'KR021'
                    when judged.twin_id is null and judged.is_first and judged.name is not null
                     and (judged.nth_of_name > 1
                          or exists (select from kronos.jobs as other
                                      where other.workspace_id = kronos.current_workspace_id()
                                        and other.name = judged.name
                                        and other.status in ('ACTIVE', 'PAUSED'))) then 'KR022' end,
               coalesce('job ' || judged.twin_id, 'another job of this call')
          from judged;
end
$$;
