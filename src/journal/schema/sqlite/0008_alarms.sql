-- What is wrong. An alarm threatens (`dreigt`) until it held long enough, then it is `open`, and
-- `voorbij` when it was clear long enough. `clear_at` is since when it is clear; `amount` the worst
-- that was seen; the notices are those that told of its start and of its end.
create table alarm (
    id blob primary key,
    condition text not null,
    subject text not null,
    state text not null,
    since integer not null,
    seen_at integer not null,
    clear_at integer,
    amount integer not null,
    started_at integer,
    ended_at integer,
    start_notice blob,
    end_notice blob
) strict, without rowid;

create unique index alarm_present on alarm (condition, subject) where state <> 'voorbij';
create index alarm_untold on alarm (id) where end_notice is null;
create index alarm_ended on alarm (ended_at) where ended_at is not null;

-- A notice, once for each road it goes by. Along a road they go in order.
create table alarm_notice (
    seq integer primary key,
    id blob not null,
    road text not null,
    kind text not null,
    body text not null,
    made_at integer not null,
    state text not null,
    attempts integer not null,
    next_attempt_at integer not null,
    lease_token blob,
    code text,
    done_at integer,
    unique (id, road)
) strict;

create index alarm_notice_due on alarm_notice (road, seq) where state = 'wacht';

-- Hubs that watch, by name; `beat` grows as long as the hub is there. One that stops takes its row
-- away, so that a row that stands still is of a hub that was lost.
create table alarm_hub (
    name text primary key,
    beat integer not null
) strict;

-- Partners whose last attempt failed, and since when that is so.
create table failing (
    partner text primary key,
    since integer not null
) strict;

-- What came into quarantine lately.
create index quarantine_at on quarantine (at, reason, partner);
