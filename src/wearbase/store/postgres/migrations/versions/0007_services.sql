-- Only adds, so that a process of the version before goes on working beside a newer one.

-- A connection with `copied_days` is a copy of another wearbase's. Nothing of it is ever due here: its sync_state has no priority.
alter table wearbase.connection
    add column copied_days    datemultirange,  -- the days that were asked for and stored
    add column copied_at      timestamptz,     -- when the copy was last known to be as the original is
    add column copied_as_of   timestamptz,     -- of when the newest stored answer is, by the clock there
    add column copied_status  jsonb,           -- what sync-status says there
    add column first_day      date;            -- the first day stored there

-- Who asks for which days of a copy, and what the last answer was. A late answer whose row is gone, or another's by now, is not stored.
create table wearbase.copy_turn (
    user_id          text not null,
    provider         text not null,
    start_day        date not null,
    end_day          date not null,
    turn             uuid not null,
    asked_at         timestamptz not null,
    again_at         timestamptz not null,     -- not asked before then
    checked_at       timestamptz,              -- when the turn brought an answer
    etag             text,
    primary key (user_id, provider, start_day, end_day)
);
create index copy_turn_asked on wearbase.copy_turn (asked_at);

do $$
declare r text;
begin
    alter table wearbase.copy_turn enable row level security;
    revoke all on wearbase.copy_turn from public;
    for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on %I.%I from %I', 'wearbase', 'copy_turn', r);
    end loop;
end $$;
