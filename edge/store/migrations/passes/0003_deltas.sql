create table delta (
    auth_ver integer primary key,
    since integer not null,
    root text not null,
    gone text not null,
    rows blob not null
);
alter table denied add column auth_ver integer not null default 0
