-- Only adds, so that a process of the version before goes on working beside a newer one. What such a process makes names no key.

alter table wearbase.sign_in_link add column by_key text;      -- how the service key begins that made it, or `environment`
alter table wearbase.member_session add column by_key text;    -- of the link that began it
update wearbase.sign_in_link l set by_key = k.prefix from wearbase.api_key k where k.id::text = l.made_by;
update wearbase.sign_in_link set by_key = made_by where made_by = 'environment';

-- That somebody was erased then, so that a credential from before stores nothing more. Whom, nobody can tell without the keys of the
-- settings and the id. It goes by age.
create table wearbase.erasure_mark (
    mark             bytea primary key,        -- a keyed hash, one by each key there was
    at               timestamptz not null
);
create index erasure_mark_at on wearbase.erasure_mark (at);

do $$
declare r text;
begin
    alter table wearbase.erasure_mark enable row level security;
    revoke all on wearbase.erasure_mark from public;
    for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on %I.%I from %I', 'wearbase', 'erasure_mark', r);
    end loop;
end $$;
