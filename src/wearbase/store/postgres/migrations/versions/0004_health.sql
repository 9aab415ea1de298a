-- Only adds, so that a process of the version before goes on working beside a newer one. Documents are made as days change; a day
-- stored before is put together when it is read, which `made_of` tells: it names the parts by their revisions and how they are combined.

create table wearbase.health_document (
    user_id          text not null,
    day              date not null,
    made_of          text not null,
    revision         text not null,
    body             text not null,
    places           integer[] not null,  -- where in the body each source's moving fields go, in the order of `sources`
    sources          text[] not null,
    updated_at       timestamptz not null,
    primary key (user_id, day)
) with (toast_tuple_target = 8160);
alter table wearbase.health_document alter column body set storage external;  -- to unpack a long one took longer than to find it

create table wearbase.preference (
    user_id          text primary key,
    content          jsonb not null,
    updated_at       timestamptz not null
);

do $$
declare t text;
declare r text;
begin
    foreach t in array array['health_document', 'preference'] loop
        execute format('alter table %I.%I enable row level security', 'wearbase', t);
        execute format('revoke all on %I.%I from public', 'wearbase', t);
        for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on %I.%I from %I', 'wearbase', t, r);
        end loop;
    end loop;
end $$;
