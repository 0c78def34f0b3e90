-- Where an operator said that a partner is back: hubs that see another generation than before
-- close their breaker.
create table unblock (
    partner text primary key,
    generation integer not null,
    at integer not null,
    by_whom text not null,
    why text not null
) strict;
