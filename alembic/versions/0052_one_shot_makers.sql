-- Who made a one-shot stands in its row: null of what nobody makes (ticks), and of what the release before made.
alter table kronos.execution_live add column created_by jsonb;
alter table kronos.execution_done add column created_by jsonb;
