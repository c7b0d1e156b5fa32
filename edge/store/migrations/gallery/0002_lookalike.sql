create table lookalike (
    one text not null,
    other text not null,
    primary key (one, other),
    check (one < other)
)
