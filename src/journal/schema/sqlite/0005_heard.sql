-- When a partner was last heard.
create index inbox_partner on inbox (partner, received_at);
