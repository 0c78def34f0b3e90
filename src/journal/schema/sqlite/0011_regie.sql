-- Cases as regie sees them: a document for each, and what lists and the clock look for in it.
-- Nothing here is personal: codes, partners and moments.

-- Until when a place or a person leads to a case; null for what always does.
alter table correlation add column until integer;

create table dossier (
    case_id blob primary key references cases (id),
    document text not null,
    phase text not null,
    theme text,
    area text,
    lasting integer not null,
    opened_at integer not null,
    closed_at integer,
    due_at integer,
    changed_at integer not null,
    erase_at integer,
    legal_hold integer not null default 0,
    merged_into blob
) strict, without rowid;

create index dossier_due on dossier (due_at) where due_at is not null;
create index dossier_erase on dossier (erase_at) where erase_at is not null;
create index dossier_merged on dossier (merged_into) where merged_into is not null;
create index dossier_rest on dossier (changed_at) where due_at is null;
create index dossier_phase on dossier (phase, changed_at);
create index dossier_opened on dossier (opened_at);

-- Plans that cases run under, as they were when these opened.
create table plan (
    digest blob primary key,
    document blob not null
) strict, without rowid;

-- Tasks of open and of ended cases. `due_at` is the term that matters now; null where it ended.
create table task (
    id blob primary key,
    case_id blob not null references cases (id),
    step text,
    action text not null,
    partner text,
    question text,
    state text not null,
    urgent integer not null,
    asked_at integer not null,
    received_at integer,
    accepted_at integer,
    ended_at integer,
    received_by integer not null,
    accepted_by integer not null,
    done_by integer not null,
    due_at integer,
    reason text,
    result text
) strict, without rowid;

create index task_case on task (case_id);
create index task_due on task (due_at) where due_at is not null;
create index task_partner on task (partner, due_at) where due_at is not null;
create index task_asked on task (asked_at);

-- Which message asked which task.
create table request (
    message_id blob primary key references inbox (id),
    task_id blob not null,
    case_id blob not null
) strict, without rowid;

create index request_task on request (task_id);
create index request_case on request (case_id);

-- What happened in a case, in order. `by_whom` and `why` where a person decided it, with its leaf.
create table timeline (
    seq integer primary key,
    case_id blob not null references cases (id),
    at integer not null,
    code text not null,
    task_id blob,
    partner text,
    detail text,
    by_whom text,
    why text,
    leaf integer
) strict;

create index timeline_case on timeline (case_id, seq);
create index timeline_leaf on timeline (leaf) where leaf is not null;

-- What coordinators must hear. `sent_at` once it went.
create table regie_notice (
    seq integer primary key,
    case_id blob not null references cases (id),
    task_id blob not null,
    kind text not null,
    question text,
    partner text,
    by_moment integer not null,
    urgent integer not null,
    at integer not null,
    sent_at integer
) strict;

create index regie_notice_open on regie_notice (seq) where sent_at is null;
