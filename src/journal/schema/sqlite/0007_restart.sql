-- A restored journal goes on in a new series of checkpoints. `statement` says what was left behind,
-- who decided so and why; `leaf` commits to exactly these bytes with `salt`.
create table restart (
    series integer primary key,
    id blob not null unique,
    statement blob not null,
    salt blob not null,
    leaf integer not null
) strict;
