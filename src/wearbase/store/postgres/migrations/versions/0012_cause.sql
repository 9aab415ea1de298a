-- Only adds, so that a process of the version before goes on working beside a newer one.

alter table wearbase.sync_state add column cause text;      -- the id of the request that marked it due last for a person
alter table wearbase.delivery add column cause text;        -- the id of the request that brought it
