create table denied (
    pass_id text primary key,
    pass_version integer not null,
    state text not null,
    noted_ms integer not null
)
