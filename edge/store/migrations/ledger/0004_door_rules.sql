create table door_rule (
    name text primary key,
    value text not null
)
