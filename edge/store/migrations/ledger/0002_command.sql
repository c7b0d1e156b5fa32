create table command (
    n integer primary key autoincrement,
    id text not null unique,
    kid text not null,
    ctr integer not null,
    door text not null,
    op text not null,
    issuer text not null,
    at_ms integer not null,
    state text not null,
    why text not null default '',
    mode text not null default '',
    seq integer not null default 0,
    unique (kid, ctr)
);
create table command_floor (
    kid text primary key,
    ctr integer not null
)
