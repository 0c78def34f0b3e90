-- Filters of lists that somebody keeps: the query of an address, which has codes only. They are
-- of one person and say nothing about a case, so that no leaf tells of them.
create table saved_filter (
    account_id blob not null references account (id),
    page text not null,
    name text not null,
    query text not null,
    primary key (account_id, page, name)
) strict, without rowid;
