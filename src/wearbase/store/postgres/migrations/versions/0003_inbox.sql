-- Only adds, so that a process of the version before goes on working beside a newer one.

alter table wearbase.connection
    add column inbox_due_at  timestamptz;  -- when the open deliveries that carry records are to be stored; no call is needed for it
create index connection_inbox on wearbase.connection (inbox_due_at) where inbox_due_at is not null;
create index delivery_settled on wearbase.delivery (provider, settled_at) where state = 'settled';
