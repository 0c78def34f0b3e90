-- Who saw the content of an entry of quarantine, and why; committed before it is handed out.
create table reveal (
    seq integer primary key,
    quarantine_id blob not null references quarantine (id),
    by_whom text not null,
    why text not null,
    at integer not null,
    leaf integer not null
) strict;

create index reveal_entry on reveal (quarantine_id, seq);
