create table slot (
    slot integer primary key check (slot in (0, 1)),
    auth_ver integer not null,
    root text not null,
    applied_ms integer not null,
    rows blob not null
);
create table floor (
    one integer primary key check (one = 1),
    auth_ver integer not null,
    issued_ms integer not null,
    lease_until_ms integer not null,
    erase_ver integer not null,
    wall_floor_ms integer not null
);
insert into floor values (1, 0, 0, 0, 0, 0);
create table code_memory (
    cred_id text primary key,
    memory text not null
)
