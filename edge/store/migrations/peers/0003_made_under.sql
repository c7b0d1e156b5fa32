create table made_under (
    template_ref text primary key,
    pass_version integer not null
)
