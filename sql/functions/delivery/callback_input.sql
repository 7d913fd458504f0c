-- callback_input: the input of a callback about the run that ended: which run, how it ended, after how many
-- attempts, with what error, and its output if that is stored and no longer than 32 KiB. It contains no input
-- and no secret: errors and outputs are stored without secrets.
create or replace function kronos.callback_input(p_run kronos.execution_done, p_event text, p_job_name text,
                                                 p_job_title text)
returns jsonb
language sql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
               'event', p_event,
               'job', jsonb_build_object('job_id', p_run.job_id, 'name', p_job_name, 'title', p_job_title),
               'execution', jsonb_build_object(
                   'execution_id', p_run.execution_id, 'status', p_run.status, 'cause', p_run.cause,
                   'status_reason', p_run.status_reason,
                   'scheduled_at', kronos.iso(p_run.scheduled_at), 'started_at', kronos.iso(p_run.started_at),
                   'completed_at', kronos.iso(p_run.completed_at), 'attempt_count', p_run.attempt_count,
                   'max_attempts', p_run.max_attempts,
                   'error', case when p_run.error is not null then
                       jsonb_build_object('type', left(p_run.error ->> 'type', 100),
                                          'message', left(p_run.error ->> 'message', 1000)) end,
                   'output', case when octet_length(p_run.output::text) <= 32768 then p_run.output end,
                   'is_output_left_out', coalesce(octet_length(p_run.output::text) > 32768, false)))
$$;
