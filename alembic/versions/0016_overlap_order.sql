create sequence kronos.overlap_nth;
alter table kronos.pointers add column runs_from bigint not null default 0;
alter table kronos.execution_live add column overlap_nth bigint;
update kronos.execution_live set overlap_nth = nextval('kronos.overlap_nth') where overlap_key is not null;
alter table kronos.execution_live add constraint execution_live_overlap_is_whole check ((overlap_key is null) = (overlap_nth is null));

drop index kronos.execution_live_by_overlap, kronos.execution_live_held, kronos.execution_live_one_at_a_time;
create index execution_live_by_overlap on kronos.execution_live (overlap_key, overlap_nth) where overlap_key is not null;
create index execution_live_held on kronos.execution_live (overlap_key, overlap_nth) where visible_at = 'infinity';

alter table kronos.heartbeats add column waiting_from timestamptz not null default '-infinity';
