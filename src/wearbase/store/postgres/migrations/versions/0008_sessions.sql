-- Only adds, so that a process of the version before goes on working beside a newer one. Secrets are kept as hashes only.

create table wearbase.sign_in_link (
    user_id          text not null,
    link_hash        bytea not null,
    made_by          text not null,
    created_at       timestamptz not null,
    expires_at       timestamptz not null,
    used_at          timestamptz,
    primary key (user_id, link_hash)
);
create unique index sign_in_link_hash on wearbase.sign_in_link (link_hash);
create index sign_in_link_expiry on wearbase.sign_in_link (expires_at);

create table wearbase.member_session (
    user_id          text not null,
    id               uuid not null,
    secret_hash      bytea not null,
    confirmed_at     timestamptz,           -- when the browser first showed this secret; until then the one before is good, too
    rotated_at       timestamptz not null,
    before_hash      bytea,                 -- the secret before
    signed_in_at     timestamptz not null,
    seen_at          timestamptz not null,
    expires_at       timestamptz not null,
    ended_at         timestamptz,
    primary key (user_id, id)
);
create unique index member_session_id on wearbase.member_session (id);
create index member_session_expiry on wearbase.member_session (expires_at);

do $$
declare t text;
declare r text;
begin
    foreach t in array array['sign_in_link', 'member_session'] loop
        execute format('alter table %I.%I enable row level security', 'wearbase', t);
        execute format('revoke all on %I.%I from public', 'wearbase', t);
        for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on %I.%I from %I', 'wearbase', t, r);
        end loop;
    end loop;
end $$;
