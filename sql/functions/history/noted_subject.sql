-- noted_subject: under what kronos.history_weeks notes a finished execution, besides its workspace: the
-- version of its CRON job, or for a one-shot that is its execution, the endpoint.
-- Returns: null for other one-shots, whose executions are found by their job. Inlined.
create or replace function kronos.noted_subject(p_cause text, p_job_id uuid, p_execution_id uuid,
                                                p_endpoint_id uuid) returns uuid
language sql immutable parallel safe
return case when p_cause <> 'API'            then p_job_id
            when p_job_id = p_execution_id   then p_endpoint_id
       end;
