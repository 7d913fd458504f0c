-- What the newest `kronos migrate` left of functions, views, tables' rights, policies and triggers, but for
-- their text: where what is there differs, it was changed by hand, and the next migrate puts it right. A few
-- hundred rows, written by an upgrade alone.
create table kronos.made_objects (
    object  text   not null,      -- as PostgreSQL names it: function kronos.fire(uuid)
    state   jsonb  not null,      -- what is held against it, by name
    constraint made_objects_pkey primary key (object)
);
