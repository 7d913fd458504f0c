-- links_of: for each of the given executions, what caused it and what it caused, with the status of each. A
-- run of a chain that is yet to be created is PENDING; one of which nothing is stored any more has no status.
-- Without callbacks it costs two index probes per execution.
-- Returns: one row each. Runs as the caller: row level security applies.
create or replace function kronos.links_of(p_execution_ids uuid[])
returns table (execution_id uuid, caused_by jsonb, callbacks jsonb)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_made uuid[] := array(select made.execution_id
                             from kronos.callbacks as made
                            where made.caused_by = any (p_execution_ids));
begin
    return query
        with ended as materialized (
            select each.execution_id, each.status
              from kronos.finished_among(v_made) as each
             where v_made <> '{}'
        ), made as (
            select made.caused_by,
                   jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'execution_id', made.execution_id, 'event', made.event, 'endpoint', endpoint.name,
                       'job', target.name, 'job_id', target.job_id))
                       || jsonb_build_object('status', coalesce(ended.status, live.status,
                                                                case when made.due_at is not null
                                                                     then 'PENDING' end))
                       order by made.execution_id) as callbacks
              from unnest(v_made) as each (id)
              join kronos.callbacks as made on made.execution_id = each.id
              left join kronos.endpoints as endpoint on endpoint.endpoint_id = made.endpoint_id
              left join ended on ended.execution_id = made.execution_id
              left join kronos.active_executions as live on live.execution_id = made.execution_id
              left join lateral kronos.newest_version(made.first_version_id) as target on true
             group by made.caused_by
        )
        select asked.id,
               case when cause.execution_id is not null then
                        jsonb_build_object('execution_id', cause.caused_by, 'job_id', cause.caused_by_job_id,
                                           'event', cause.event)
                    when said.execution_id is not null then
                        jsonb_build_object('alert_rule', said.rule, 'event', said.event,
                                           'incidents', cardinality(said.incident_ids)) end,
               coalesce(made.callbacks, '[]')
          from unnest(p_execution_ids) as asked (id)
          left join kronos.callbacks as cause on cause.execution_id = asked.id
          left join kronos.alert_notifications as said on said.execution_id = asked.id
          left join made on made.caused_by = asked.id;
end
$$;
