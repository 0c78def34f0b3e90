-- Erasures that one person asks for and another decides. `until` is when a request lapses.
create table erasure_request (
    number integer primary key,
    kind text not null,
    asked_by text not null,
    why text not null,
    asked_at integer not null,
    until integer not null,
    state text not null,
    decided_by text,
    decided_why text,
    decided_at integer
) strict;

create index erasure_request_open on erasure_request (number) where state = 'wacht';

-- What a request is about, as it was when it was made; of a person only the cases. `outcome` is
-- what became of it, `notice` the case in which its recipients hear of it.
create table erasure_item (
    request integer not null references erasure_request (number),
    holder blob not null,
    kind text not null,
    outcome text,
    notice blob,
    primary key (request, holder)
) strict, without rowid;

create index erasure_item_holder on erasure_item (holder);
create index erasure_item_notice on erasure_item (notice) where notice is not null;

-- The cases in which a person occurs, by the keyed hash of the BSN, for as long as the case has its
-- content. A likeness in `correlation` leads to the last case only, and ends with its window.
create table person (
    key blob not null,
    case_id blob not null references cases (id),
    since integer not null,
    primary key (key, case_id)
) strict, without rowid;

create index person_case on person (case_id);

-- What the hub still knows of persons in messages of before; a place among them leads nowhere.
insert into person (key, case_id, since)
    select r.key, r.case_id,
        coalesce((select min(i.received_at) from inbox i where i.case_id = r.case_id), 0)
    from correlation r where r.until is not null;

-- When the retention of a signal that stands by itself is looked at; null for what is directed,
-- erased or kept. Those of before are looked at at once.
alter table cases add column erase_at integer;
alter table cases add column legal_hold integer not null default 0;
update cases set erase_at = 0 where erased_at is null
    and not exists (select 1 from dossier d where d.case_id = cases.id);

create index cases_erase on cases (erase_at) where erase_at is not null;
