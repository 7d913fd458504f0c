-- know_trace: gives a CRON job's version the span of the request that creates it, so that its ticks can link
-- to it. Not called if the caller names no span, because most requests are not traced.
create or replace function kronos.know_trace() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    new.traceparent := kronos.traceparent_of(kronos.said_caller(), new.job_id);
    return new;
end
$$;
create or replace trigger jobs_know_traces before insert on kronos.jobs for each row
    when (new.trigger = 'CRON' and strpos(current_setting('kronos.caller', true), '"traceparent"') > 0)
    execute function kronos.know_trace();
