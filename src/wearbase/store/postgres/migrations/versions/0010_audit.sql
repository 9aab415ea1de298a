-- Only adds, so that a process of the version before goes on working beside a newer one.

-- By what name the trail knows a member. Erasing takes the row away: the trail stays, and points to nobody.
create table wearbase.audit_member (
    user_id          text primary key,
    pseudonym        uuid not null unique default gen_random_uuid()
);
insert into wearbase.audit_member (user_id)
select user_id from wearbase.connection union select user_id from wearbase.preference;

-- Lines are added and never changed, but that the count of a minute's reads grows. They go by age only, by `prune_audit`.
create table wearbase.audit (
    id               bigint generated always as identity primary key,
    at               timestamptz not null,     -- of reads: the minute
    action           text not null,
    credential       text not null,            -- its kind, and how a service key begins
    member           uuid,                     -- null: nobody of whom anything is stored
    provider         text,
    route            text,
    count            integer not null default 1,
    details          jsonb not null default '{}'
);
create index audit_at on wearbase.audit (at, id);
create index audit_of_member on wearbase.audit (member, at, id) where member is not null;
create unique index audit_read on wearbase.audit (at, credential, member, route) nulls not distinct where action = 'read';

create function wearbase.keep_audit() returns trigger
language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.action = 'read' and new.count > old.count
       and (new.id, new.at, new.action, new.credential, new.member, new.provider, new.route, new.details)
           is not distinct from (old.id, old.at, old.action, old.credential, old.member, old.provider, old.route, old.details) then
        return new;
    end if;
    if tg_op = 'DELETE' and current_setting('wear.prunes_audit', true) = 'on' then
        return old;
    end if;
    raise exception 'the audit trail is only added to' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_kept before update or delete on wearbase.audit for each row execute function wearbase.keep_audit();
create trigger audit_kept_whole before truncate on wearbase.audit for each statement execute function wearbase.keep_audit();

-- Takes away at most so many lines that are older; how many.
create function wearbase.prune_audit(older_than timestamptz, most integer) returns integer
language plpgsql as $$
declare
    pruned integer;
begin
    perform set_config('wear.prunes_audit', 'on', true);
    delete from wearbase.audit where id in (select id from wearbase.audit where at < older_than order by at, id limit most);
    get diagnostics pruned = row_count;
    perform set_config('wear.prunes_audit', 'off', true);
    return pruned;
end $$;

do $$
declare t text;
declare r text;
begin
    foreach t in array array['audit_member', 'audit'] loop
        execute format('alter table %I.%I enable row level security', 'wearbase', t);
        execute format('revoke all on %I.%I from public', 'wearbase', t);
        for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on %I.%I from %I', 'wearbase', t, r);
        end loop;
    end loop;
    revoke all on function wearbase.prune_audit(timestamptz, integer) from public;
end $$;
