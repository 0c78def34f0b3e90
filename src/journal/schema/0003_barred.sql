-- Counting what a partner that may not exchange has in quarantine.
create index quarantine_incoming on quarantine (partner, reason)
    where state = 'open' and direction = 'inkomend';
