"""`tests.jobs`: a job and its pointer as one row that can be read and written, so that one statement in a test can set
when a job is due.

A null next_tick_at is a pointer without a next tick. Inserting a live CRON job also inserts its pointer.
"""

ROWS = """
    select job.job_id, job.workspace_id, job.first_version_id, job.version, job.previous_version_id,
           job.replaced_by_id, job.name, job.endpoint_id, job.trigger, job.status, job.status_reason,
           job.input, job.tags, job.run_at, job.cron, job.timezone, job.schedule, job.alarm, job.description,
           job.starts_at, job.ends_at, job.max_runs, coalesce(pointer.runs, job.runs) as runs, job.dst_gap,
           job.dst_overlap, job.jitter_seconds, job.overlap, job.catch_up_policy,
           job.catch_up_window_seconds, nullif(pointer.next_tick_at, 'infinity') as next_tick_at,
           coalesce(pointer.last_run_at, job.last_run_at) as last_run_at, job.idempotency_key,
           job.request_sha256, job.created_at, job.retired_at, job.every, job.anchor, job.ticks_from,
           job.ticks_until, job.skip_next, job.resume_at, pointer.is_halted, job.anchor_local,
           job.run_at_local, job.spread, job.offset_seconds
      from kronos.jobs as job
      left join lateral kronos.pointer_of(job.job_id) as pointer on true
"""
INSTALL = (
    f"create schema tests; create view tests.jobs as {ROWS};"
    """
create function tests.write_job() returns trigger language plpgsql as $$
declare
    c_pointer constant text[] := '{next_tick_at,last_run_at,runs,is_halted}';
    v_is_live boolean := new.trigger = 'CRON' and coalesce(new.status, 'ACTIVE') in ('ACTIVE', 'PAUSED');
    v_columns text[];
    v_pointer kronos.pointers;
begin
    if tg_op = 'INSERT' then
        new.job_id := coalesce(new.job_id, gen_random_uuid());
        v_columns := array(select key
                             from jsonb_each(to_jsonb(new))
                            where value <> 'null' and not (v_is_live and key = any (c_pointer)));
        execute format('insert into kronos.jobs (%s) select %s',
                       (select string_agg(quote_ident(name), ', ') from unnest(v_columns) as name),
                       (select string_agg(format('($1).%I', name), ', ') from unnest(v_columns) as name)) using new;
        if v_is_live then
            insert into kronos.pointers (job_id, workspace_id, next_tick_at, last_run_at, runs, is_paused,
                is_halted, is_internal)
            values (new.job_id, new.workspace_id, coalesce(new.next_tick_at, 'infinity'), new.last_run_at,
                    coalesce(new.runs, 0),
                    coalesce(new.status = 'PAUSED', false), coalesce(new.is_halted, false),
                    (select type = 'INTERNAL' from kronos.endpoints where endpoint_id = new.endpoint_id));
        end if;
        return new;
    end if;
    select * into v_pointer from kronos.pointer_of(old.job_id);
    v_columns := array(select later.key
                         from jsonb_each(to_jsonb(new)) as later
                         join jsonb_each(to_jsonb(old)) as before using (key)
                        where later.value <> before.value and not (v_pointer.job_id is not null
                              and key = any (c_pointer)));
    if v_columns <> '{}' then
        execute format('update kronos.jobs set %s where job_id = $2',
                       (select string_agg(format('%1$I = ($1).%1$I', name), ', ')
                           from unnest(v_columns) as name)) using new, old.job_id;
    end if;
    if v_is_live and (new.next_tick_at, new.last_run_at, new.runs, new.is_halted)
                     is distinct from (old.next_tick_at, old.last_run_at, old.runs, old.is_halted) then
        update kronos.pointers
           set next_tick_at = coalesce(new.next_tick_at, 'infinity'), last_run_at = new.last_run_at, runs = new.runs,
               is_halted = new.is_halted
         where job_id = v_pointer.job_id and next_tick_at = v_pointer.next_tick_at;
    end if;
    return new;
end
$$;
create trigger write instead of insert or update on tests.jobs for each row execute function tests.write_job();
"""
)

# Internal jobs that tick once an hour begin an hour later, which is longer than any suite.
#
# Otherwise they would be due for some seconds of the hour in every copy of a server or a template. The reaper spares
# due jobs, so from 15 s before that minute to 90 s after it the entry would keep the port of the server that was
# copied. The template's own migration would spare it too if it ran in that minute, and each test's own migration would
# give it another number.
KEEP_HOURLY_TICKS_AWAY = """
    with hourly as (
        update kronos.jobs as job
           set ticks_from = pointer.next_tick_at
          from kronos.pointers as pointer
         where pointer.job_id = job.job_id and pointer.is_internal
           and kronos.next_tick(job.schedule, pointer.next_tick_at) > pointer.next_tick_at + interval '59 minutes'
        returning job.job_id, job.schedule
    )
    update kronos.pointers as pointer
       set next_tick_at = kronos.next_tick(hourly.schedule, pointer.next_tick_at)
      from hourly
     where hourly.job_id = pointer.job_id;
    select kronos.repair_pg_cron('10 seconds')
"""
