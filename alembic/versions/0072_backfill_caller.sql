alter table kronos.backfills add column caller jsonb;
