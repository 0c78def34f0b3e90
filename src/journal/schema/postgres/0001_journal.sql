-- The journal, as SQLite has it: ids are 16 bytes, times are microseconds since 1970, documents
-- are sealed. What differs is what many hubs at once ask for: numbers come from sequences, and
-- leaves without a number have a list of their own. What every message writes has no foreign keys:
-- each costs the server a query for every row, and the writer names only rows that it wrote in the
-- same transaction or holds the lock of, of tables from which nothing is ever deleted.

create table meta (
    name text primary key,
    value bytea not null
);

create table cases (
    id bytea primary key,
    number text not null unique,
    usage text not null,
    theme text,
    opened_at bigint not null,
    erased_at bigint,
    -- When the retention of a signal that stands by itself is looked at; null for what is directed,
    -- erased or kept.
    erase_at bigint,
    legal_hold bigint not null default 0
);

create index cases_erase on cases (erase_at) where erase_at is not null;

-- The cases in which a person occurs, by the keyed hash of the BSN, for as long as the case has its
-- content. A likeness in `correlation` leads to the last case only, and ends with its window.
create table person (
    key bytea not null,
    case_id bytea not null,
    since bigint not null,
    primary key (key, case_id)
);

create index person_case on person (case_id);

-- Keyed hash of a way to find a case again.
create table correlation (
    key bytea primary key,
    case_id bytea not null,
    -- Until when a place or a person leads to it; null for what always does.
    until bigint
);

create index correlation_case on correlation (case_id);

-- `key` is the keyed hash of partner and external id. It is permanent: never pruned, so that a
-- message that comes again years later is still recognised.
create table inbox (
    seq bigserial primary key,
    id bytea not null unique,
    public_id bytea not null unique,
    key bytea not null unique,
    content bytea not null,
    partner text not null,
    case_id bytea not null,
    leaf bigint not null,
    kind text not null,
    effect text not null,
    usage text not null,
    theme text,
    urgent bigint not null,
    channel text not null,
    media_type text,
    received_at bigint not null,
    catalogue bytea not null,
    sealed_key bytea not null,
    names bytea not null,
    native bytea not null,
    canonical bytea not null,
    commitment bytea not null
);

-- What is sealed does not get smaller, so nobody should try.
alter table inbox alter column native set storage external;
alter table inbox alter column canonical set storage external;

create index inbox_case on inbox (case_id, partner);
create index inbox_leaf on inbox (leaf);
create index inbox_partner on inbox (partner, received_at, seq);
create index inbox_moment on inbox (received_at, seq);

-- `seq` orders what was made, `position` the lane: a parcel that replaces another takes its place.
-- `head` is 1 for the oldest unsettled parcel of a lane, as long as it may be sent. Whoever
-- changes parcels of a case holds the lock of its row in `cases`.
create table outbox (
    seq bigserial primary key,
    id bytea not null unique,
    message_id bytea not null,
    case_id bytea not null,
    recipient text not null,
    position bigint not null,
    leaf bigint not null,
    kind text not null,
    usage text not null,
    urgent bigint not null,
    answer bigint not null,
    gap bigint not null,
    made_at bigint not null,
    catalogue bytea not null,
    media_type text not null,
    detail text not null,
    sealed_key bytea not null,
    document bytea not null,
    digest bytea not null,
    commitment bytea not null,
    state text not null,
    stage text not null,
    stage_reason text,
    head bigint not null,
    attempts bigint not null,
    next_attempt_at bigint not null,
    lease_token bytea
) with (fillfactor = 90);

alter table outbox alter column document set storage external;

create index outbox_lane on outbox (case_id, recipient, position, state);
create index outbox_unconfirmed on outbox (recipient, seq)
    where state = 'klaar' and stage = 'klaargezet';
create index outbox_message on outbox (message_id);
create index outbox_leaf on outbox (leaf);
create index outbox_due on outbox (recipient, urgent, next_attempt_at) where head = 1;
create index outbox_waiting on outbox (recipient, made_at) where state = 'wacht';

-- At the end of its lane, unless it takes another's place.
create function outbox_place() returns trigger language plpgsql as $$
begin
    new.position := coalesce(new.position, new.seq);
    return new;
end $$;
create trigger outbox_placed before insert on outbox
    for each row execute function outbox_place();

-- Hubs that may hold leases. `id` is the first half of their tokens, and `beat` grows as long as
-- the hub is there.
create table hub (
    id bytea primary key,
    beat bigint not null
);

create table attempt (
    seq bigserial primary key,
    parcel_id bytea not null,
    at bigint not null,
    outcome text not null,
    leaf bigint not null
);

create index attempt_parcel on attempt (parcel_id);
create index attempt_leaf on attempt (leaf);

-- What could not be processed or delivered. `holder` is under whose key the document is sealed.
create table quarantine (
    seq bigserial primary key,
    id bytea not null unique,
    direction text not null,
    partner text,
    reason text not null,
    detail text not null,
    named bigint not null,
    at bigint not null,
    channel text,
    media_type text,
    case_id bytea,
    message_id bytea,
    parcel_id bytea,
    holder bytea,
    sealed_key bytea,
    document bytea,
    commitment bytea,
    leaf bigint,
    state text not null,
    closed_at bigint,
    closed_by text,
    closed_why text
);

create index quarantine_leaf on quarantine (leaf) where leaf is not null;
create index quarantine_state on quarantine (state, seq);
create index quarantine_incoming on quarantine (partner, reason)
    where state = 'open' and direction = 'inkomend';
create index quarantine_open_partner on quarantine (partner, at, seq) where state = 'open';
create index quarantine_open_reason on quarantine (reason, at, seq) where state = 'open';
create index quarantine_moment on quarantine (state, at, seq);
create index quarantine_message on quarantine (message_id) where message_id is not null;
create index quarantine_parcel on quarantine (parcel_id) where parcel_id is not null;
create index quarantine_holder on quarantine (holder) where holder is not null;
create index quarantine_case on quarantine (case_id) where case_id is not null;

-- Who saw the content of an entry of quarantine, and why; committed before it is handed out.
create table reveal (
    seq bigserial primary key,
    quarantine_id bytea not null references quarantine (id),
    by_whom text not null,
    why text not null,
    at bigint not null,
    leaf bigint not null
);

create index reveal_entry on reveal (quarantine_id, seq);

-- Evidence. `data` is the encoded leaf, exactly the bytes that are hashed into the tree.
create table leaf (
    id bigint primary key,
    subject bytea not null,
    partner text,
    data bytea not null
);

create index leaf_subject on leaf (subject);

-- Ids of leaves are taken in blocks of this size, because rows name a leaf before it is written.
create sequence leaf_block increment by 16777216 minvalue 0 start with 0;

create function no_change() returns trigger language plpgsql as $$
begin
    raise exception '% is never changed or deleted', tg_table_name;
end $$;
create trigger leaf_stays before update or delete on leaf
    for each row execute function no_change();
create trigger leaf_remains before truncate on leaf
    for each statement execute function no_change();

-- Leaves that have no number yet, written in the transaction of the leaf itself: one that commits
-- late is still here, where the highest number given out would have passed it by.
create table unnumbered (
    seq bigserial primary key,
    leaf bigint not null
);

create function leaf_waits() returns trigger language plpgsql as $$
begin
    insert into unnumbered (leaf) select id from fresh order by id;
    return null;
end $$;
create trigger leaf_comes after insert on leaf referencing new table as fresh
    for each statement execute function leaf_waits();

-- The place of a leaf in the tree, given after its commit by the one sequencer. The partner stands
-- here too, because its log goes by these numbers: ids of leaves are not in the order of commit.
create table numbered (
    number bigint primary key,
    leaf bigint not null unique,
    partner text
);

create index numbered_partner on numbered (partner, number) where partner is not null;

create trigger numbered_stays before update or delete on numbered
    for each row execute function no_change();
create trigger numbered_remains before truncate on numbered
    for each statement execute function no_change();

-- Full tiles of 256 hashes, so that a proof reads a few rows only.
create table tile (
    level bigint not null,
    number bigint not null,
    hashes bytea not null,
    primary key (level, number)
);

create table checkpoint (
    size bigint primary key,
    root bytea not null,
    frontier bytea not null,
    at bigint not null,
    note text not null
);

-- A restored journal goes on in a new series of checkpoints. `statement` says what was left behind,
-- who decided so and why; `leaf` commits to exactly these bytes with `salt`.
create table restart (
    series bigint primary key,
    id bytea not null unique,
    statement bytea not null,
    salt bytea not null,
    leaf bigint not null
);

create table erasure (
    seq bigserial primary key,
    holder bytea not null unique,
    kind text not null,
    asked_by text not null,
    why text not null,
    asked_at bigint not null,
    done_at bigint
);

create index erasure_open on erasure (seq) where done_at is null;

-- Erasures that one person asks for and another decides. `until` is when a request lapses.
create table erasure_request (
    number bigserial primary key,
    kind text not null,
    asked_by text not null,
    why text not null,
    asked_at bigint not null,
    until bigint not null,
    state text not null,
    decided_by text,
    decided_why text,
    decided_at bigint
);

create index erasure_request_open on erasure_request (number) where state = 'wacht';

-- What a request is about, as it was when it was made; of a person only the cases. `outcome` is
-- what became of it, `notice` the case in which its recipients hear of it.
create table erasure_item (
    request bigint not null references erasure_request (number),
    holder bytea not null,
    kind text not null,
    outcome text,
    notice bytea,
    primary key (request, holder)
);

create index erasure_item_holder on erasure_item (holder);
create index erasure_item_notice on erasure_item (notice) where notice is not null;

create table suspension (
    partner text primary key,
    since bigint not null,
    by_whom text not null,
    why text not null
);

create table credential (
    id bytea primary key,
    partner text not null,
    hash bytea not null unique,
    label text not null,
    added_at bigint not null,
    revoked_at bigint
);

create index credential_partner on credential (partner);

create table secret (
    id bytea primary key,
    partner text not null,
    sealed bytea not null,
    added_at bigint not null,
    revoked_at bigint
);

create index secret_partner on secret (partner);

create table activation (
    seq bigserial primary key,
    id bytea not null unique,
    catalogue bytea not null,
    asked_by text not null,
    approved_by text,
    widens bigint not null,
    note text not null,
    -- `actief`, `voorgesteld`, `geweigerd`, or `schaduw`: only tried on traffic of before.
    state text not null,
    at bigint not null,
    decided_at bigint,
    leaf bigint not null,
    refused_by text,
    refused_why text
);

-- Who sent a test message to a partner, and why; written before it goes.
create table test_message (
    seq bigserial primary key,
    partner text not null,
    at bigint not null,
    by_whom text not null,
    why text not null
);

create index test_message_partner on test_message (partner, seq);

-- The files of a set of configuration that was activated or proposed, as one JSON document: a hub
-- works under the active set whatever became of the folder it came from.
create table set_files (
    catalogue bytea primary key,
    files bytea not null,
    at bigint not null
);

-- What is wrong. An alarm threatens (`dreigt`) until it held long enough, then it is `open`, and
-- `voorbij` when it was clear long enough. `clear_at` is since when it is clear; `amount` the worst
-- that was seen; the notices are those that told of its start and of its end.
create table alarm (
    id bytea primary key,
    condition text not null,
    subject text not null,
    state text not null,
    since bigint not null,
    seen_at bigint not null,
    clear_at bigint,
    amount bigint not null,
    started_at bigint,
    ended_at bigint,
    start_notice bytea,
    end_notice bytea
);

create unique index alarm_present on alarm (condition, subject) where state <> 'voorbij';
create index alarm_untold on alarm (id) where end_notice is null;
create index alarm_ended on alarm (ended_at) where ended_at is not null;

-- A notice, once for each road it goes by. Along a road they go in order.
create table alarm_notice (
    seq bigserial primary key,
    id bytea not null,
    road text not null,
    kind text not null,
    body text not null,
    made_at bigint not null,
    state text not null,
    attempts bigint not null,
    next_attempt_at bigint not null,
    lease_token bytea,
    code text,
    done_at bigint,
    unique (id, road)
);

create index alarm_notice_due on alarm_notice (road, seq) where state = 'wacht';

-- Hubs that watch, by name; `beat` grows as long as the hub is there. One that stops takes its row
-- away, so that a row that stands still is of a hub that was lost.
create table alarm_hub (
    name text primary key,
    beat bigint not null
);

-- Partners whose last attempt failed, and since when that is so.
create table failing (
    partner text primary key,
    since bigint not null
);

-- What came into quarantine lately.
create index quarantine_at on quarantine (at, reason, partner);

-- Jobs of operators over a crowd, with the exact items that each was started for.
create table job (
    seq bigserial primary key,
    id bytea not null unique,
    kind text not null,
    filter text not null,
    rate bigint not null,
    by_whom text not null,
    why text not null,
    made_at bigint not null,
    state text not null,
    changed_at bigint not null,
    total bigint not null,
    cursor_at bigint not null,
    cursor_seq bigint not null,
    lease_token bytea
);

create index job_open on job (seq) where state in ('verzamelt', 'loopt', 'gepauzeerd');

-- `subject` is what only one job may have in hand: a message, or an entry that has none.
create table job_item (
    job_seq bigint not null references job (seq),
    nr bigint not null,
    target bytea not null,
    subject bytea not null,
    outcome text,
    reason text,
    same bigint not null default 0,
    changed bigint not null default 0,
    added bigint not null default 0,
    failed bigint not null default 0,
    at bigint,
    primary key (job_seq, nr)
);

create index job_item_subject on job_item (subject) where outcome is null;

-- Who changed a job and why, each with its leaf.
create table job_event (
    seq bigserial primary key,
    job_seq bigint not null references job (seq),
    at bigint not null,
    state text not null,
    by_whom text not null,
    why text not null,
    counts text not null,
    leaf bigint not null
);

create index job_event_job on job_event (job_seq, seq);
create index job_event_leaf on job_event (leaf);

-- Where an operator said that a partner is back: hubs that see another generation than before
-- close their breaker.
create table unblock (
    partner text primary key,
    generation bigint not null,
    at bigint not null,
    by_whom text not null,
    why text not null
);

-- Cases as regie sees them: a document for each, and what lists and the clock look for in it.
-- Nothing here is personal: codes, partners and moments.


create table dossier (
    case_id bytea primary key,
    document text not null,
    phase text not null,
    theme text,
    area text,
    lasting bigint not null,
    opened_at bigint not null,
    closed_at bigint,
    due_at bigint,
    changed_at bigint not null,
    erase_at bigint,
    legal_hold bigint not null default 0,
    merged_into bytea
);

create index dossier_due on dossier (due_at) where due_at is not null;
create index dossier_erase on dossier (erase_at) where erase_at is not null;
create index dossier_merged on dossier (merged_into) where merged_into is not null;
create index dossier_rest on dossier (changed_at) where due_at is null;
create index dossier_phase on dossier (phase, changed_at);
create index dossier_opened on dossier (opened_at);

-- Plans that cases run under, as they were when these opened.
create table plan (
    digest bytea primary key,
    document bytea not null
);

-- Tasks of open and of ended cases. `due_at` is the term that matters now; null where it ended.
create table task (
    id bytea primary key,
    case_id bytea not null,
    step text,
    action text not null,
    partner text,
    question text,
    state text not null,
    urgent bigint not null,
    asked_at bigint not null,
    received_at bigint,
    accepted_at bigint,
    ended_at bigint,
    received_by bigint not null,
    accepted_by bigint not null,
    done_by bigint not null,
    due_at bigint,
    reason text,
    result text
);

create index task_case on task (case_id);
create index task_due on task (due_at) where due_at is not null;
create index task_partner on task (partner, due_at) where due_at is not null;
create index task_asked on task (asked_at);

-- Which message asked which task.
create table request (
    message_id bytea primary key,
    task_id bytea not null,
    case_id bytea not null
);

create index request_task on request (task_id);
create index request_case on request (case_id);

-- What happened in a case, in order. `by_whom` and `why` where a person decided it, with its leaf.
create table timeline (
    seq bigserial primary key,
    case_id bytea not null,
    at bigint not null,
    code text not null,
    task_id bytea,
    partner text,
    detail text,
    by_whom text,
    why text,
    leaf bigint
);

create index timeline_case on timeline (case_id, seq);
create index timeline_leaf on timeline (leaf) where leaf is not null;

-- What was agreed in cases, sealed under the case's key, with the leaf that commits to it. How an
-- agreement stands, its term included, is in the dossier.
create table agreement (
    id bytea primary key,
    case_id bytea not null,
    at bigint not null,
    sealed_key bytea not null,
    document bytea not null,
    commitment bytea not null,
    leaf bigint not null
);

create index agreement_case on agreement (case_id);
create index agreement_leaf on agreement (leaf);

-- What coordinators must hear. `sent_at` once it went.
create table regie_notice (
    seq bigserial primary key,
    case_id bytea not null,
    task_id bytea,
    kind text not null,
    question text,
    partner text,
    by_moment bigint not null,
    urgent bigint not null,
    at bigint not null,
    sent_at bigint
);

create index regie_notice_open on regie_notice (seq) where sent_at is null;

-- Who may use the console. A password only as its Argon2id hash; null where somebody has none.
create table account (
    id bytea primary key,
    login text not null unique,
    name text not null,
    roles text not null,
    themes text not null,
    password text,
    -- A password that another made must be changed first.
    must_change bigint not null,
    added_at bigint not null,
    closed_at bigint
);

-- What changed about accounts, and who did it.
create table account_change (
    seq bigserial primary key,
    account_id bytea not null,
    at bigint not null,
    code text not null,
    by_whom text not null,
    why text not null,
    leaf bigint not null
);

create index account_change_account on account_change (account_id, seq);

-- Who is logged in: the hash of the secret in the cookie.
create table session (
    hash bytea primary key,
    account_id bytea not null,
    born_at bigint not null,
    seen_at bigint not null
);

create index session_account on session (account_id);
create index session_seen on session (seen_at);

-- Logins that failed, under a keyed hash of the name and of the address.
create table login_failure (
    key bytea primary key,
    failures bigint not null,
    last_at bigint not null
);

create index login_failure_last on login_failure (last_at);

-- Who works on a case.
create table case_person (
    case_id bytea not null,
    account_id bytea not null,
    since bigint not null,
    primary key (case_id, account_id)
);

create index case_person_account on case_person (account_id);

-- Fields of messages that somebody saw unmasked, and why; committed before they are shown.
create table field_reveal (
    seq bigserial primary key,
    case_id bytea not null,
    message_id bytea not null,
    field text not null,
    by_whom text not null,
    account_id bytea not null,
    why text not null,
    at bigint not null,
    leaf bigint not null
);

create index field_reveal_message on field_reveal (message_id, seq);
create index field_reveal_account on field_reveal (account_id, at);
create index field_reveal_at on field_reveal (at);

-- Filters of lists that somebody keeps: the query of an address, which has codes only. They are
-- of one person and say nothing about a case, so that no leaf tells of them.
create table saved_filter (
    account_id bytea not null,
    page text not null,
    name text not null,
    query text not null,
    primary key (account_id, page, name)
);
