-- is_alerted: whether there has ever been a rule that may raise an alert, in any workspace. Inlined, and no
-- statement: 0.5 us. It does not go by the caller's snapshot: from the instant at which the first rule is
-- being made each end is looked at (note_finished).
create or replace function kronos.is_alerted() returns boolean
language sql volatile
return pg_catalog.pg_sequence_last_value('kronos.alert_rules_made'::regclass) is not null;
