alter type kronos.schedule
    add attribute every_days    integer,
    add attribute every_months  integer,
    add attribute anchor_local  timestamp;

alter table kronos.jobs
    add column anchor_local  timestamp,
    add column run_at_local  timestamp,
    drop constraint jobs_dst_gap_known,
    drop constraint jobs_schedule_is_whole,
    drop constraint jobs_delayed_has_run_at,
    add constraint jobs_schedule_is_whole    check ((trigger = 'CRON') = (num_nonnulls(cron, every) = 1)
                                                and num_nonnulls(anchor, anchor_local) = num_nonnulls(every)
                                                and (trigger = 'CRON' or run_at_local is not null) = (timezone is not null)
                                                and (trigger = 'CRON') = (schedule is distinct from null)
                                                and (trigger = 'CRON') = (alarm is not null)
                                                and (trigger = 'CRON') = (description is not null)),
    add constraint jobs_delayed_has_run_at   check ((trigger = 'DELAYED') = (run_at is not null) and (run_at_local is null or trigger = 'DELAYED')),
    add constraint jobs_dst_gap_known        check (dst_gap in ('SHIFT', 'SHIFT_BY_GAP', 'SKIP'));
create index jobs_local_one_shots on kronos.jobs (timezone) where run_at_local is not null and status = 'ACTIVE';
