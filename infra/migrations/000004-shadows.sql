--! 000004 shadows, history, outbox, slots, ticks, dead letters
--! breaking: no (the first version)

create table shadows (
  device_id text collate "C", shadow text collate "C" not null default '',   -- '' = the classic, unnamed one
  version bigint not null, desired text, reported text, metadata text,       -- version 0 = never existed; all null and version > 0 = tombstone
  slot smallint, delivery bigint, tokens bytea,                              -- last applied delivery; 16 hashes of client tokens
  retained boolean not null default false,                                   -- lightweight mode (classic only): set by a subscription to config/desired or by config/reported
  updated_at timestamptz not null default now(), primary key (device_id, shadow)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, toast_tuple_target = 4080);
comment on table shadows is 'distributed; kept';

create table shadow_history (
  device_id text collate "C" not null, shadow text collate "C" not null, version bigint not null, at timestamptz not null default now(),
  actor text collate "C" not null, slot smallint, packet int, request text not null, primary key (device_id, shadow, version, at)
) partition by range (at);
comment on table shadow_history is 'distributed; partition day 7';                                  -- and a cap in GB: data.md §2

-- A row a batch. Read by the holder of the slot only, by `slot = $1 and id > $low` (low trails by 30 s, 0 after a takeover and every 5 s: delivery.md §5);
-- deleted by id within 50 ms. No index but the key: small, and every page is reused.
create table outbox (
  slot smallint, id bigint generated always as identity, at timestamptz not null default now(), epoch bigint, device_ids text[], shadows text[],
    versions bigint[],
  topic text, payload bytea, retain boolean not null default false, primary key (slot, id)
) with (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);
comment on table outbox is 'by slot; queue';

create sequence connector_epochs;
-- broker = broker_endpoints.name, never a host (the embedded one is 'local'); a connector inserts what is missing at start, on conflict do nothing.
create table connector_slots (slot smallint generated always as identity primary key, broker text collate "C" not null, class text collate "C" not null, holder text,
  epoch bigint not null default 0, lease_until timestamptz not null default '-infinity', cursor text, unique (broker, class)) with (fillfactor = 10);
comment on table connector_slots is 'local; kept';

create table cron_ticks (schedule text primary key, -- the function's name
  done timestamptz not null default '-infinity', claimed timestamptz, holder text,
  lease_until timestamptz not null default '-infinity') with (fillfactor = 10);
comment on table cron_ticks is 'local; kept';

create table dead_letters (
  at timestamptz not null default now(), id bigint generated always as identity, slot smallint, device_id text collate "C", topic text not null,
    payload bytea, delivery bigint,
  reason text not null, replayed_at timestamptz, primary key (id, at)
) partition by range (at);
comment on table dead_letters is 'by id; partition month 3';
