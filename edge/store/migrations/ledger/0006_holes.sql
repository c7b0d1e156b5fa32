-- What has left the ledger altogether: per epoch and reason the last seq and the chain hash there (sync.md §2.4).
create table gone (
    epoch text not null,
    hi integer not null,
    h blob not null,
    reason text not null,
    primary key (epoch, hi)
);
-- A ledger that ended with a damaged page: what could be read of it, until the service has it (sync.md §2.5).
create table past (
    epoch text primary key,
    head integer not null,
    acked integer not null,
    sink_gen text not null
);
create table past_event (
    epoch text not null,
    seq integer not null,
    body blob,
    h blob not null,
    primary key (epoch, seq)
);
-- Told with the next facts that are written.
create table untold (
    n integer primary key autoincrement,
    fact text not null
);
create table anchor (
    one integer primary key check (one = 1),
    seq integer not null,
    h blob not null,
    at_ms integer not null
)
