-- Who may use the console. A password only as its Argon2id hash; null where somebody has none.
create table account (
    id blob primary key,
    login text not null unique,
    name text not null,
    roles text not null,
    themes text not null,
    password text,
    -- A password that another made must be changed first.
    must_change integer not null,
    added_at integer not null,
    closed_at integer
) strict, without rowid;

-- What changed about accounts, and who did it.
create table account_change (
    seq integer primary key,
    account_id blob not null references account (id),
    at integer not null,
    code text not null,
    by_whom text not null,
    why text not null,
    leaf integer not null
) strict;

create index account_change_account on account_change (account_id, seq);

-- Who is logged in: the hash of the secret in the cookie.
create table session (
    hash blob primary key,
    account_id blob not null references account (id),
    born_at integer not null,
    seen_at integer not null
) strict, without rowid;

create index session_account on session (account_id);
create index session_seen on session (seen_at);

-- Logins that failed, under a keyed hash of the name and of the address.
create table login_failure (
    key blob primary key,
    failures integer not null,
    last_at integer not null
) strict, without rowid;

create index login_failure_last on login_failure (last_at);

-- Who works on a case.
create table case_person (
    case_id blob not null references cases (id),
    account_id blob not null references account (id),
    since integer not null,
    primary key (case_id, account_id)
) strict, without rowid;

create index case_person_account on case_person (account_id);

-- Fields of messages that somebody saw unmasked, and why; committed before they are shown.
create table field_reveal (
    seq integer primary key,
    case_id blob not null references cases (id),
    message_id blob not null,
    field text not null,
    by_whom text not null,
    account_id blob not null,
    why text not null,
    at integer not null,
    leaf integer not null
) strict;

create index field_reveal_message on field_reveal (message_id, seq);
create index field_reveal_account on field_reveal (account_id, at);
create index field_reveal_at on field_reveal (at);
