-- Only adds, so that a process of the version before goes on working beside a newer one.

-- Lines are numbered as they are carried away: one after the other, each once, when it can no longer change. Ids would not do for that:
-- a transaction that took a lower one may commit later.
alter table wearbase.audit add column number bigint;
create index audit_numbered on wearbase.audit (number) where number is not null;
create index audit_unnumbered on wearbase.audit (id) where number is null;

create table wearbase.audit_stand (
    is_only          boolean primary key default true check (is_only),
    numbered         bigint not null default 0  -- the last number given
);
insert into wearbase.audit_stand default values;

-- As before; a number is given once, and what is counted after that becomes a line of its own.
create or replace function wearbase.keep_audit() returns trigger
language plpgsql as $$
begin
    if tg_op = 'UPDATE' and (new.id, new.at, new.action, new.credential, new.member, new.provider, new.route, new.details)
           is not distinct from (old.id, old.at, old.action, old.credential, old.member, old.provider, old.route, old.details) then
        if old.number is null and new.number is not null and new.count = old.count
           and current_setting('wear.numbers_audit', true) = 'on' then
            return new;
        end if;
        if old.action = 'read' and new.count > old.count and new.number is not distinct from old.number then
            if old.number is null then
                return new;
            end if;
            insert into wearbase.audit (at, action, credential, member, provider, route, count, details)
            values (old.at, 'read_late', old.credential, old.member, old.provider, old.route, new.count - old.count, old.details);
            return null;
        end if;
    end if;
    if tg_op = 'DELETE' and current_setting('wear.prunes_audit', true) = 'on' then
        return old;
    end if;
    raise exception 'the audit trail is only added to' using errcode = 'insufficient_privilege';
end $$;

-- Numbers at most so many lines that change no more: of reads those of minutes before then. How many. As the owner, so that who adds lines
-- need not be able to number them.
create function wearbase.number_audit(closed timestamptz, most integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    last bigint;
    given integer;
begin
    update wearbase.audit_stand set numbered = numbered returning numbered into last;  -- one at a time
    perform set_config('wear.numbers_audit', 'on', true);
    -- A line that is being counted on, or pruned, is left for the next time: nobody waits for anybody.
    with ready as (
        select id from wearbase.audit where number is null and (action <> 'read' or at < closed) order by id limit most
           for update skip locked),
    placed as (select id, row_number() over (order by id) as place from ready),
    done as (update wearbase.audit a set number = last + p.place from placed p where a.id = p.id returning a.number)
    select count(*), coalesce(max(number), last) into given, last from done;
    perform set_config('wear.numbers_audit', 'off', true);
    update wearbase.audit_stand set numbered = last;
    return given;
end $$;

do $$
declare r text;
begin
    alter table wearbase.audit_stand enable row level security;
    revoke all on wearbase.audit_stand from public;
    for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on %I.%I from %I', 'wearbase', 'audit_stand', r);
    end loop;
    revoke all on function wearbase.number_audit(timestamptz, integer) from public;
end $$;
