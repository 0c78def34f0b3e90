-- The journal. Ids are 16-byte blobs, times are microseconds since 1970, documents are sealed.
-- PostgreSQL has the same tables with uuid, bigint, bytea and without `strict`.

create table meta (
    name text primary key,
    value blob not null
) strict;

create table cases (
    id blob primary key,
    number text not null unique,
    usage text not null,
    theme text,
    opened_at integer not null,
    erased_at integer
) strict, without rowid;

-- Keyed hash of a way to find a case again.
create table correlation (
    key blob primary key,
    case_id blob not null references cases (id)
) strict, without rowid;

create index correlation_case on correlation (case_id);

-- `key` is the keyed hash of partner and external id. It is permanent: never pruned, so that a
-- message that comes again years later is still recognised.
create table inbox (
    seq integer primary key,
    id blob not null unique,
    public_id blob not null unique,
    key blob not null unique,
    content blob not null,
    partner text not null,
    case_id blob not null references cases (id),
    leaf integer not null,
    kind text not null,
    effect text not null,
    usage text not null,
    theme text,
    urgent integer not null,
    channel text not null,
    media_type text,
    received_at integer not null,
    catalogue blob not null,
    sealed_key blob not null,
    names blob not null,
    native blob not null,
    canonical blob not null,
    commitment blob not null
) strict;

create index inbox_case on inbox (case_id, partner);
create index inbox_leaf on inbox (leaf);

-- `seq` orders what was made, `position` the lane: a parcel that replaces another takes its place.
-- `head` is 1 for the oldest unsettled parcel of a lane, as long as it may be sent.
create table outbox (
    seq integer primary key,
    id blob not null unique,
    message_id blob not null references inbox (id),
    case_id blob not null references cases (id),
    recipient text not null,
    position integer not null,
    leaf integer not null,
    kind text not null,
    usage text not null,
    urgent integer not null,
    answer integer not null,
    gap integer not null,
    made_at integer not null,
    catalogue blob not null,
    media_type text not null,
    detail text not null,
    sealed_key blob not null,
    document blob not null,
    digest blob not null,
    commitment blob not null,
    state text not null,
    stage text not null,
    stage_reason text,
    head integer not null,
    attempts integer not null,
    next_attempt_at integer not null,
    lease_token blob
) strict;

create index outbox_lane on outbox (case_id, recipient, position, state);
create index outbox_message on outbox (message_id);
create index outbox_leaf on outbox (leaf);
create index outbox_due on outbox (recipient, urgent, next_attempt_at) where head = 1;
create index outbox_waiting on outbox (recipient, made_at) where state = 'wacht';

create table attempt (
    seq integer primary key,
    parcel_id blob not null references outbox (id),
    at integer not null,
    outcome text not null,
    leaf integer not null
) strict;

create index attempt_parcel on attempt (parcel_id);
create index attempt_leaf on attempt (leaf);

-- What could not be processed or delivered. `holder` is under whose key the document is sealed.
create table quarantine (
    seq integer primary key,
    id blob not null unique,
    direction text not null,
    partner text,
    reason text not null,
    detail text not null,
    named integer not null,
    at integer not null,
    channel text,
    media_type text,
    case_id blob,
    message_id blob,
    parcel_id blob,
    holder blob,
    sealed_key blob,
    document blob,
    commitment blob,
    leaf integer,
    state text not null,
    closed_at integer,
    closed_by text,
    closed_why text
) strict;

create index quarantine_leaf on quarantine (leaf) where leaf is not null;
create index quarantine_state on quarantine (state, seq);
create index quarantine_message on quarantine (message_id) where message_id is not null;
create index quarantine_parcel on quarantine (parcel_id) where parcel_id is not null;

-- Evidence. `data` is the encoded leaf, exactly the bytes that are hashed into the tree.
create table leaf (
    id integer primary key,
    subject blob not null,
    partner text,
    data blob not null
) strict;

create index leaf_subject on leaf (subject);
create index leaf_partner on leaf (partner, id) where partner is not null;

create trigger leaf_stays before update on leaf
begin select raise(abort, 'a leaf is never changed'); end;
create trigger leaf_remains before delete on leaf
begin select raise(abort, 'a leaf is never deleted'); end;

-- The place of a leaf in the tree, given after its commit by the one sequencer.
create table numbered (
    number integer primary key,
    leaf integer not null unique
) strict;

create trigger numbered_stays before update on numbered
begin select raise(abort, 'a number is never changed'); end;
create trigger numbered_remains before delete on numbered
begin select raise(abort, 'a number is never deleted'); end;

-- Full tiles of 256 hashes, so that a proof reads a few rows only.
create table tile (
    level integer not null,
    number integer not null,
    hashes blob not null,
    primary key (level, number)
) strict, without rowid;

create table checkpoint (
    size integer primary key,
    root blob not null,
    frontier blob not null,
    at integer not null,
    note text not null
) strict;

create table erasure (
    seq integer primary key,
    holder blob not null unique,
    kind text not null,
    asked_by text not null,
    why text not null,
    asked_at integer not null,
    done_at integer
) strict;

create index erasure_open on erasure (seq) where done_at is null;

create table suspension (
    partner text primary key,
    since integer not null,
    by_whom text not null,
    why text not null
) strict;

create table credential (
    id blob primary key,
    partner text not null,
    hash blob not null unique,
    label text not null,
    added_at integer not null,
    revoked_at integer
) strict;

create index credential_partner on credential (partner);

create table secret (
    id blob primary key,
    partner text not null,
    sealed blob not null,
    added_at integer not null,
    revoked_at integer
) strict;

create index secret_partner on secret (partner);

create table activation (
    seq integer primary key,
    id blob not null unique,
    catalogue blob not null,
    asked_by text not null,
    approved_by text,
    widens integer not null,
    note text not null,
    state text not null,
    at integer not null,
    decided_at integer,
    leaf integer not null
) strict;
