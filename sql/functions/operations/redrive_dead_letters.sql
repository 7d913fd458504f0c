-- redrive_dead_letters: makes an operation's next dead letters due again, each as by retry_execution. One
-- that cannot be redriven is unchanged and counted under its reason, and stops no other, whatever the error
-- is. One whose execution no longer exists, or is not FAILED, is removed from the dead letters. Jobs are
-- locked in the order of their ids, as by all code that locks several.
-- Returns: how many could not be redriven, by reason.
-- Raises: passing errors (is_passing), and errors that do not concern one letter: a missing object or a
-- missing privilege (3F, 42).
create or replace function kronos.redrive_dead_letters(p_operation kronos.operations, p_execution_ids uuid[])
returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_execution_id uuid;
    v_refusal      text;
    v_constraint   text;
    v_failures     jsonb := '{}'::jsonb;
begin
    for v_execution_id in
        select given.id
          from unnest(p_execution_ids) as given (id)
          left join kronos.dead_letters as letter on letter.execution_id = given.id
         order by letter.first_version_id, letter.failed_at, given.id
    loop
        begin
            v_refusal := kronos.take_up_again(p_operation.workspace_id, v_execution_id,
                                              p_operation.endpoint_version);
        exception
            when sqlstate 'KR012' then
                v_refusal := 'endpoint_deleted';
            when others then
                if kronos.is_passing(sqlstate) or left(sqlstate, 2) in ('3F', '42') then
                    raise;
                end if;
                raise warning 'kronos: dead letter % cannot be redriven: % (%)', v_execution_id, sqlerrm,
                              sqlstate;
                get stacked diagnostics v_constraint = constraint_name;
                v_refusal := case v_constraint when 'jobs_name_taken' then 'name_taken'
                                               else 'internal_error' end;
        end;
        if v_refusal in ('absent', 'not_failed') then
            delete from kronos.dead_letters where execution_id = v_execution_id;
        end if;
        if v_refusal is not null then
            v_failures := kronos.added(v_failures, jsonb_build_object(v_refusal, 1));
        end if;
    end loop;
    return v_failures;
end
$$;
