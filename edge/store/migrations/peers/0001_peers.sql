create table meta (
    one integer primary key check (one = 1),
    roster_ver integer not null
);
insert into meta values (1, 0);
create table peer (
    node text primary key,
    device_key blob not null,
    sealing_key blob not null,
    doors text not null,
    fingerprint text not null
);
create table trusted (
    node text primary key,
    fingerprint text not null,
    by text not null,
    reason text not null,
    at_ms integer not null
);
create table sent (
    template_ref text not null,
    node text not null,
    state text not null,
    why text not null,
    primary key (template_ref, node)
);
create table taken (
    template_ref text primary key,
    pass_id text not null,
    envelope text not null,
    sender text not null
);
create table erased (
    pass_id text primary key,
    pass_version integer not null,
    at_ms integer not null
)
