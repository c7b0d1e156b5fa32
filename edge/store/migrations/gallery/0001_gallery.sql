create table template (
    template_ref text primary key,
    pass_id text not null,
    version integer not null,
    not_after_ms integer not null,
    sealed blob not null
);
create index template_by_pass on template (pass_id);
create table meta (
    one integer primary key check (one = 1),
    version integer not null
);
insert into meta values (1, 0)
