-- one_shots_made: the creators of the current workspace's one-shots, as rows of the audit, newest first,
-- after the place (p_before_at, p_before_id); at most p_limit. They are not sealed: each is read from the row
-- of its execution and disappears with it. p_filter: as in list_audit. Walks the list of executions, 10,000
-- per call: an index would cost every creation and is rarely needed.
-- Returns: if it stopped at 10,000, a last row without an id holds the place at which the next call
-- continues. Runs as the caller: row level security applies.
create or replace function kronos.one_shots_made(p_filter jsonb, p_before_at timestamptz, p_before_id uuid,
                                                 p_limit integer)
returns table (audit_id uuid, at timestamptz, actor text, key_id text, address text, request_id text,
               database_user text, object_id text, object text, after jsonb, place_id uuid)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
    c_some     constant integer     := 500;
    v_after    constant timestamptz := coalesce((p_filter ->> 'after')::timestamptz, '-infinity');
    v_before   constant timestamptz := coalesce((p_filter ->> 'before')::timestamptz, 'infinity');
    v_is_later constant boolean     := v_before <= p_before_at;
    v_at       timestamptz          := least(p_before_at, v_before);
    v_id       uuid                 := case when v_is_later then '00000000-0000-0000-0000-000000000000'::uuid
                                            else p_before_id end;
    v_ids      uuid[];
    v_times    timestamptz[];
    v_left     integer              := 10000;
    v_some     integer;
    v_found    integer              := 0;
begin
    loop
        select array_agg(found.execution_id order by found.created_at desc, found.execution_id desc),
               array_agg(found.created_at order by found.created_at desc, found.execution_id desc)
          into v_ids, v_times
          from kronos.find_executions(null, null, null, null, v_at, v_id, c_some) as found;
        return query
            select made.*, null::uuid
              from kronos.creations_among(v_ids) as made
             where made.at >= v_after
               and (p_filter ->> 'actor' is null or made.actor = p_filter ->> 'actor')
               and (p_filter ->> 'object_id' is null
                    or p_filter ->> 'object_id' in (made.object_id, made.audit_id::text))
               and (p_filter ->> 'object' is null or made.object = p_filter ->> 'object')
               and (p_filter ->> 'request_id' is null or made.request_id = p_filter ->> 'request_id')
             order by made.at desc, made.audit_id desc
             limit p_limit - v_found;
        get diagnostics v_some = row_count;
        v_found := v_found + v_some;
        exit when v_found = p_limit or coalesce(cardinality(v_ids), 0) < c_some
               or v_times[c_some] < v_after;
        v_at := v_times[c_some];
        v_id := v_ids[c_some];
        v_left := v_left - c_some;
        if v_left = 0 then
            at := v_at;
            place_id := v_id;
            return next;
            return;
        end if;
    end loop;
end
$$;
