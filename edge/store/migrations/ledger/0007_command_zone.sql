-- A zone's command is carried out at several doors of one node, each with a result of its own.
create table command_by_door (
    n integer primary key autoincrement,
    id text not null,
    kid text not null,
    ctr integer not null,
    door text not null,
    zone text not null default '',
    op text not null,
    issuer text not null,
    second text not null default '',
    at_ms integer not null,
    state text not null,
    why text not null default '',
    mode text not null default '',
    seq integer not null default 0,
    unique (id, door),
    unique (kid, ctr, door)
);
insert into command_by_door (n, id, kid, ctr, door, op, issuer, at_ms, state, why, mode, seq)
    select n, id, kid, ctr, door, op, issuer, at_ms, state, why, mode, seq from command;
drop table command;
alter table command_by_door rename to command;
