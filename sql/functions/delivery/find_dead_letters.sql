-- find_dead_letters: p_limit dead letters of a workspace after a position, newest first, or oldest first;
-- p_limit null: all of them. p_which (dead_letter_filter) selects them; members that it lacks do not filter.
-- Each member except q has an index in the order of the list; q, a text contained in the error's type or
-- message, is searched for in that order.
-- Row level security applies. Executed as text, so that each call is planned for its own filter.
create or replace function kronos.find_dead_letters(p_workspace_id uuid, p_which jsonb,
                                                    p_from_at timestamptz, p_from_id uuid, p_limit integer,
                                                    p_is_oldest_first boolean default false)
returns table (execution_id uuid, failed_at timestamptz, endpoint_id uuid, error_type text,
               first_version_id uuid)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
begin
    if p_which ? 'absent' then
        return;
    end if;
    return query execute format(
        $query$
        select letter.execution_id, letter.failed_at, letter.endpoint_id, letter.error_type,
               letter.first_version_id
          from kronos.dead_letters as letter
         where letter.workspace_id = $1
           and ($2 is null or letter.endpoint_id = $2)
           and ($3 is null or letter.first_version_id = $3)
           and ($4 is null or letter.job_id = $4)
           and ($5 is null or letter.error_type = $5)
           and ($6 is null or strpos(lower(concat_ws(' ', letter.error_type, letter.message)), lower($6)) > 0)
           and ($7 is null or letter.failed_at > $7)
           and ($8 is null or letter.failed_at < $8)
           and (letter.failed_at, letter.execution_id) %1$s ($9, $10)
         order by letter.failed_at %2$s, letter.execution_id %2$s
         limit $11
        $query$,
        case when p_is_oldest_first then '>' else '<' end,
        case when p_is_oldest_first then 'asc' else 'desc' end)
    using p_workspace_id, (p_which ->> 'endpoint_id')::uuid, (p_which ->> 'first_version_id')::uuid,
          (p_which ->> 'job_id')::uuid, p_which ->> 'error_type', p_which ->> 'q',
          (p_which ->> 'after')::timestamptz, (p_which ->> 'before')::timestamptz, p_from_at, p_from_id,
          p_limit;
end
$$;
