-- change_job: applies an operation's action to one job, as its route does: the job's ticks are settled first.
-- An operation triggers a job once, however often the call is repeated: the idempotency key identifies the
-- run, and a request with the same key finds it too (kronos/idempotency.py).
-- Runs as the caller, in whose transaction the workspace is that of the operation.
-- Returns: null if it is done, or was done already; otherwise why not: code, detail.
-- Raises: as the routes' functions; KR041 if a resumed job's entry exceeds the quota.
create or replace function kronos.change_job(p_operation kronos.operations, p_job_id uuid) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_terms constant jsonb := p_operation.terms;
    v_run   constant uuid  := kronos.uuid7(kronos.clock());
    v_key   constant text  := p_operation.operation_id || ':' || p_job_id;
    v_done  uuid;
    v_job   kronos.jobs;
    v_most  integer;
    v_peak  integer;
begin
    if p_operation.kind = 'TRIGGER' then
        if exists (select from kronos.idempotency_keys
                    where workspace_id = p_operation.workspace_id and operation = 'trigger'
                      and idempotency_key = v_key) then
            return null;
        end if;
        v_done := kronos.trigger_job(p_job_id::text, v_run, null, true);
        insert into kronos.idempotency_keys (workspace_id, operation, idempotency_key, request_sha256,
                                             resource_id)
        select p_operation.workspace_id, 'trigger', v_key,
               sha256(convert_to(format('["%s",null]', p_job_id), 'UTF8')), v_run
         where v_done is not null;
    elsif p_operation.kind = 'PAUSE' and (v_terms ->> 'until')::timestamptz <= kronos.clock() then
        return jsonb_build_object('code', 'conflict', 'detail',
                                  format('the pause was to end at %s, before the operation reached the job',
                                         v_terms ->> 'until'));
    else
        perform kronos.settle_version(p_job_id, null);
        if p_operation.kind = 'PAUSE' then
            v_done := (select job_id from kronos.pause_job(
                           v_terms ->> 'note', (v_terms ->> 'until')::timestamptz,
                           array(select jsonb_array_elements_text(v_terms -> 'given')), v_terms ->> 'actor'));
        elsif p_operation.kind = 'RESUME' then
            v_done := (select job_id from kronos.resume_job());
            select max_alarms_per_minute into v_most
              from kronos.workspaces where workspace_id = p_operation.workspace_id;
            -- jobs_that_resume_keep_to_quotas checks once per transaction, and this one resumes many jobs
            if v_done is not null and v_most is not null then
                v_peak := kronos.alarm_peak(p_operation.workspace_id, array[v_done]);
                if v_peak > v_most then
                    raise sqlstate 'KR041' using
                        message = kronos.refusal_text(jsonb_build_object('quota', 'alarms_per_minute', 'used',
                                                                         v_peak, 'limit', v_most));
                end if;
            end if;
        else
            v_done := (select job_id from kronos.cancel_job());
        end if;
    end if;
    if v_done is not null then
        return null;
    end if;
    select * into v_job from kronos.job_rows(p_job_id) where workspace_id = p_operation.workspace_id;
    if p_operation.kind = 'CANCEL'
    or (p_operation.kind, v_job.status) in (('PAUSE', 'PAUSED'), ('RESUME', 'ACTIVE')) then
        return null;
    end if;
    return jsonb_build_object('code', 'conflict', 'detail',
                              format('job %s is now %s and %s', p_job_id, coalesce(v_job.trigger, 'gone'),
                                     coalesce(v_job.status, 'gone')));
end
$$;
