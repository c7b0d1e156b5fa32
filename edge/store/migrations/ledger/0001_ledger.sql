create table event (
    seq integer primary key autoincrement,
    body blob,
    d blob not null,
    h blob not null
);
create table meta (
    one integer primary key check (one = 1),
    epoch text not null,
    acked integer not null default 0,
    sink_gen text not null default ''
)
