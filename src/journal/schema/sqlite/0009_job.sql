-- Jobs of operators over a crowd, with the exact items that each was started for.
create table job (
    seq integer primary key,
    id blob not null unique,
    kind text not null,
    filter text not null,
    rate integer not null,
    by_whom text not null,
    why text not null,
    made_at integer not null,
    state text not null,
    changed_at integer not null,
    total integer not null,
    cursor_at integer not null,
    cursor_seq integer not null,
    lease_token blob
) strict;

create index job_open on job (seq) where state in ('verzamelt', 'loopt', 'gepauzeerd');

-- `subject` is what only one job may have in hand: a message, or an entry that has none.
create table job_item (
    job_seq integer not null references job (seq),
    nr integer not null,
    target blob not null,
    subject blob not null,
    outcome text,
    reason text,
    same integer not null default 0,
    changed integer not null default 0,
    added integer not null default 0,
    failed integer not null default 0,
    at integer,
    primary key (job_seq, nr)
) strict, without rowid;

create index job_item_subject on job_item (subject) where outcome is null;

-- Who changed a job and why, each with its leaf.
create table job_event (
    seq integer primary key,
    job_seq integer not null references job (seq),
    at integer not null,
    state text not null,
    by_whom text not null,
    why text not null,
    counts text not null,
    leaf integer not null
) strict;

create index job_event_job on job_event (job_seq, seq);
create index job_event_leaf on job_event (leaf);

-- Finding a crowd: by partner, by reason, or by moment alone.
create index inbox_moment on inbox (received_at);
create index quarantine_open_partner on quarantine (partner, at) where state = 'open';
create index quarantine_open_reason on quarantine (reason, at) where state = 'open';
create index quarantine_moment on quarantine (state, at);
