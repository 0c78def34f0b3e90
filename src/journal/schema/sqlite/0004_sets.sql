-- The files of a set of configuration that was activated or proposed, as one JSON document: a hub
-- works under the active set whatever became of the folder it came from.
create table set_files (
    catalogue blob primary key,
    files blob not null,
    at integer not null
) strict;
