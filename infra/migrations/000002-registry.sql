--! 000002 devices, presence, attributes, facts, groups
--! breaking: no (the first version)

create table devices (
  device_id       text collate "C" primary key check (device_id ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'),
  hardware_rev    text collate "C" not null,
  firmware_ver    text collate "C" not null,                              -- as the device says it; '' = not yet known
  cert_serial     text collate "C" not null,                              -- hex of the current certificate; '' = none (DDI token, Mender key)
  cert_expires    timestamptz not null,                                   -- 'infinity' = none
  provisioned_at  timestamptz default now(),
  last_seen       timestamptz,                                            -- to the hour; exact in device_presence
  broker_endpoint text collate "C" not null,
  status          text collate "C" default 'active' not null check (status in ('active', 'suspended', 'decommissioned')),
  -- ours
  firmware_key    text collate "C" generated always as (version_key(nullif(firmware_ver, ''))) stored,  -- null = unknown: matches no comparison
  revision        bigint not null default 1,                              -- ETag; +1 by every write but last_seen
  updated_at      timestamptz not null default now()
) with (fillfactor = 90);
create index idx_devices_status on devices (status, firmware_key, device_id);
create index idx_devices_cert_expires on devices (cert_expires, device_id);
create index devices_hardware on devices (hardware_rev, firmware_key, device_id);
comment on table devices is 'distributed; kept';

-- Exact presence. Written in batches by whoever sees devices (polls, births, wills), only where it moves by >= 1 s.
create table device_presence (
  device_id text collate "C" primary key, last_seen timestamptz not null, connected boolean not null default false, connected_at timestamptz,
  cell text collate "C"                               -- broker_endpoints.name; connected_at decides between cells: a late will of the old one does not count
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 0);
comment on table device_presence is 'distributed; kept';

-- What each source told, whole: hawkBit configData, Mender inventory, operator tags. Text, not jsonb: returned as it came, never searched in place.
create table device_attributes (
  device_id text collate "C", source text collate "C" check (source in ('agent', 'operator', 'system')), document text not null,
  updated_at timestamptz not null default now(), primary key (device_id, source)
);
comment on table device_attributes is 'distributed; kept';

-- The searched leaves, attributes and shadows alike, only of fields that the operator declared. Rows change only when the value does.
create table fields (field int generated always as identity primary key, name text collate "C" unique not null, type text not null
  check (type in ('text', 'number', 'version', 'boolean', 'time')), created_at timestamptz not null default now(), ready boolean not null default false);
comment on table fields is 'reference; kept';

create table device_facts (
  device_id text collate "C", field int, t text collate "C" not null check (octet_length(t) <= 1024), n double precision, v text collate "C",
  primary key (device_id, field, t)
);
-- unique, so that the planner may turn `exists` round and page in order; the writer drops a value said twice, deletes what is no longer said and inserts
-- `on conflict do nothing`; a longer or untyped value is kept as t = chr(1), which no query can write: it exists and equals nothing.
create unique index device_facts_t on device_facts (field, t, device_id);
create index device_facts_n on device_facts (field, n, device_id) where n is not null;
create index device_facts_v on device_facts (field, v, device_id) where v is not null;
create statistics device_facts_values (mcv) on field, t from device_facts;
comment on table device_facts is 'distributed; kept';

create table groups (
  group_id int generated always as identity primary key, name text collate "C" unique not null, query text,   -- null = static
  reads text[] not null default '{}',                  -- fields the query depends on: a change of another field evaluates nothing
  revision bigint not null default 1, created_at timestamptz not null default now()
);
comment on table groups is 'reference; kept';

create table group_members (device_id text collate "C", group_id int, since timestamptz not null default now(), primary key (device_id, group_id));
create index group_members_group on group_members (group_id, device_id);
comment on table group_members is 'distributed; kept';
