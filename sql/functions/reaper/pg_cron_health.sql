-- pg_cron_health: what readiness is judged by: the extension, the internal jobs' entries, and how long pg_cron has been silent.
-- Called by: queries/system.sql.   Returns: one row.
create or replace function kronos.pg_cron_health()
returns table (extension_version text, internal_jobs integer, internal_entries integer, silent_seconds double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    extension_version := (select extversion from pg_extension where extname = 'pg_cron');
    internal_jobs := (select count(*) from kronos.jobs as job join kronos.endpoints as endpoint using (endpoint_id)
                       where endpoint.type = 'INTERNAL' and job.status = 'ACTIVE');
    internal_entries := (select count(*) from kronos.jobs as job join kronos.endpoints as endpoint using (endpoint_id)
                          where endpoint.type = 'INTERNAL' and job.status = 'ACTIVE' and kronos.pg_cron_entry(job.job_id) is not null);
    silent_seconds := extract(epoch from kronos.pg_cron_silence());
    return next;
end
$$;
