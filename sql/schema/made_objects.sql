-- The functions, views, table privileges, policies and triggers as the latest `kronos migrate` left them,
-- except their text. An object that differs was changed by hand, and the next migrate corrects it. A few
-- hundred rows, written only by an upgrade.
create table kronos.made_objects (
    object  text   not null,      -- in PostgreSQL's notation: function kronos.fire(uuid)
    state   jsonb  not null,      -- the expected properties, by name
    constraint made_objects_pkey primary key (object)
);
