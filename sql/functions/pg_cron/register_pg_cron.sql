-- register_pg_cron: writes the job's pg_cron entry, in the caller's transaction. Errors are pg_cron's own and
-- are never caught: the transaction dies with them. The command is a constant and a uuid, so no user's text
-- is ever SQL.
-- Returns: pg_cron's jobid.
-- Raises: KR010 when the job is not an ACTIVE CRON job of an ACTIVE workspace; pg_cron's errors, unchanged.
-- Owned by kronos_cron, so that every entry is that role's and runs as it.
create or replace function kronos.register_pg_cron(p_job_id uuid) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_alarm text := kronos.alarm_of(p_job_id);
begin
    if v_alarm is null then
        raise sqlstate 'KR010' using
            message = format('job %s cannot be registered with pg_cron: it is not ACTIVE, or its workspace '
                             'is suspended', p_job_id);
    end if;
    return cron.schedule('kronos:' || p_job_id, v_alarm, format('select kronos.fire(%L)', p_job_id));
end
$$;
