-- open_gates: how many executions of each of these endpoints, all of which are limited, a claim may take, at
-- most p_quotas, in the order of turns in which they are given. If a workspace has less room than its
-- endpoints want, its endpoints get one in turn, as long as they have something due. Locks the gates until
-- the claim's commit, and skips gates that another claimer holds: that one serves them. count_claimed follows
-- in the same transaction.
-- Returns: one row per endpoint that it has locked. is_counted: claimed executions take slots. bound: what
-- keeps it below its quota: rate, endpoint or workspace.
create or replace function kronos.open_gates(p_endpoint_ids uuid[], p_quotas integer[],
                                             p_floors timestamptz[])
returns table (endpoint_id uuid, room integer, is_counted boolean, bound text)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    with gate as materialized (
        select wanted.place, wanted.quota, wanted.floor, gate.endpoint_id, gate.workspace_id,
               gate.max_in_flight, gate.in_flight, gate.rate_count, gate.rate_seconds, gate.rate_burst,
               gate.rate_tokens, gate.rate_at, gate.trial_seconds, gate.key_max, workspace.max_concurrency
          from unnest(p_endpoint_ids, p_quotas, p_floors)
               with ordinality as wanted (endpoint_id, quota, floor, place)
          join kronos.endpoint_gate as gate on gate.endpoint_id = wanted.endpoint_id
          join kronos.workspaces as workspace on workspace.workspace_id = gate.workspace_id
         where gate.paused_until <= kronos.now()
           for update of gate skip locked
    ), tenant as materialized (
        select limited.workspace_id, limited.max_concurrency - locked.in_flight as room
          from (select distinct gate.workspace_id, gate.max_concurrency
                  from gate
                 where gate.max_concurrency is not null) as limited
         cross join lateral (select counted.in_flight
                               from kronos.workspace_gate as counted
                              where counted.workspace_id = limited.workspace_id
                                for update skip locked) as locked
    ), own as materialized (      -- the clock is read when the gate is locked
        select gate.*,
               least(gate.max_in_flight, case when gate.trial_seconds is not null then 1 end)
               - gate.in_flight as slots,
               floor(kronos.refilled(gate.rate_tokens, gate.rate_at, gate.rate_count, gate.rate_seconds,
                                     gate.rate_burst, kronos.clock()) + 1e-6)::integer as tokens
          from gate
    ), mine as materialized (
        select own.*, greatest(0, least(own.quota, own.slots, own.tokens)) as most,
               tenant.room as shared
          from own
          left join tenant on tenant.workspace_id = own.workspace_id
         where own.max_concurrency is null or tenant.workspace_id is not null
    ), given as materialized (      -- for workspaces with little room
        select turn.place, turn.room, turn.waiting
          from (select array_agg(mine.place) as places, array_agg(mine.endpoint_id) as ids,
                       array_agg(mine.floor) as floors, array_agg(mine.workspace_id) as workspaces,
                       array_agg(mine.most) as rooms, array_agg(mine.shared) as shared
                  from mine
                 where mine.shared < (select sum(other.most) from mine as other
                                       where other.workspace_id = mine.workspace_id)
                having count(*) > 0) as asked
         cross join lateral kronos.share_room(asked.places, asked.ids, asked.floors, asked.workspaces,
                                              asked.rooms, asked.shared) as turn
    )
    select mine.endpoint_id, coalesce(given.room, mine.most),
           coalesce(mine.max_in_flight, mine.trial_seconds, mine.max_concurrency, mine.key_max) is not null,
           case when given.room < given.waiting or (given.room = 0 and mine.shared <= 0) then 'workspace'
                when mine.most = mine.quota or given.waiting < mine.most then null
                when mine.tokens <= mine.most then 'rate'
                else 'endpoint'
           end
      from mine
      left join given on given.place = mine.place;
end
$$;
