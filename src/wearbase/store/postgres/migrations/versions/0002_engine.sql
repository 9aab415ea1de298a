-- Only adds, so that a process of the version before goes on working beside a newer one.

alter table wearbase.connection
    add column refused_at         timestamptz,  -- the provider called this grant dead; cleared by the next pair
    add column keepalive_due_at   timestamptz,
    add column person_hour        timestamptz,  -- calls made for persons, in the hour and the day that began then
    add column person_hour_calls  integer not null default 0,
    add column person_day         timestamptz,
    add column person_day_calls   integer not null default 0;
create index connection_refused on wearbase.connection (provider, refused_at) where refused_at is not null;
create index connection_keepalive on wearbase.connection (keepalive_due_at) where state = 'connected';
create index connection_looked on wearbase.connection (provider, looked_at) where state = 'connected';
update wearbase.connection set keepalive_due_at = updated_at where state = 'connected';

alter table wearbase.sync_state
    add column slot             smallint,     -- the local hour that the due time stands for, where the timetable set it
    add column covered_at       timestamptz,  -- when the last complete read of the overlap began
    add column long_covered_at  timestamptz,  -- the same, of the weekly one
    add column paged_from       timestamptz,  -- the newest window that took several pages: from when,
    add column paged_at         timestamptz;  -- and when its first page was read
update wearbase.sync_state set covered_at = last_success_at;

alter table wearbase.budget
    add column used              jsonb not null default '{}',  -- the day's calls by reason
    add column used_before       jsonb not null default '{}',  -- the day before's
    add column thinned           jsonb not null default '{}',  -- what the timetable left out today, by slot
    add column minute_elsewhere  integer not null default 0,   -- calls that the provider counts and we did not make
    add column minute_elsewhere_until timestamptz,
    add column day_elsewhere     integer not null default 0,
    add column day_elsewhere_until timestamptz,
    add column said_at           timestamptz,
    add column outage_since      timestamptz,
    add column outage_members    bigint[] not null default '{}',
    add column outage_pauses     integer not null default 0,
    add column paused_until      timestamptz,
    add column alarm_since       timestamptz,
    add column forecast          jsonb,
    add column forecast_at       timestamptz,
    add column warned_percent    smallint not null default 0;

-- Takes n calls, or says when to ask again. Exact over any sliding 60 s: the instants of the last minute's calls are kept.
-- `shares` are the parts of the minute and of the day that this asker may fill, and the part of the forecast's need that it leaves
-- to others. What an answer's headers said of the window
-- nearest to its end tells of calls that others made with the same app.
create function wearbase.take_calls(
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
    if said_limit is not null and (b.said_at is null or said_when > b.said_at) then
        b.said_at := said_when;
        if said_limit = b.minute_limit then
            b.minute_elsewhere := greatest(0, said_limit - said_remaining
                                              - (select count(*) from unnest(b.calls) c where c > said_when - interval '60 seconds'));
            b.minute_elsewhere_until := said_reset;
        elsif said_limit = b.day_limit then
            b.day_elsewhere := greatest(0, said_limit - said_remaining - b.day_calls);
            b.day_elsewhere_until := said_reset;
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
        recent := recent || array_fill(at, array[n]);
        b.day_calls := b.day_calls + n;
        b.used := jsonb_set(b.used, array[reason], to_jsonb(coalesce((b.used ->> reason)::integer, 0) + n));
        if b.outage_pauses > 0 then
            b.paused_until := at + interval '10 seconds';  -- one call tries whether the outage is over
        end if;
    end if;
    update wearbase.budget
       set calls = recent, day = b.day, day_calls = b.day_calls, used = b.used, used_before = b.used_before, thinned = b.thinned,
           minute_elsewhere = b.minute_elsewhere, minute_elsewhere_until = b.minute_elsewhere_until, day_elsewhere = b.day_elsewhere,
           day_elsewhere_until = b.day_elsewhere_until, said_at = b.said_at, paused_until = b.paused_until,
           warned_percent = b.warned_percent, updated_at = at
     where provider = the_provider and app = the_app;
end $$;
revoke all on function wearbase.take_calls from public;
do $$
declare t text;
begin
    for t in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on function %I.%I from %I', 'wearbase', 'take_calls', t);
    end loop;
end $$;
