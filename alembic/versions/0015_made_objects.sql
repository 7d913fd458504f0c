create table kronos.made_objects (
    object  text   not null,
    state   jsonb  not null,
    constraint made_objects_pkey primary key (object)
);
