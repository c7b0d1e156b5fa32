create table taking (
    pass_id text primary key,
    envelope text not null,
    sender text not null,
    made_ms integer not null
)
