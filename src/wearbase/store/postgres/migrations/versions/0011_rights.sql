-- Only adds, so that a process of the version before goes on working beside a newer one.

-- What was agreed to, once for each time that a source was connected.
create table wearbase.consent (
    user_id          text not null,
    id               bigint generated always as identity,
    provider         text not null,
    version          text,                     -- of the text that was agreed to; null: nobody has said which
    given_at         timestamptz not null,
    given_by         text,                     -- the kind of credential that asked for it; null: from before this was noted
    asked_scopes     text[] not null default '{}',
    scopes           text[] not null default '{}',
    primary key (user_id, id)
);
insert into wearbase.consent (user_id, provider, given_at, asked_scopes, scopes)
select user_id, provider, consented_at, asked_scopes, scopes from wearbase.connection where consented_at is not null;

alter table wearbase.oauth_state
    add column consent_version  text,
    add column taken_at         timestamptz;  -- its code is being exchanged: nobody else may, and who is erased meanwhile is not connected

do $$
declare r text;
begin
    alter table wearbase.consent enable row level security;
    revoke all on wearbase.consent from public;
    for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on %I.%I from %I', 'wearbase', 'consent', r);
    end loop;
end $$;
