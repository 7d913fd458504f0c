-- Alert rules of a workspace: whether the runs that a rule selects break its condition, judged for each job
-- (per JOB) or for all of them together (per ALL). condition has the form that the API accepts.
create table kronos.alert_rules (
    rule_id         uuid        not null default gen_random_uuid(),
    workspace_id    uuid        not null,
    name            text        not null,
    version         integer     not null default 1,
    is_enabled      boolean     not null default true,
    severity        text        not null default 'ERROR',
    selector        text        not null default 'WORKSPACE',
    selected        text,                            -- the name of the selected object
    per             text        not null default 'JOB',
    condition       jsonb       not null,
    says_recovered  boolean     not null default true,
    repeat_seconds  integer,                         -- an unacknowledged incident is reported again
    tell            uuid[]      not null default '{}',       -- the endpoints that are notified
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    -- the position up to which the jobs that a NO_SUCCESS waits for have been enrolled (enroll_jobs)
    enrolled_at     timestamptz not null default '-infinity',
    enrolled_id     uuid        not null default '00000000-0000-0000-0000-000000000000',
    -- from the sequence below, which also tells every ending run that rules exist (is_alerted)
    number          bigint      not null,
    constraint alert_rules_pkey              primary key (rule_id),
    constraint alert_rules_in_workspace_key  unique (workspace_id, rule_id),
    constraint alert_rules_name_taken        unique (workspace_id, name),
    constraint alert_rules_workspace_id_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint alert_rules_name_shape        check (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62})$'),
    constraint alert_rules_severity_known    check (severity in ('INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    constraint alert_rules_selector_known
        check (selector in ('WORKSPACE', 'JOB', 'TAG', 'ENDPOINT', 'HEARTBEAT')),
    constraint alert_rules_selected_is_named
        check (case selector when 'WORKSPACE' then selected is null
                             when 'HEARTBEAT' then true
                             else selected is not null end),
    constraint alert_rules_per_known         check (per in ('JOB', 'ALL')),
    constraint alert_rules_one_is_itself     check (per = 'JOB' or selector not in ('JOB', 'HEARTBEAT')),
    constraint alert_rules_repeat_bounded    check (repeat_seconds between 60 and 2678400),
    constraint alert_rules_tell_bounded      check (cardinality(tell) <= 10),
    constraint alert_rules_condition_is_sound check (coalesce(case condition ->> 'type'
        when 'FAILURES'     then (condition ->> 'count')::integer between 1 and 1000
        when 'MISSED'       then (condition ->> 'count')::integer between 1 and 1000
        when 'FAILURE_RATE' then (condition ->> 'percent')::integer between 1 and 100
                                 and (condition ->> 'min_runs')::integer between 1 and 100000
                                 and case when condition ->> 'window_seconds' is null
                                          then (condition ->> 'runs')::integer between 2 and 100
                                          else (condition ->> 'window_seconds')::integer
                                               between 60 and 86400 end
        when 'LATE'         then (condition ->> 'seconds')::integer between 1 and 604800
        when 'NO_SUCCESS'   then (condition ->> 'seconds')::integer between 60 and 31622400
        when 'RUNNING'      then case when condition ->> 'factor' is null
                                      then (condition ->> 'seconds')::integer between 1 and 604800
                                      else (condition ->> 'factor')::numeric between 1.1 and 100
                                           and coalesce((condition ->> 'seconds')::integer
                                                        between 1 and 604800, true) end
        end, false))
);
-- Drawn with each rule. A sequence, because its value is visible immediately, even to open transactions and
-- old snapshots, and reading it is no statement.
create sequence kronos.alert_rules_made as bigint owned by kronos.alert_rules.number;
alter table kronos.alert_rules alter column number set default nextval('kronos.alert_rules_made');
-- Serves list_alert_rules.
create index alert_rules_newest on kronos.alert_rules (workspace_id, created_at desc, rule_id desc);

-- The ends in workspaces that have rules, since evaluate_alerts last ran: one row per statement and
-- workspace, written by note_ends in the transaction of the end, and read once. For a HEARTBEAT the first
-- id is its own.
create table kronos.alert_ends (
    end_id         bigint      not null generated by default as identity,
    workspace_id   uuid        not null,
    kind           text        not null default 'JOB',
    name           text,                             -- of a HEARTBEAT
    subject_ids    uuid[]      not null,             -- the job's versions
    execution_ids  uuid[],
    endpoint_ids   uuid[],
    statuses       text[]      not null,
    late_seconds   integer[],                        -- from when it was due to when it began
    ran_seconds    integer[],
    ended_at       timestamptz not null default now(),
    constraint alert_ends_pkey       primary key (end_id),
    constraint alert_ends_kind_known check (kind in ('JOB', 'HEARTBEAT'))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_threshold = -1);

-- The state that a rule keeps for one of its subjects: a job by its first version, a heartbeat by its id or,
-- per ALL, all together by the rule's id. There is no row if nothing is wrong, except for the conditions that
-- need all runs (FAILURE_RATE, NO_SUCCESS). Written only by evaluate_alerts, and deleted with the rule.
create table kronos.alert_states (
    rule_id       uuid        not null,
    subject_id    uuid        not null,
    workspace_id  uuid        not null,
    kind          text        not null,
    name          text,
    streak        integer     not null default 0,    -- breaches in a row, up to 1,000
    peak          integer     not null default 0,    -- the most of them since it was last judged
    outcomes      text        not null default '',   -- of the latest runs: B broke the rule, O did not
    seconds       integer,                           -- the last breach: how late, or how long
    base_at       timestamptz,                       -- the start from which NO_SUCCESS counts
    stuck_at      timestamptz,                       -- when it was last seen waiting or running too long
    execution_id  uuid,                              -- the last breach
    since         timestamptz,                       -- the first of them
    incident_id   uuid,                              -- while it is open
    due_at        timestamptz,                       -- when it is judged next; null: when something ends
    constraint alert_states_pkey      primary key (rule_id, subject_id),
    constraint alert_states_rule_fkey foreign key (workspace_id, rule_id)
        references kronos.alert_rules (workspace_id, rule_id) on delete cascade
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
-- Serves judge_states.
create index alert_states_due on kronos.alert_states (due_at) where due_at is not null;
-- Serves find_stuck: runs that waited or ran too long at the last check.
create index alert_states_stuck on kronos.alert_states (stuck_at) where stuck_at is not null;
-- Serves the deletion of a workspace.
create index alert_states_of_workspace on kronos.alert_states (workspace_id);

-- Runs and failures of a subject of a FAILURE_RATE over its window: twelve buckets, and one more.
create table kronos.alert_counts (
    rule_id       uuid        not null,
    subject_id    uuid        not null,
    bucket_at     timestamptz not null,
    workspace_id  uuid        not null,
    runs          integer     not null,
    failures      integer     not null,
    constraint alert_counts_pkey      primary key (rule_id, subject_id, bucket_at),
    constraint alert_counts_rule_fkey foreign key (workspace_id, rule_id)
        references kronos.alert_rules (workspace_id, rule_id) on delete cascade
) with (fillfactor = 70);
-- Serves evaluate_alerts, which deletes buckets that no window reaches any more.
create index alert_counts_by_age on kronos.alert_counts (bucket_at);
create index alert_counts_of_workspace on kronos.alert_counts (workspace_id);

-- One row for each time that a subject broke a rule, from then until it is over. Its description of the rule
-- and the subject never changes. say: the message that evaluate_alerts has yet to send to the rule's
-- endpoints.
create table kronos.incidents (
    incident_id      uuid        not null default gen_random_uuid(),
    workspace_id     uuid        not null,
    rule_id          uuid        not null,
    rule             text        not null,
    severity         text        not null,
    condition        jsonb       not null,
    kind             text        not null,
    subject_id       uuid        not null,
    subject          text,                           -- its name
    status           text        not null default 'OPEN',
    detail           text        not null,
    execution_id     uuid,                           -- the last run that broke it
    opened_at        timestamptz not null default now(),
    resolved_at      timestamptz,
    resolution       text,
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    note             text,
    snoozed_until    timestamptz,
    snoozed_by       text,
    say              text,
    said_at          timestamptz,
    times_said       integer     not null default 0,
    repeat_at        timestamptz,                    -- when it is reported again
    constraint incidents_pkey             primary key (incident_id),
    constraint incidents_workspace_id_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint incidents_status_known     check (status in ('OPEN', 'ACKNOWLEDGED', 'RESOLVED')),
    constraint incidents_end_is_known     check ((status = 'RESOLVED') = (resolved_at is not null)
                                                 and (status = 'RESOLVED') = (resolution is not null)),
    constraint incidents_resolution_known
        check (resolution in ('RECOVERED', 'SUBJECT_GONE', 'RULE_CHANGED', 'RULE_DELETED')),
    constraint incidents_say_known        check (say in ('OPENED', 'REPEATED', 'RESOLVED')),
    constraint incidents_note_bounded     check (char_length(note) <= 1000)
) with (fillfactor = 70);
-- One per rule and subject while it lasts.
create unique index incidents_one_open on kronos.incidents (rule_id, subject_id) where status <> 'RESOLVED';
-- Serve list_incidents, and the incidents of a job.
create index incidents_newest on kronos.incidents (workspace_id, opened_at desc, incident_id desc);
create index incidents_open on kronos.incidents (workspace_id, opened_at desc, incident_id desc)
    where status <> 'RESOLVED';
create index incidents_of_subject on kronos.incidents (subject_id, opened_at desc);
-- Serve evaluate_alerts.
create index incidents_to_say on kronos.incidents (rule_id) where say is not null;
create index incidents_to_repeat on kronos.incidents (repeat_at) where repeat_at is not null;
-- Serves retain_alerts.
create index incidents_by_end on kronos.incidents (resolved_at) where resolved_at is not null;

-- The notifications of incidents: each is a delivery to an endpoint, an execution with this id. The execution
-- is created with this row or, if another session has the endpoint's row locked, by a later evaluation. No
-- rule counts it.
create table kronos.alert_notifications (
    execution_id  uuid        not null,
    workspace_id  uuid        not null,
    rule_id       uuid        not null,
    rule          text        not null,
    event         text        not null,
    endpoint_id   uuid        not null,
    incident_ids  uuid[]      not null,              -- the first thousand
    input         jsonb,                             -- of an execution that is still to be created
    made_at       timestamptz not null default now(),
    due_at        timestamptz,
    constraint alert_notifications_pkey        primary key (execution_id),
    constraint alert_notifications_event_known check (event in ('OPENED', 'REPEATED', 'RESOLVED')),
    constraint alert_notifications_due_is_whole check ((due_at is null) = (input is null))
);
-- Serves queue_notifications.
create index alert_notifications_due on kronos.alert_notifications (due_at) where due_at is not null;
-- Serves list_incidents (which deliveries reported an incident), and the deletion of a workspace.
create index alert_notifications_of_rule on kronos.alert_notifications (rule_id, execution_id);
create index alert_notifications_of_workspace on kronos.alert_notifications (workspace_id);
