-- Parcels that lie in a mailbox outside the journal, and of which the recipient said nothing yet.
create index outbox_unconfirmed on outbox (recipient, seq)
    where state = 'klaar' and stage = 'klaargezet';
