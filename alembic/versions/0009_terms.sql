alter table kronos.jobs
    drop constraint jobs_dst_gap_known,
    add constraint jobs_dst_gap_known        check (dst_gap in ('SHIFT', 'SHIFT_BY_GAP', 'SKIP'));
