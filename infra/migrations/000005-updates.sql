--! 000005 operations, artifacts, releases, rollouts, actions
--! breaking: no (the first version)

-- Long work in slices: devices.bulk, shadows.bulk, certificates.bulk, enrollments.bulk, actions.bulk, allowlist.import, artifact.check, index.backfill. Finished ones go after 90 days.
create table operations (operation_id int generated always as identity primary key, kind text collate "C" not null, actor text not null,
  owner text not null,                                  -- the function that advances it
  input jsonb not null default '{}', query text, state text not null default 'queued' check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  cursor text collate "C", total int, done int not null default 0, failed int not null default 0, holder text,
  lease_until timestamptz not null default '-infinity', created_at timestamptz not null default now(), finished_at timestamptz) with (fillfactor = 50);
comment on table operations is 'reference; kept';

create table operation_results (device_id text collate "C", operation_id int, state text not null, code text, detail text,
  at timestamptz not null default now(), primary key (device_id, operation_id));
create index operation_results_operation on operation_results (operation_id, device_id);
create index operation_results_at on operation_results (at);
comment on table operation_results is 'distributed; expires at';

create table trusted_keys (key_id text collate "C" primary key, algorithm text not null, public_key bytea not null, hardware_revs text[],
  revoked_at timestamptz, created_at timestamptz not null default now());
comment on table trusted_keys is 'reference; kept';

create table artifacts (
  artifact_id int generated always as identity primary key, name text collate "C" not null, format text not null check (format in ('swu', 'raucb',
    'mender', 'mcuboot', 'raw')),
  version text collate "C" not null, size bigint not null, sha256 bytea not null unique, sha1 bytea not null, md5 bytea not null, object text not null,
  metadata jsonb not null default '{}', signature text not null check (signature in ('trusted', 'unsigned_allowed')),
    key_id text collate "C" references trusted_keys,
  security_counter bigint, state text not null check (state in ('ready', 'blocked')), created_at timestamptz not null default now(),
  check ((signature = 'trusted') = (key_id is not null))
);
comment on table artifacts is 'reference; kept';

create table releases (release_id int generated always as identity primary key, name text collate "C" unique not null, version text collate "C" not null,
  version_key text collate "C" generated always as (version_key(version)) stored, depends jsonb not null default '{}',
    created_at timestamptz not null default now());
comment on table releases is 'reference; kept';

create table release_artifacts (release_id int references releases, hardware_rev text collate "C", artifact_id int not null references artifacts,
  primary key (release_id, hardware_rev, artifact_id));
comment on table release_artifacts is 'reference; kept';

-- An upload in parts of the object store's size. An open one expires; a checked one stays as long, to tell how it went.
create table uploads (upload_id uuid primary key, name text collate "C" not null, format text not null, version text collate "C" not null, size bigint not null,
  sha256 bytea not null, signature bytea, object text not null, store_upload text not null,
  state text collate "C" not null default 'open' check (state in ('open', 'checking', 'ready', 'refused')), code text, detail text, artifact_id int,
    operation_id int,
  actor text not null, created_at timestamptz not null default now(), expires_at timestamptz not null);
create unique index uploads_open on uploads (sha256) where state = 'open';
create index uploads_expires on uploads (expires_at);
comment on table uploads is 'local; expires expires_at';

-- A row a part, so that parts sent at once do not wait for each other.
create table upload_parts (upload_id uuid, part int check (part > 0), size int not null, tag text not null, expires_at timestamptz not null,
  primary key (upload_id, part));
create index upload_parts_expires on upload_parts (expires_at);
comment on table upload_parts is 'local; expires expires_at';

create table rollouts (
  rollout_id int generated always as identity primary key, name text collate "C" unique not null, release_id int not null references releases,
    query text not null,
  status text not null check (status in ('draft', 'waiting_for_approval', 'ready', 'starting', 'running', 'paused', 'stopping', 'stopped', 'finished')),
  kind text not null check (kind in ('soft', 'forced', 'download_only')), weight smallint not null default 500, dynamic boolean not null default false,
  -- rate, thresholds, windows, time-outs, verification, cohort and roll-back policy: validated by the function's schema
  rules jsonb not null,
  cursor text collate "C",                             -- materialising goes on from here after a crash
  problem text,                                        -- why it is paused, for people
  selected_at timestamptz,                             -- the query's now: set by the first start
  checked_at timestamptz,                              -- when its artifacts were hashed again, which a start waits for
  author text not null, approver text, revision bigint not null default 1, created_at timestamptz not null default now(), finished_at timestamptz,
  check (approver is distinct from author)
);
create index rollouts_live on rollouts (status) where status in ('starting', 'running', 'stopping');
comment on table rollouts is 'reference; kept';

-- Counters are written by the engine's step alone (one lease), from action_results: no hot row, no lock on the device's path.
create table rollout_groups (
  rollout_id int references rollouts, grp smallint, percent double precision not null,
    state text not null check (state in ('scheduled', 'running', 'finished', 'failed')), total int not null default 0,
  released int not null default 0, succeeded int not null default 0, failed int not null default 0, cancelled int not null default 0,
  tolerated int not null default 0,                    -- failures that the operator has accepted by going on
    primary key (rollout_id, grp)
) with (fillfactor = 50);
comment on table rollout_groups is 'reference; kept';

-- number: 31 bits for DDI, unique within its device (a DDI path always names the device): the database's seconds since 2026-01-01, one new action a device
-- and second, `on conflict do nothing`, the rest at the next step. It rises also after a device was deleted and came back. Mender's id is a codec, UUIDv8 of
-- (rollout_id, number): no column, no index. AWS' jobId is the rollout's name. A scheduled action enters two indexes only: a rollout is made in one statement.
-- state changes five times an action and is in no index and no index predicate, so those updates are HOT; phase changes twice and is what indexes see.
-- check_at is the engine's alone: when it comes, the engine looks at state and state_at, fails the action or sets the next check. Devices never write it.
create table actions (
  device_id text collate "C", number int check (number > 0), rollout_id int, grp smallint not null default 0, release_id int not null,
    weight smallint not null default 500,
  phase text collate "C" not null default 'scheduled' check (phase in ('scheduled', 'open', 'ended')),
  state text collate "C" not null check (state in ('scheduled', 'offered', 'retrieved', 'downloading', 'downloaded', 'installing', 'rebooting', 'verifying',
    'succeeded', 'failed', 'cancelling', 'cancelled', 'rejected', 'timed_out')),
  state_at timestamptz not null default now(), check_at timestamptz, created_at timestamptz not null default now(),
  from_version text collate "C", agent_verdict text, attempt smallint not null default 1, primary key (device_id, number),
  check ((phase = 'scheduled') = (state = 'scheduled') and (phase = 'ended') = (state in ('succeeded', 'failed', 'cancelled', 'rejected', 'timed_out')))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index actions_open on actions (device_id) where phase = 'open';
create index actions_next on actions (rollout_id, grp, device_id) where phase = 'scheduled';
create index actions_check on actions (check_at, device_id) where phase = 'open';
create index actions_rollout on actions (rollout_id, phase, device_id) where phase <> 'scheduled';
create index actions_end on actions (created_at) where phase = 'ended';                            -- retention
comment on table actions is 'distributed; expires created_at';

create table action_status (
  device_id text collate "C" not null, number int not null, at timestamptz not null default now(), state text collate "C" not null, code int,
    progress smallint, messages text
) partition by range (at);
create index action_status_action on action_status (device_id, number, at);
comment on table action_status is 'distributed; partition week 13';

create table action_results (                          -- ends of actions, until the engine has counted them; no index
  device_id text collate "C" not null, number int not null, rollout_id int not null, grp smallint not null, outcome text not null, hardware_rev text,
    from_version text, cohort jsonb
) with (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
comment on table action_results is 'distributed; queue';
