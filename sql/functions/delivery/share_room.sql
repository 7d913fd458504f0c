-- share_room: shares out the room of workspaces among their endpoints, up to p_rooms each: one execution in
-- turn, in the order of p_places, as long as they have something due. p_shared is the same for all endpoints
-- of a workspace.
-- Returns: for each endpoint its share, and how many it has due, up to its room.
create or replace function kronos.share_room(p_places bigint[], p_endpoint_ids uuid[], p_floors timestamptz[],
                                             p_workspace_ids uuid[], p_rooms integer[], p_shared integer[])
returns table (place bigint, room integer, waiting integer)
language sql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
    with waiting as materialized (
        select asked.place, asked.workspace_id, asked.shared, due.executions
          from unnest(p_places, p_endpoint_ids, p_floors, p_workspace_ids, p_rooms, p_shared)
            as asked (place, endpoint_id, floor, workspace_id, room, shared)
         cross join (select array(select job_id from kronos.cancelled_jobs) as job_ids) as cancelled
         cross join lateral (select count(*)::integer as executions
                               from kronos.first_due_of(asked.endpoint_id, asked.floor, asked.room,
                                                        cancelled.job_ids)) as due
    ), turn as materialized (
        select waiting.place, waiting.shared,
               row_number() over (partition by waiting.workspace_id order by nth, waiting.place) as number
          from waiting
         cross join lateral generate_series(1, waiting.executions) as nth
    )
    select waiting.place, (select count(*)::integer from turn
                            where turn.place = waiting.place and turn.number <= turn.shared),
           waiting.executions
      from waiting
$$;
