--! 000003 allowlist, credentials, enrollments, certificates
--! breaking: no (the first version)

-- One row a key to match, so that every look-up is one probe of the primary key, whatever the operator knows of the device.
create table allowlist (
  value text collate "C", match text collate "C" check (match in ('device_id', 'serial', 'spki', 'idevid')), device_id text collate "C",
  hardware_rev text collate "C", credentials text[], expires_at timestamptz, uses int not null default 0, max_uses int not null default 1,
  state text not null default 'open' check (state in ('open', 'pending', 'used', 'blocked')), import_id int not null, primary key (value, match)
);
comment on table allowlist is 'by value; kept';

-- An import is an operation (kind allowlist.import): its rows are staged here, checked, then taken by ONE insert … select … on conflict. Nothing half-imported is ever seen.
create unlogged table import_rows (operation_id int, line int, row text not null, primary key (operation_id, line));
comment on table import_rows is 'local; queue';

create table bootstrap_credentials (
  credential_id text collate "C" primary key, kind text not null check (kind in ('token', 'claim', 'shared_key', 'idevid')),
  secret_hash bytea, wrapped_key bytea, certificate bytea, hardware_revs text[], networks cidr[], transports text[] not null default '{http}',
  enabled boolean not null default true, starts_at timestamptz, expires_at timestamptz not null, max_uses bigint not null,
    revision bigint not null default 1, created_at timestamptz not null default now()
);
comment on table bootstrap_credentials is 'reference; kept';

-- Uses: 1 slot if max_uses <= 1000 (exact), else 16 slots that share max_uses. An instance adds a batch at once, as the LAST statement of its transaction:
-- update … set used = used + $n where credential_id = $1 and slot = $2 and used + $n <= allowed returning used. No row: try the other slots, then refuse.
create table credential_uses (
  credential_id text collate "C", slot smallint, used bigint not null default 0, allowed bigint not null, refused bigint not null default 0,
    last_used timestamptz,
  primary key (credential_id, slot)
) with (fillfactor = 10, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);
comment on table credential_uses is 'by credential_id; kept';

-- Idempotency of enrolment: same device, key and profile = same row = same certificate. Inserted first, so two at once wait for each other here.
create table enrollments (
  device_id text collate "C", request bytea,           -- sha256(spki | profile)
  credential_id text collate "C", protocol text not null, state text not null check (state in ('pending', 'approved', 'signing', 'issued', 'rejected')),
  csr bytea, serial bytea, reason text, created_at timestamptz not null default now(), expires_at timestamptz not null, primary key (device_id, request)
) with (fillfactor = 80);
create index enrollments_pending on enrollments (created_at, device_id) where state = 'pending';
create index enrollments_expires on enrollments (expires_at);
comment on table enrollments is 'distributed; expires expires_at';

-- Serial: 127 random bits; unique by chance (2^-74 at 100 M), not by constraint: no constraint without device_id can be kept on several servers.
create table certificates (
  device_id text collate "C", serial bytea, issuer_id smallint not null, sha256 bytea not null, spki_sha256 bytea not null, profile text collate "C" not null,
  not_before timestamptz not null, not_after timestamptz not null, renew_at timestamptz not null,   -- two thirds of life, jittered at issue: no storm
  state text not null default 'active' check (state in ('active', 'superseded', 'revoked')),
  alerted smallint, asked_at timestamptz,              -- 30, 14, 7: each once
  used_at timestamptz,                                 -- first shown over HTTP: ends the overlap of the one before it (pki: at most 7 days)
  credential_id text collate "C", der bytea not null,
  issued_at timestamptz not null default now(),        -- orders a device's certificates: not_before has whole seconds
  primary key (device_id, serial)
) with (fillfactor = 95);
create index certificates_serial on certificates (serial);          -- OCSP; fan-out when distributed, an answer is cached until its nextUpdate
create index certificates_spki on certificates (spki_sha256);       -- revoke by key; "key already certified"
create index certificates_renew on certificates (renew_at, device_id) where state = 'active' and asked_at is null;  -- leaves it once asked: a scan costs what is due
create index certificates_alert on certificates (alerted, not_after, device_id) where state = 'active';
create index certificates_end on certificates (not_after);
alter table certificates alter der set storage external;
comment on table certificates is 'distributed; expires not_after';

create table revocations (                             -- what CRL and OCSP say; the CRL is this table in order of serial
  issuer_id smallint, serial bytea, device_id text collate "C" not null, revoked_at timestamptz not null, reason smallint not null,
    not_after timestamptz not null,
  primary key (issuer_id, serial)
);
create index revocations_end on revocations (not_after);
create index revocations_at on revocations (issuer_id, revoked_at);
comment on table revocations is 'reference; expires not_after';

create table issuers (issuer_id smallint primary key, certificate bytea not null, key_name text not null, state text not null check (state in ('root',
  'next', 'active', 'retired')),
  not_after timestamptz not null, crl_number bigint not null default 0, day date not null default current_date, issued_today bigint not null default 0,
    daily_quota bigint not null);
comment on table issuers is 'reference; kept';         -- quota: one update a signing batch, by `pki` alone

create table crls (issuer_id smallint, shard smallint, number bigint not null, this_update timestamptz not null, next_update timestamptz not null,
  der bytea not null, primary key (issuer_id, shard));
comment on table crls is 'local; kept';

create table certificate_profiles (name text collate "C" primary key, backend text not null, definition jsonb not null, revision bigint not null default 1);
comment on table certificate_profiles is 'reference; kept';

-- Two generations, the older is truncated each period: no vacuum. A crash empties it: limits begin anew (unlogged).
create unlogged table rate_counts_0 (key bytea primary key, n int not null) with (fillfactor = 50);
create unlogged table rate_counts_1 (key bytea primary key, n int not null) with (fillfactor = 50);
comment on table rate_counts_0 is 'by key; queue'; comment on table rate_counts_1 is 'by key; queue';

-- Seen once: JWS ids, HMAC nonces. Logged: a crash must not reopen the window.
create table seen_once (key bytea primary key, expires_at timestamptz not null);
create index seen_once_expires on seen_once (expires_at);
comment on table seen_once is 'by key; expires expires_at';

-- HTTP Idempotency-Key. owner = device_id where the verb concerns one device (same shard, same transaction), else token id; key = token id, a space, the
-- client's key; request_sha256 covers method, path, body.
create table idempotency_keys (owner text collate "C", key text collate "C", request_sha256 bytea not null, status smallint, answer text,
  expires_at timestamptz not null, primary key (owner, key));
create index idempotency_keys_expires on idempotency_keys (expires_at);
comment on table idempotency_keys is 'by owner; expires expires_at';
