-- Who refused a set that was proposed, and why.
alter table activation add column refused_by text;
alter table activation add column refused_why text;

-- Who sent a test message to a partner, and why; written before it goes.
create table test_message (
    seq integer primary key,
    partner text not null,
    at integer not null,
    by_whom text not null,
    why text not null
) strict;

create index test_message_partner on test_message (partner, seq);
