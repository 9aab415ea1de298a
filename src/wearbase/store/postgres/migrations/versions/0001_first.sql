-- Every table's key starts with, or carries, the user. Instants are timestamptz in UTC. No statement reads a clock:
-- time is always given.

create table wearbase.connection (
    user_id              text not null,
    provider             text not null,
    id                   bigint generated always as identity unique,
    generation           bigint not null default 1,
    state                text not null check (state in ('connected', 'needs_reauthorization', 'disconnected')),
    external_user_id     text,
    asked_scopes         text[] not null default '{}',
    scopes               text[] not null default '{}',
    access_token         bytea,
    refresh_token        bytea,
    token_expires_at     timestamptz,
    token_version        bigint not null default 0,
    refresh_started_at   timestamptz,
    refresh_holder       text,
    refresh_until        timestamptz,
    refresh_attempts     smallint not null default 0,
    utc_offset_min       smallint,
    offset_seen_at       timestamptz,
    open_day             date,
    lease_number         bigint not null default 0,
    lease_holder         text,
    lease_until          timestamptz,
    looked_at            timestamptz,
    asked_at             timestamptz,
    consented_at         timestamptz,
    connected_at         timestamptz not null,
    ended_at             timestamptz,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    primary key (user_id, provider)
);
-- One account at a provider belongs to one user at a time.
create unique index connection_identity on wearbase.connection (provider, external_user_id) where state <> 'disconnected';

create table wearbase.oauth_state (
    state_hash       bytea primary key,
    user_id          text not null,
    provider         text not null,
    redirect_uri     text not null,
    redirect_url     text,
    browser_hash     bytea,
    started_by       text not null,
    asked_scopes     text[] not null,
    created_at       timestamptz not null,
    expires_at       timestamptz not null
);
create index oauth_state_expiry on wearbase.oauth_state (expires_at);

create table wearbase.record (
    user_id          text not null,
    provider         text not null,
    resource         text not null,
    external_id      text not null,
    group_id         text,
    parent_id        text,
    dating           text not null,
    start_at         timestamptz,
    end_at           timestamptz,
    utc_offset_min   smallint,
    given_day        date,
    day              date,
    placed_at        timestamptz,
    revision_at      timestamptz not null,
    revision_rank    smallint not null default 0,
    score_state      text not null,
    is_unsettled     boolean not null default false,
    mapped           json not null,  -- not jsonb: the order of fields is part of how a document reads
    raw              jsonb not null,
    first_stored_at  timestamptz not null,
    stored_at        timestamptz not null,
    deleted_at       timestamptz,
    primary key (user_id, provider, resource, external_id)
);
create index record_day on wearbase.record (user_id, provider, day) where deleted_at is null;
create index record_group on wearbase.record (user_id, provider, group_id) where group_id is not null;
create index record_parent on wearbase.record (user_id, provider, resource, parent_id) where parent_id is not null;
create index record_place on wearbase.record (user_id, provider, resource, coalesce(placed_at, '-infinity') desc, external_id desc);
create index record_unsettled on wearbase.record (user_id, provider, resource) where is_unsettled and deleted_at is null;

create table wearbase.parked_record (
    user_id          text not null,
    provider         text not null,
    resource         text not null,
    external_id      text not null,
    reason           text not null,
    raw              jsonb not null,
    parked_at        timestamptz not null,
    primary key (user_id, provider, resource, external_id)
);

create table wearbase.day_document (
    user_id          text not null,
    provider         text not null,
    day              date not null,
    revision         text not null,
    body             text not null,
    has_lead         boolean not null default false,
    updated_at       timestamptz not null,
    primary key (user_id, provider, day)
) with (toast_tuple_target = 8160);  -- a document is read whole and often: keep it beside its key, not compressed

create table wearbase.metric (
    user_id          text not null,
    metric           text not null,
    day              date not null,
    provider         text not null,
    value            double precision not null,
    primary key (user_id, metric, day, provider)
);
create index metric_day on wearbase.metric (user_id, provider, day);

create table wearbase.delivery (
    user_id          text not null default '',
    id               bigint generated always as identity,
    provider         text not null,
    dedup_key        bytea not null,
    member_hash      bytea,
    event_type       text,
    resource         text,
    action           text,
    external_id      text,
    is_by_parent     boolean not null default false,
    sent_at          timestamptz not null,
    received_at      timestamptz not null,
    state            text not null check (state in ('open', 'settled', 'parked')),
    reason           text,
    attempts         smallint not null default 0,
    next_attempt_at  timestamptz,
    settled_at       timestamptz,
    body             bytea,
    primary key (user_id, id)
);
create unique index delivery_once on wearbase.delivery (user_id, provider, dedup_key);
create index delivery_open on wearbase.delivery (user_id, provider, received_at) where state = 'open';
create index delivery_received on wearbase.delivery (received_at);

create table wearbase.sync_state (
    user_id          text not null,
    provider         text not null,
    resource         text not null,
    due_at           timestamptz,
    reason           text,
    priority         smallint,
    marks            bigint not null default 0,
    served_marks     bigint not null default 0,
    asked_start      timestamptz,
    asked_end        timestamptz,
    watermark        timestamptz,
    window_start     timestamptz,
    window_end       timestamptz,
    page_token       text,
    window_is_asked  boolean not null default false,
    window_marks     bigint not null default 0,
    backfill_due_at  timestamptz,
    backfill_start   timestamptz,
    backfill_end     timestamptz,
    backfill_token   text,
    backfill_pages   integer not null default 0,
    history_from     timestamptz,
    last_attempt_at  timestamptz,
    last_success_at  timestamptz,
    records_synced   bigint not null default 0,
    api_calls        bigint not null default 0,
    attempts         integer not null default 0,
    pending_reads    integer not null default 0,
    error            text,
    primary key (user_id, provider, resource)
);
create index sync_state_due on wearbase.sync_state (priority, due_at) where due_at is not null;
create index sync_state_backfill on wearbase.sync_state (backfill_due_at) where backfill_due_at is not null;

create table wearbase.budget (
    provider         text not null,
    app              text not null,
    calls            timestamptz[] not null default '{}',
    day              date,
    day_calls        integer not null default 0,
    token_calls      integer not null default 0,
    minute_limit     integer,
    day_limit        integer,
    closed_until     timestamptz,
    updated_at       timestamptz,
    primary key (provider, app)
);

create table wearbase.chore (
    id               uuid primary key,
    user_id          text not null default '',
    kind             text not null,
    payload          jsonb not null default '{}',
    sealed           bytea,
    due_at           timestamptz not null,
    priority         smallint not null,
    attempts         integer not null default 0,
    error            text,
    created_at       timestamptz not null,
    lease_number     bigint not null default 0,
    lease_holder     text,
    lease_until      timestamptz
);
create index chore_due on wearbase.chore (priority, due_at);

create table wearbase.api_key (
    id               uuid primary key,
    name             text not null,
    prefix           text not null,
    key_hash         bytea not null unique,
    scopes           text[] not null,
    created_at       timestamptz not null,
    expires_at       timestamptz,
    revoked_at       timestamptz,
    last_used_at     timestamptz
);

create table wearbase.worker (
    id               text primary key,
    started_at       timestamptz not null,
    heartbeat_at     timestamptz not null
);

-- Grants n calls, or says when to ask again. Exact over any sliding 60 s: the instants of the last minute's calls are kept.
create function wearbase.reserve_calls(
    the_provider text, the_app text, n integer, at timestamptz, per_minute integer, per_day integer
) returns timestamptz
language plpgsql as $$
declare
    b wearbase.budget%rowtype;
    recent timestamptz[];
    minute_cap integer;
    day_cap integer;
    used_today integer;
begin
    insert into wearbase.budget (provider, app) values (the_provider, the_app) on conflict do nothing;
    select * into b from wearbase.budget where provider = the_provider and app = the_app for update;
    if b.closed_until is not null and b.closed_until > at then
        return b.closed_until;
    end if;
    minute_cap := greatest(1, least(per_minute, coalesce(b.minute_limit, per_minute)));
    day_cap := greatest(1, least(per_day, coalesce(b.day_limit, per_day)));
    used_today := case when b.day = (at at time zone 'utc')::date then b.day_calls else 0 end;
    if used_today + n > day_cap then
        return (((at at time zone 'utc')::date + 1)::timestamp at time zone 'utc');
    end if;
    select coalesce(array_agg(c order by c), '{}') into recent from unnest(b.calls) c where c > at - interval '60 seconds';
    if cardinality(recent) + n > minute_cap then
        return recent[greatest(1, least(cardinality(recent), cardinality(recent) + n - minute_cap))] + interval '60 seconds';
    end if;
    update wearbase.budget
       set calls = recent || array_fill(at, array[n]), day = (at at time zone 'utc')::date, day_calls = used_today + n,
           closed_until = null, updated_at = at
     where provider = the_provider and app = the_app;
    return null;
end $$;

create view wearbase.whoop_users with (security_invoker = true) as
select id, user_id, external_user_id as whoop_user_id, scopes, state = 'connected' as is_active, created_at
  from wearbase.connection where provider = 'whoop';

create view wearbase.whoop_recovery with (security_invoker = true) as
select external_id as id, user_id,
       (mapped->>'score')::double precision as recovery_score,
       (mapped->>'hrv_rmssd_ms')::double precision as hrv_rmssd_milli,
       (mapped->>'resting_heart_rate_bpm')::double precision as resting_heart_rate,
       (mapped->>'spo2_percent')::double precision as spo2_percentage,
       (mapped->>'skin_temperature_c')::double precision as skin_temp_celsius,
       (raw->>'created_at')::timestamptz as created_at, revision_at as updated_at
  from wearbase.record where provider = 'whoop' and resource = 'recovery' and deleted_at is null;

create view wearbase.whoop_sleep with (security_invoker = true) as
select external_id as id, user_id,
       (raw #>> '{score,stage_summary,total_light_sleep_time_milli}')::bigint
         + (raw #>> '{score,stage_summary,total_slow_wave_sleep_time_milli}')::bigint
         + (raw #>> '{score,stage_summary,total_rem_sleep_time_milli}')::bigint as total_sleep_time_milli,
       (mapped->>'performance_percent')::double precision as sleep_performance_percentage,
       (raw #>> '{score,stage_summary,total_rem_sleep_time_milli}')::bigint as rem_sleep_milli,
       (raw #>> '{score,stage_summary,total_slow_wave_sleep_time_milli}')::bigint as slow_wave_sleep_milli,
       (raw #>> '{score,stage_summary,total_light_sleep_time_milli}')::bigint as light_sleep_milli,
       (raw #>> '{score,stage_summary,total_awake_time_milli}')::bigint as awake_milli,
       start_at as start_time, end_at as end_time
  from wearbase.record where provider = 'whoop' and resource = 'sleep' and deleted_at is null;

create view wearbase.whoop_workout with (security_invoker = true) as
select external_id as id, user_id,
       (mapped->>'strain')::double precision as strain_score,
       (mapped->>'average_heart_rate_bpm')::double precision as average_heart_rate,
       (mapped->>'max_heart_rate_bpm')::double precision as max_heart_rate,
       (mapped->>'energy_kj')::double precision as calories_burned,
       (mapped->>'distance_m')::double precision as distance_meters,
       mapped->>'sport' as sport_name, start_at as start_time, end_at as end_time
  from wearbase.record where provider = 'whoop' and resource = 'workout' and deleted_at is null;

create view wearbase.whoop_cycle with (security_invoker = true) as
select external_id as id, user_id,
       (mapped->>'strain')::double precision as day_strain,
       (mapped->>'energy_kj')::double precision as calories_burned,
       start_at as start_time, end_at as end_time
  from wearbase.record where provider = 'whoop' and resource = 'cycle' and deleted_at is null;

create view wearbase.whoop_sync_log with (security_invoker = true) as
select user_id, resource as data_type, coalesce(last_success_at, last_attempt_at) as last_sync_at, records_synced,
       case when error is null then 'success' else 'failed' end as sync_status, error as error_message
  from wearbase.sync_state where provider = 'whoop' and last_attempt_at is not null;

comment on column wearbase.whoop_workout.calories_burned is 'kilojoules; the old name kept';
comment on column wearbase.whoop_cycle.calories_burned is 'kilojoules; the old name kept';

create function wearbase.get_daily_summary(the_user_id text, the_date date)
returns table (recovery_score double precision, sleep_performance double precision, sleep_duration_hours double precision,
               day_strain double precision, total_calories double precision)
language sql stable as $$
    select (body #>> '{recovery,score}')::double precision,
           (body #>> '{sleep,performance_percent}')::double precision,
           (body #>> '{sleep,asleep_s}')::double precision / 3600,
           (body #>> '{cycle,strain}')::double precision,
           (body #>> '{cycle,energy_kcal}')::double precision
      from (select d.body::jsonb as body from wearbase.day_document d
             where d.user_id = the_user_id and d.provider = 'whoop' and d.day = the_date) d
$$;

-- Nothing here is for anybody but the owner.
do $$
declare t text;
begin
    for t in select tablename from pg_tables where schemaname = 'wearbase' loop
        execute format('alter table %I.%I enable row level security', 'wearbase', t);
    end loop;
    execute format('revoke all on schema %I from public', 'wearbase');
    execute format('revoke all on all tables in schema %I from public', 'wearbase');
    execute format('revoke all on all functions in schema %I from public', 'wearbase');
    for t in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on schema %I from %I', 'wearbase', t);
        execute format('revoke all on all tables in schema %I from %I', 'wearbase', t);
        execute format('revoke all on all functions in schema %I from %I', 'wearbase', t);
    end loop;
end $$;
