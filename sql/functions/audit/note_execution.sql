-- note_execution: records in the audit what a person did to an execution, or created one for: cancel, retry,
-- trigger, test. p_name: the name of its job, or of the endpoint that is tested.
create or replace function kronos.note_execution(p_workspace_id uuid, p_action text, p_execution_id uuid,
                                                 p_name text, p_after jsonb) returns void
language plpgsql volatile
as $$
begin
    perform kronos.write_audit(p_workspace_id, p_action, 'execution', p_execution_id::text, p_name, null,
                               jsonb_strip_nulls(p_after));
end
$$;
