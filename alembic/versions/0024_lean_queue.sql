alter index kronos.execution_live_pkey set (fillfactor = 45);
alter index kronos.execution_live_by_job set (fillfactor = 45);
alter index kronos.execution_live_one_shots set (fillfactor = 45);
alter table kronos.execution_done
    add column attempt_token uuid,
    add column attempt_ms integer,
    add column attempt_request jsonb;
