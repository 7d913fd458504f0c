-- enqueue: creates one IMMEDIATE job, or with run_at a DELAYED one, in the caller's transaction. The job
-- exists once that transaction commits; workers are woken then. For roles named by `kronos workspace
-- grant-sql`, in the workspace granted to them. The parameters have no prefix because callers use named
-- arguments.
-- Locks the endpoint's row, shared, until the transaction ends, so that the endpoint cannot be deleted.
-- Returns: the job's id; for a known idempotency key, the id of the job that was created with it.
-- Raises: KR025 (invalid value; its column names the field), KR034 (a callback names something that does not
-- exist), KR021 (idempotency mismatch), KR022 (the name is taken), KR012 (no such endpoint), KR023 (the
-- workspace accepts no jobs now), 42501 (the role has no workspace).
create or replace function kronos.enqueue(endpoint text, input jsonb default '{}',
                                          run_at timestamptz default null, name text default null,
                                          title text default null, tags text[] default null,
                                          idempotency_key text default null,
                                          on_success jsonb default null, on_failure jsonb default null,
                                          deadline_seconds integer default null, priority integer default 0)
returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set row_security = on
as $$
begin
    if num_nonnulls(run_at, name, title, tags, idempotency_key, on_success, on_failure, deadline_seconds,
                    nullif(priority, 0)) = 0
    and endpoint is not null and kronos.is_plain_input(input) then
        return (kronos.enqueue_plain_jobs(array[endpoint], array[input], false))[1];
    end if;
    return (kronos.enqueue_odd_jobs(jsonb_build_array(
                jsonb_build_object('endpoint', endpoint, 'input', input)
                || jsonb_strip_nulls(jsonb_build_object(
                       'run_at', kronos.instant_text(run_at), 'name', name, 'title', title, 'tags', tags,
                       'idempotency_key', idempotency_key, 'on_success', on_success,
                       'on_failure', on_failure, 'deadline_seconds', deadline_seconds,
                       'priority', nullif(priority, 0)))), false))[1];
end
$$;
