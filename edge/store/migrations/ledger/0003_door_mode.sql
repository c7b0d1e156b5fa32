-- The mode each door was left in, written with the fact that changed it (ADR 0036).
create table door_mode (
    access_point text primary key,
    mode text not null
);
