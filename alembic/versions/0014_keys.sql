alter table kronos.api_keys add column kept_in text;
