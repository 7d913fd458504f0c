-- name: get_standing
-- A job's ledger in brief: the last 24 hours, what is overdue, and why it cannot be accounted for. A job
-- without a schedule has no ledger: its columns are null. No row: no such job.
select job.job_id, ledger.expected, ledger.delivered, ledger.missed, ledger.skipped,
       ledger.expected - ledger.unaccounted as accounted, ledger.unaccounted,
       ledger.surplus, ledger.first_unaccounted, ledger.first_surplus,
       kronos.now() - interval '24 hours' as since, ledger.checked_until, ledger.is_truncated,
       ledger.retained_from,
       case when ledger.overdue > 0 then extract(epoch from kronos.clock() - kronos.finite(
                                                     (select pointer.next_tick_at
                                                        from kronos.pointer_of(job.job_id) as pointer)
                                                 ))::double precision else 0 end as overdue_seconds,
       coalesce(kronos.job_fault(job),
                ledger.error || jsonb_build_object('failed_at', null)) as error,
       coalesce((select extract(epoch from kronos.now()
                                - greatest(live.visible_at, '1970-01-01 00:00:00+00'))::double precision
                   from kronos.execution_live as live
                  where ((live.job_id = job.job_id and live.job_id <> live.execution_id)
                         or (live.execution_id = job.job_id and live.job_id = job.job_id))
                    and live.claim_token is null
                    and live.visible_at <= kronos.now()
                  order by live.scheduled_at
                  limit 1), 0) as waiting_seconds,
       (select count(*)::integer
          from pg_stat_activity as backend
         where backend.datname = current_database()
           and starts_with(backend.application_name, 'kronos-worker-')) as worker_sessions,
       (select kronos.shown_health(health, gate)
          from kronos.endpoint_health as health
          join kronos.endpoint_gate as gate using (endpoint_id)
         where health.endpoint_id = job.endpoint_id and health.state <> 'ACTIVE') as endpoint_health,
       (select gate.worker_group
          from kronos.endpoint_gate as gate
         where gate.endpoint_id = job.endpoint_id
           and gate.worker_group is not null
           and not kronos.is_group_served(gate.worker_group)) as unserved_group
  from kronos.job_rows(kronos.find_job(%(job)s)) as job
  left join lateral kronos.check_ledger(job.job_id, kronos.now() - interval '24 hours',
                                        kronos.now()) as ledger on true
 where job.workspace_id = kronos.current_workspace_id();
