-- What was agreed in cases, sealed under the case's key, with the leaf that commits to it. How an
-- agreement stands, its term included, is in the dossier.
create table agreement (
    id blob primary key,
    case_id blob not null references cases (id),
    at integer not null,
    sealed_key blob not null,
    document blob not null,
    commitment blob not null,
    leaf integer not null
) strict, without rowid;

create index agreement_case on agreement (case_id);
create index agreement_leaf on agreement (leaf);

-- What coordinators must hear need not be about a task: SQLite only learns that in a new table.
create table regie_telling (
    seq integer primary key,
    case_id blob not null references cases (id),
    task_id blob,
    kind text not null,
    question text,
    partner text,
    by_moment integer not null,
    urgent integer not null,
    at integer not null,
    sent_at integer
) strict;

insert into regie_telling
    (seq, case_id, task_id, kind, question, partner, by_moment, urgent, at, sent_at)
    select seq, case_id, task_id, kind, question, partner, by_moment, urgent, at, sent_at
    from regie_notice;

drop table regie_notice;
alter table regie_telling rename to regie_notice;

create index regie_notice_open on regie_notice (seq) where sent_at is null;
