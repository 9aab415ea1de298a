-- Only adds, so that a process of the version before goes on working beside a newer one.

alter table wearbase.sync_state
    add column waits_until          timestamptz,  -- no call was to be had; holds for as long as `due_at` is still this instant
    add column backfill_waits_until timestamptz,  -- the same of its history, and `backfill_due_at`
    add column backfill_error       text,
    add column backfill_attempts    integer not null default 0;

-- A refusal of what the member did grant has a name of its own: only what was never granted is left out.
update wearbase.sync_state s set error = 'access_denied' where error = 'missing_scope' and attempts > 0;

create table wearbase.observation (
    provider         text not null,
    name             text not null,
    content          jsonb not null,
    seen_at          timestamptz not null,
    primary key (provider, name)
);

create or replace view wearbase.whoop_sync_log with (security_invoker = true) as
select user_id, resource as data_type, coalesce(last_success_at, last_attempt_at) as last_sync_at, records_synced,
       case when error is null and last_success_at is not null then 'success' else 'failed' end as sync_status,
       coalesce(error, case when last_success_at is null then 'not_read_yet' end) as error_message
  from wearbase.sync_state where provider = 'whoop' and last_attempt_at is not null;

do $$
declare t text;
declare r text;
begin
    foreach t in array array['observation'] loop
        execute format('alter table %I.%I enable row level security', 'wearbase', t);
        execute format('revoke all on %I.%I from public', 'wearbase', t);
        for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on %I.%I from %I', 'wearbase', t, r);
        end loop;
    end loop;
end $$;
