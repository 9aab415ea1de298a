-- Only adds, so that a process of the version before goes on working beside a newer one.

alter table wearbase.connection
    add column days_changes  bigint not null default 0,  -- transactions that changed a day document of this connection,
    add column days_drops    bigint not null default 0,  -- and those among them that took one away
    add column fresh_at      timestamptz;                -- the newest success of any resource, as of the last visit
update wearbase.connection c
   set fresh_at = (select max(s.last_success_at) from wearbase.sync_state s where s.user_id = c.user_id and s.provider = c.provider);

create index connection_broken on wearbase.connection (ended_at desc) where state = 'needs_reauthorization';
create index sync_state_failing on wearbase.sync_state (last_attempt_at desc) where error is not null;

alter table wearbase.parked_record
    add column id     bigint generated always as identity unique,
    add column tries  integer not null default 1;
create index parked_record_at on wearbase.parked_record (parked_at desc);

alter table wearbase.worker
    add column holds  text[] not null default '{}';  -- as of the heartbeat: `connection:<id>` and `chore:<id>`

create table wearbase.call_slot (
    provider         text not null,
    app              text not null,
    slot             timestamptz not null,  -- ten minutes from then on
    reason           text not null,
    calls            integer not null,
    primary key (provider, app, slot, reason)
);

create table wearbase.ops_session (
    token_hash       bytea primary key,
    key_hash         bytea not null,  -- the service key's; the session is worth nothing without it
    created_at       timestamptz not null,
    expires_at       timestamptz not null
);
create index ops_session_expiry on wearbase.ops_session (expires_at);

-- Takes n calls, or says when to ask again. Exact over any sliding 60 s: the instants of the last minute's calls are kept.
-- `shares` are the parts of the minute and of the day that this asker may fill, and the part of the forecast's need that it leaves
-- to others. What an answer's headers said of the window
-- nearest to its end tells of calls that others made with the same app. What is granted is counted by ten minutes, too.
create or replace function wearbase.take_calls(
    the_provider text, the_app text, n integer, at timestamptz, ceilings integer[], shares double precision[], reason text,
    said_limit integer, said_remaining integer, said_reset timestamptz, said_when timestamptz,
    out wait_until timestamptz, out is_troubled boolean
)
language plpgsql as $$
declare
    b wearbase.budget%rowtype;
    today date := (at at time zone 'utc')::date;
    recent timestamptz[];
    minute_cap integer;
    day_cap integer;
    is_granted boolean := false;
begin
    insert into wearbase.budget (provider, app) values (the_provider, the_app) on conflict do nothing;
    select * into b from wearbase.budget where provider = the_provider and app = the_app for update;
    select coalesce(array_agg(c order by c), '{}') into recent from unnest(b.calls) c where c > at - interval '60 seconds';
    if b.day is distinct from today then
        if b.day_elsewhere_until > at then
            b.day_elsewhere := b.day_elsewhere + b.day_calls;
        end if;
        b.used_before := case when b.day = today - 1 then b.used else '{}' end;
        b.used := '{}';
        b.thinned := '{}';
        b.day := today;
        b.day_calls := 0;
        b.warned_percent := 0;
    end if;
    b.minute_limit := case when b.minute_limit > 0 then b.minute_limit end;
    b.day_limit := case when b.day_limit > 0 then b.day_limit end;
    if said_limit > 0 and said_remaining between 0 and said_limit and (b.said_at is null or said_when > b.said_at) then
        b.said_at := said_when;
        if said_limit = b.minute_limit then
            b.minute_elsewhere := greatest(0, said_limit - said_remaining
                                              - (select count(*) from unnest(b.calls) c where c > said_when - interval '60 seconds'));
            b.minute_elsewhere_until := least(said_reset, said_when + interval '1 minute');
        elsif said_limit = b.day_limit then
            b.day_elsewhere := greatest(0, said_limit - said_remaining - b.day_calls);
            b.day_elsewhere_until := least(said_reset, said_when + interval '1 day');
        end if;
    end if;
    b.minute_elsewhere := case when b.minute_elsewhere_until > at then b.minute_elsewhere else 0 end;
    b.day_elsewhere := case when b.day_elsewhere_until > at then b.day_elsewhere else 0 end;
    minute_cap := greatest(n, floor(shares[1] * least(ceilings[1], coalesce(b.minute_limit - b.minute_elsewhere, ceilings[1])))::integer);
    day_cap := floor(shares[2] * least(ceilings[2], coalesce(b.day_limit - b.day_elsewhere, ceilings[2])))::integer;
    day_cap := day_cap - ceil(shares[3] * coalesce((b.forecast ->> 'needed')::integer, 0))::integer;
    is_troubled := cardinality(b.outage_members) > 0;
    if b.closed_until > at then
        wait_until := b.closed_until;
    elsif b.paused_until > at then
        wait_until := b.paused_until;
    elsif b.day_calls + n > day_cap then
        -- A share grows as the day goes on; the whole opens with the next day, or when the provider says so.
        wait_until := least((today + 1)::timestamp at time zone 'utc',
                            case when shares[2] < 1 then at + interval '10 minutes' end,
                            case when b.day_elsewhere > 0 then b.day_elsewhere_until end);
    elsif b.minute_limit - b.minute_elsewhere < n then
        wait_until := b.minute_elsewhere_until;
    elsif cardinality(recent) + n > minute_cap then
        wait_until := least(recent[greatest(1, least(cardinality(recent), cardinality(recent) + n - minute_cap))] + interval '60 seconds',
                            case when b.minute_elsewhere > 0 then b.minute_elsewhere_until end);
    else
        insert into wearbase.call_slot as s (provider, app, slot, reason, calls)
        values (the_provider, the_app, date_bin('10 minutes', at, 'epoch'), take_calls.reason, n)
        on conflict on constraint call_slot_pkey do update set calls = s.calls + n;
        is_granted := true;
        recent := recent || array_fill(at, array[n]);
        b.day_calls := b.day_calls + n;
        b.used := jsonb_set(b.used, array[reason], to_jsonb(coalesce((b.used ->> reason)::integer, 0) + n));
        if b.outage_pauses > 0 then
            b.paused_until := at + interval '10 seconds';  -- one call tries whether the outage is over
        end if;
    end if;
    if not is_granted and (wait_until is null or wait_until <= at) then
        wait_until := at + interval '1 minute';
    end if;
    update wearbase.budget
       set calls = recent, minute_limit = b.minute_limit, day_limit = b.day_limit, day = b.day, day_calls = b.day_calls,
           used = b.used, used_before = b.used_before, thinned = b.thinned,
           minute_elsewhere = b.minute_elsewhere, minute_elsewhere_until = b.minute_elsewhere_until, day_elsewhere = b.day_elsewhere,
           day_elsewhere_until = b.day_elsewhere_until, said_at = b.said_at, paused_until = b.paused_until,
           warned_percent = b.warned_percent, updated_at = at
     where provider = the_provider and app = the_app;
end $$;

do $$
declare t text;
declare r text;
begin
    foreach t in array array['call_slot', 'ops_session'] loop
        execute format('alter table %I.%I enable row level security', 'wearbase', t);
        execute format('revoke all on %I.%I from public', 'wearbase', t);
        for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on %I.%I from %I', 'wearbase', t, r);
        end loop;
    end loop;
end $$;
