--! 000006 tokens, settings, endpoints, events, webhooks, audit
--! breaking: no (the first version)

create table api_tokens (token_id text collate "C" primary key, kind text not null check (kind in ('operator', 'gateway')), name text not null,
  secret_sha256 bytea not null,
  scope text[] not null,                                -- each ^(read|operate|admin)(:[a-z_]+)?$ or metrics or ddi; checked by the function
  created_at timestamptz not null default now(),
    expires_at timestamptz, revoked_at timestamptz, last_used date);
comment on table api_tokens is 'reference; kept';

create table settings (name text collate "C" primary key, value jsonb not null, revision bigint not null default 1, updated_by text not null,
  updated_at timestamptz not null default now());
comment on table settings is 'reference; kept';

create table broker_endpoints (name text collate "C" primary key, region text, priority smallint not null default 0, hosts jsonb not null,
  checked_at timestamptz, problem text);
comment on table broker_endpoints is 'reference; kept';

-- Readers (SSE, webhooks) go by (xid, id) below pg_snapshot_xmin(pg_current_snapshot()): ids alone come out of order and would be skipped.
create table events (
  at timestamptz not null default now(), xid xid8 not null default pg_current_xact_id(), id bigint generated always as identity, kind text collate "C" not null,
  device_id text collate "C", rollout_id int, payload text not null
) partition by range (at);
create index events_order on events (xid, id);
create index events_device on events (device_id, at) where device_id is not null;
comment on table events is 'local; partition day 30';

create table webhooks (webhook_id int generated always as identity primary key, url text not null, wrapped_secret bytea not null, wrapped_secret_old bytea,
  kinds text[] not null, enabled boolean not null default true,
  cursor_xid xid8 not null default pg_current_xact_id(), cursor_id bigint not null default 0, holder text,
    lease_until timestamptz not null default '-infinity') with (fillfactor = 50);
comment on table webhooks is 'local; kept';

create table webhook_retries (webhook_id int, event_id bigint, at timestamptz not null, payload text not null, attempts smallint not null default 1,
  next_at timestamptz not null, expires_at timestamptz not null,
  primary key (webhook_id, event_id));                 -- only what failed: a success leaves no row
create index webhook_retries_next on webhook_retries (next_at);
create index webhook_retries_expires on webhook_retries (expires_at);
comment on table webhook_retries is 'local; expires expires_at';

create table audit (
  at timestamptz not null default now(), xid xid8 not null default pg_current_xact_id(), id bigint generated always as identity,
    actor text collate "C" not null, token_id text,
  source inet, call_id text, verb text collate "C" not null, target text collate "C", code text, detail jsonb
) partition by range (at);
create index audit_order on audit (xid, id);
create index audit_target on audit (target, at);
comment on table audit is 'local; partition month 24';

create table audit_seals (seal_id bigint primary key, from_xid xid8 not null, to_xid xid8 not null, rows bigint not null, root bytea not null,
  previous bytea not null, signature bytea not null, public_key bytea not null, at timestamptz not null);
comment on table audit_seals is 'local; kept';

-- What health answers for parts that the asking function cannot reach: broker by the connector with each lease, store by ota's step, pki by its own. Older than 60 s is red.
create table health_marks (name text primary key, at timestamptz not null, problem text);
comment on table health_marks is 'reference; kept';

create table console_links (secret_sha256 bytea primary key, token_id text collate "C" not null, expires_at timestamptz not null);
create index console_links_expires on console_links (expires_at);
comment on table console_links is 'local; expires expires_at';

-- Topics of the operator's own: what devices and service accounts may do there beside Muster's. `{id}` in the filter is the device's id.
create table topics (
  filter text collate "C" primary key, device text not null check (device in ('publish', 'subscribe', 'both')),
  created_at timestamptz not null default now()
);
comment on table topics is 'reference; kept';
