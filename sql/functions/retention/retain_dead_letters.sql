-- retain_dead_letters: delete up to p_limit dead letters that failed longer ago than their workspace's
-- failure_days, with their executions, and operations that ended as long ago.
-- Returns: one row of counts. With p_dry_run it only counts.
create or replace function kronos.retain_dead_letters(p_limit integer, p_dry_run boolean,
                                                      out dead_letters bigint, out operations bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    v_doomed uuid[];
begin
    v_doomed := array(select letter.execution_id
                        from kronos.workspaces as workspace
                       cross join kronos.retention as instance
                        left join kronos.workspace_retention as own using (workspace_id)
                       cross join lateral (select old.execution_id
                                             from kronos.dead_letters as old
                                            where old.workspace_id = workspace.workspace_id
                                              and old.failed_at < kronos.now() - make_interval(
                                                      days => coalesce(own.failure_days,
                                                                       instance.failure_days))
                                            order by old.failed_at
                                            limit p_limit) as letter
                       limit p_limit);
    dead_letters := cardinality(v_doomed);
    if not p_dry_run then
        delete from kronos.dead_letters where execution_id = any (v_doomed);
    end if;

    v_doomed := array(select operation.operation_id
                        from kronos.operations as operation
                       cross join kronos.retention as instance
                        left join kronos.workspace_retention as own using (workspace_id)
                       where operation.completed_at
                             < kronos.now() - make_interval(
                                   days => coalesce(own.failure_days, instance.failure_days))
                       limit p_limit);
    operations := cardinality(v_doomed);
    if not p_dry_run then
        delete from kronos.operations where operation_id = any (v_doomed);
    end if;
end
$$;
