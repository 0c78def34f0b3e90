-- The keys of cases and of quarantined documents, each wrapped by the hub's key. Kept apart from
-- the journal, so that backups of it can be short-lived.

create table case_key (
    holder blob primary key,
    epoch integer not null,
    wrapped blob not null
) strict, without rowid;
