-- refuse_keyed_job: raises the error for a job of enqueue_keyed_jobs: fault, its SQLSTATE; place; by_what
-- created the job of its key; its name.
-- Raises: KR021, KR022, as enqueue.
create or replace function kronos.refuse_keyed_job(p_wrong jsonb, p_is_many boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = p_wrong ->> 'fault',
        column = case p_wrong ->> 'fault' when 'KR021' then 'idempotency_key' else 'name' end,
        message = concat(case when p_is_many then format('jobs[%s].', (p_wrong ->> 'place')::bigint - 1) end,
                         case p_wrong ->> 'fault'
                             when 'KR021' then 'idempotency_key: already used for a different request, '
                                               'which created ' || (p_wrong ->> 'by_what')
                             else format('name: another live job of this workspace has the name %s',
                                         p_wrong ->> 'name') end),
        hint = case p_wrong ->> 'fault' when 'KR021' then 'Use a new key for a new request.'
                                        else 'Choose another name.' end;
end
$$;
