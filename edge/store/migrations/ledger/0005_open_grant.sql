-- Grants without an end yet, written with the fact that gave them and dropped with the one that ends them.
create table open_grant (
    grant_id text primary key,
    fact text not null
);
