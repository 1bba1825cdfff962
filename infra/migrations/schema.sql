CREATE FUNCTION public.oldest_snapshot(OUT seconds double precision, OUT hidden integer) RETURNS record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(extract(epoch from clock_timestamp() - least(min(xact_start) filter (where coalesce(backend_xid, backend_xmin) is not null),
                                                               (select min(prepared) from pg_prepared_xacts))), 0)::float8,
         count(*) filter (where usesysid is not null and query = '<insufficient privilege>')::int
    from pg_stat_activity where pid <> pg_backend_pid() and backend_type is distinct from 'autovacuum worker' $$;

CREATE FUNCTION public.partition_ahead(parent text) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
  select partition_make(parent, now()) $$;

CREATE FUNCTION public.partition_cap(parent text, bytes bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
declare rule record; size bigint; oldest text;
begin
  select * into rule from partition_rule(parent);
  if rule.period is distinct from 'day' then raise exception '% is not kept by the day', parent using errcode = '22023'; end if;
  select sum(pg_total_relation_size(c.oid)), min(c.relname::text) into size, oldest
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = ('public.' || quote_ident(parent))::regclass;
  if size is null or size <= bytes or right(oldest, 8) >= to_char(now() at time zone 'UTC', 'YYYYMMDD') then return false; end if;
  perform set_config('lock_timeout', '500ms', true);
  execute format('drop table public.%I', oldest);
  return true;
end $$;

CREATE FUNCTION public.partition_drop(parent text) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
  select partition_remove(parent, now() - (select kept * ('1 ' || period)::interval from partition_rule(parent))) $$;

CREATE FUNCTION public.partition_make(parent text, first timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare rule record; step interval; lower timestamptz; child text; made int := 0;
begin
  select * into rule from partition_rule(parent);
  if rule.period is null then raise exception 'no partitioned table %', parent using errcode = '22023'; end if;
  step := ('1 ' || rule.period)::interval;
  for i in 0..14 loop
    lower := (date_trunc(rule.period, first at time zone 'UTC') + i * step) at time zone 'UTC';
    child := parent || '_' || to_char(lower at time zone 'UTC', 'YYYYMMDD');
    continue when to_regclass('public.' || quote_ident(child)) is not null;
    execute format('create table public.%I (like public.%I including all excluding identity)', child, parent);
    execute format('alter table public.%I attach partition public.%I for values from (%L) to (%L)', parent, child, lower,
      ((lower at time zone 'UTC') + step) at time zone 'UTC');
    made := made + 1;
  end loop;
  return made;
end $$;

CREATE FUNCTION public.partition_remove(parent text, cutoff timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
declare rule record; child record; gone int := 0;
begin
  select * into rule from partition_rule(parent);
  if rule.period is null then raise exception 'no partitioned table %', parent using errcode = '22023'; end if;
  perform set_config('lock_timeout', '500ms', true);
  for child in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = ('public.' || quote_ident(parent))::regclass and c.relname ~ ('^' || parent || '_\d{8}$')
       and (to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp + ('1 ' || rule.period)::interval) at time zone 'UTC' <= cutoff
     order by c.relname
  loop
    execute format('drop table public.%I', child.relname);
    gone := gone + 1;
  end loop;
  return gone;
end $_$;

CREATE FUNCTION public.partition_rule(parent text, OUT period text, OUT kept integer) RETURNS record
    LANGUAGE sql STABLE
    AS $_$
  select m[1], m[2]::int
    from pg_class c join pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass,
         regexp_match(d.description, 'partition (day|week|month) (\d+)$') m
   where c.relnamespace = 'public'::regnamespace and c.relname = parent and c.relkind = 'p' $_$;

CREATE FUNCTION public.version_key(version text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
declare plain text := split_part(version, '+', 1); dash int; core text; part text; run text; separator text := ''; key text := '';
begin
  if plain ~ '^[vV][0-9]' then plain := substr(plain, 2); end if;
  dash := strpos(plain, '-');
  core := case when dash > 0 then left(plain, dash - 1) else plain end;
  if right(core, 2) = '.0' or right(core,2) = '00' then core := regexp_replace(core, '(\.0+)+$', ''); end if;
  foreach part in array string_to_array(core, '.') loop
    key := key || separator; separator := '3';
    if part ~ '^[0-9]{1,89}$' then
      part := ltrim(part, '0'); if part = '' then part := '0'; end if;
      key := key || '5' || chr(33 + length(part)) || part;
    else
      for run in select m[1] from regexp_matches(part, '([0-9]+|[^0-9]+)', 'g') m loop key := key || version_run(run); end loop;
    end if;
  end loop;
  if dash = 0 then return key || '2'; end if;
  key := key || '1'; separator := '';
  foreach part in array string_to_array(substr(plain, dash + 1), '.') loop key := key || separator || version_run(part); separator := '3'; end loop;
  return key;
end $_$;

CREATE FUNCTION public.version_run(run text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
  select case when run ~ '^[0-9]{1,89}$' then '5' || chr(33 + length(digits)) || digits else '7' || run || chr(1) end
    from (select coalesce(nullif(ltrim(run, '0'), ''), '0') as digits) d $_$;

CREATE TABLE public.action_results (
    device_id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    rollout_id integer NOT NULL,
    grp smallint NOT NULL,
    outcome text NOT NULL,
    hardware_rev text,
    from_version text,
    cohort jsonb
)
WITH (autovacuum_vacuum_threshold='2000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_cost_delay='0');

COMMENT ON TABLE public.action_results IS 'distributed; queue';

CREATE TABLE public.action_status (
    device_id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    code integer,
    progress smallint,
    messages text
)
PARTITION BY RANGE (at);

COMMENT ON TABLE public.action_status IS 'distributed; partition week 13';

CREATE TABLE public.actions (
    device_id text NOT NULL COLLATE pg_catalog."C",
    number integer NOT NULL,
    rollout_id integer,
    grp smallint DEFAULT 0 NOT NULL,
    release_id integer NOT NULL,
    weight smallint DEFAULT 500 NOT NULL,
    phase text DEFAULT 'scheduled'::text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    state_at timestamp with time zone DEFAULT now() NOT NULL,
    check_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    from_version text COLLATE pg_catalog."C",
    agent_verdict text,
    attempt smallint DEFAULT 1 NOT NULL,
    CONSTRAINT actions_check CHECK ((((phase = 'scheduled'::text) = (state = 'scheduled'::text)) AND ((phase = 'ended'::text) = (state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'rejected'::text, 'timed_out'::text]))))),
    CONSTRAINT actions_number_check CHECK ((number > 0)),
    CONSTRAINT actions_phase_check CHECK ((phase = ANY (ARRAY['scheduled'::text, 'open'::text, 'ended'::text]))),
    CONSTRAINT actions_state_check CHECK ((state = ANY (ARRAY['scheduled'::text, 'offered'::text, 'retrieved'::text, 'downloading'::text, 'downloaded'::text, 'installing'::text, 'rebooting'::text, 'verifying'::text, 'succeeded'::text, 'failed'::text, 'cancelling'::text, 'cancelled'::text, 'rejected'::text, 'timed_out'::text])))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.05');

COMMENT ON TABLE public.actions IS 'distributed; expires created_at';

CREATE TABLE public.allowlist (
    value text NOT NULL COLLATE pg_catalog."C",
    match text NOT NULL COLLATE pg_catalog."C",
    device_id text COLLATE pg_catalog."C",
    hardware_rev text COLLATE pg_catalog."C",
    credentials text[],
    expires_at timestamp with time zone,
    uses integer DEFAULT 0 NOT NULL,
    max_uses integer DEFAULT 1 NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    import_id integer NOT NULL,
    CONSTRAINT allowlist_match_check CHECK ((match = ANY (ARRAY['device_id'::text, 'serial'::text, 'spki'::text, 'idevid'::text]))),
    CONSTRAINT allowlist_state_check CHECK ((state = ANY (ARRAY['open'::text, 'pending'::text, 'used'::text, 'blocked'::text])))
);

COMMENT ON TABLE public.allowlist IS 'by value; kept';

CREATE TABLE public.api_tokens (
    token_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    name text NOT NULL,
    secret_sha256 bytea NOT NULL,
    scope text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used date,
    CONSTRAINT api_tokens_kind_check CHECK ((kind = ANY (ARRAY['operator'::text, 'gateway'::text])))
);

COMMENT ON TABLE public.api_tokens IS 'reference; kept';

CREATE TABLE public.artifacts (
    artifact_id integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    format text NOT NULL,
    version text NOT NULL COLLATE pg_catalog."C",
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    sha1 bytea NOT NULL,
    md5 bytea NOT NULL,
    object text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    signature text NOT NULL,
    key_id text COLLATE pg_catalog."C",
    security_counter bigint,
    state text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT artifacts_check CHECK (((signature = 'trusted'::text) = (key_id IS NOT NULL))),
    CONSTRAINT artifacts_format_check CHECK ((format = ANY (ARRAY['swu'::text, 'raucb'::text, 'mender'::text, 'mcuboot'::text, 'raw'::text]))),
    CONSTRAINT artifacts_signature_check CHECK ((signature = ANY (ARRAY['trusted'::text, 'unsigned_allowed'::text]))),
    CONSTRAINT artifacts_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'blocked'::text])))
);

COMMENT ON TABLE public.artifacts IS 'reference; kept';

ALTER TABLE public.artifacts ALTER COLUMN artifact_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.artifacts_artifact_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.audit (
    at timestamp with time zone DEFAULT now() NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    id bigint NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    token_id text,
    source inet,
    call_id text,
    verb text NOT NULL COLLATE pg_catalog."C",
    target text COLLATE pg_catalog."C",
    code text,
    detail jsonb
)
PARTITION BY RANGE (at);

COMMENT ON TABLE public.audit IS 'local; partition month 24';

ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.audit_seals (
    seal_id bigint NOT NULL,
    from_xid xid8 NOT NULL,
    to_xid xid8 NOT NULL,
    rows bigint NOT NULL,
    root bytea NOT NULL,
    previous bytea NOT NULL,
    signature bytea NOT NULL,
    public_key bytea NOT NULL,
    at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.audit_seals IS 'local; kept';

CREATE TABLE public.bootstrap_credentials (
    credential_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    secret_hash bytea,
    wrapped_key bytea,
    certificate bytea,
    hardware_revs text[],
    networks cidr[],
    transports text[] DEFAULT '{http}'::text[] NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    starts_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL,
    max_uses bigint NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT bootstrap_credentials_kind_check CHECK ((kind = ANY (ARRAY['token'::text, 'claim'::text, 'shared_key'::text, 'idevid'::text])))
);

COMMENT ON TABLE public.bootstrap_credentials IS 'reference; kept';

CREATE TABLE public.broker_endpoints (
    name text NOT NULL COLLATE pg_catalog."C",
    region text,
    priority smallint DEFAULT 0 NOT NULL,
    hosts jsonb NOT NULL,
    checked_at timestamp with time zone,
    problem text
);

COMMENT ON TABLE public.broker_endpoints IS 'reference; kept';

CREATE TABLE public.certificate_profiles (
    name text NOT NULL COLLATE pg_catalog."C",
    backend text NOT NULL,
    definition jsonb NOT NULL,
    revision bigint DEFAULT 1 NOT NULL
);

COMMENT ON TABLE public.certificate_profiles IS 'reference; kept';

CREATE TABLE public.certificates (
    device_id text NOT NULL COLLATE pg_catalog."C",
    serial bytea NOT NULL,
    issuer_id smallint NOT NULL,
    sha256 bytea NOT NULL,
    spki_sha256 bytea NOT NULL,
    profile text NOT NULL COLLATE pg_catalog."C",
    not_before timestamp with time zone NOT NULL,
    not_after timestamp with time zone NOT NULL,
    renew_at timestamp with time zone NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    alerted smallint,
    asked_at timestamp with time zone,
    used_at timestamp with time zone,
    credential_id text COLLATE pg_catalog."C",
    der bytea NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT certificates_state_check CHECK ((state = ANY (ARRAY['active'::text, 'superseded'::text, 'revoked'::text])))
)
WITH (fillfactor='95');
ALTER TABLE ONLY public.certificates ALTER COLUMN der SET STORAGE EXTERNAL;

COMMENT ON TABLE public.certificates IS 'distributed; expires not_after';

CREATE SEQUENCE public.connector_epochs
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.connector_slots (
    slot smallint NOT NULL,
    broker text NOT NULL COLLATE pg_catalog."C",
    class text NOT NULL COLLATE pg_catalog."C",
    holder text,
    epoch bigint DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    cursor text
)
WITH (fillfactor='10');

COMMENT ON TABLE public.connector_slots IS 'local; kept';

ALTER TABLE public.connector_slots ALTER COLUMN slot ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.connector_slots_slot_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.console_links (
    secret_sha256 bytea NOT NULL,
    token_id text NOT NULL COLLATE pg_catalog."C",
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.console_links IS 'local; expires expires_at';

CREATE TABLE public.credential_uses (
    credential_id text NOT NULL COLLATE pg_catalog."C",
    slot smallint NOT NULL,
    used bigint DEFAULT 0 NOT NULL,
    allowed bigint NOT NULL,
    refused bigint DEFAULT 0 NOT NULL,
    last_used timestamp with time zone
)
WITH (fillfactor='10', autovacuum_vacuum_threshold='500', autovacuum_vacuum_scale_factor='0');

COMMENT ON TABLE public.credential_uses IS 'by credential_id; kept';

CREATE TABLE public.crls (
    issuer_id smallint NOT NULL,
    shard smallint NOT NULL,
    number bigint NOT NULL,
    this_update timestamp with time zone NOT NULL,
    next_update timestamp with time zone NOT NULL,
    der bytea NOT NULL
);

COMMENT ON TABLE public.crls IS 'local; kept';

CREATE TABLE public.cron_ticks (
    schedule text NOT NULL,
    done timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    claimed timestamp with time zone,
    holder text,
    lease_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
)
WITH (fillfactor='10');

COMMENT ON TABLE public.cron_ticks IS 'local; kept';

CREATE TABLE public.dead_letters (
    at timestamp with time zone DEFAULT now() NOT NULL,
    id bigint NOT NULL,
    slot smallint,
    device_id text COLLATE pg_catalog."C",
    topic text NOT NULL,
    payload bytea,
    delivery bigint,
    reason text NOT NULL,
    replayed_at timestamp with time zone
)
PARTITION BY RANGE (at);

COMMENT ON TABLE public.dead_letters IS 'by id; partition month 3';

ALTER TABLE public.dead_letters ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dead_letters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.device_attributes (
    device_id text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    document text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT device_attributes_source_check CHECK ((source = ANY (ARRAY['agent'::text, 'operator'::text, 'system'::text])))
);

COMMENT ON TABLE public.device_attributes IS 'distributed; kept';

CREATE TABLE public.device_facts (
    device_id text NOT NULL COLLATE pg_catalog."C",
    field integer NOT NULL,
    t text NOT NULL COLLATE pg_catalog."C",
    n double precision,
    v text COLLATE pg_catalog."C",
    CONSTRAINT device_facts_t_check CHECK ((octet_length(t) <= 1024))
);

COMMENT ON TABLE public.device_facts IS 'distributed; kept';

CREATE TABLE public.device_presence (
    device_id text NOT NULL COLLATE pg_catalog."C",
    last_seen timestamp with time zone NOT NULL,
    connected boolean DEFAULT false NOT NULL,
    connected_at timestamp with time zone,
    cell text COLLATE pg_catalog."C"
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_cost_delay='0');

COMMENT ON TABLE public.device_presence IS 'distributed; kept';

CREATE TABLE public.devices (
    device_id text NOT NULL COLLATE pg_catalog."C",
    hardware_rev text NOT NULL COLLATE pg_catalog."C",
    firmware_ver text NOT NULL COLLATE pg_catalog."C",
    cert_serial text NOT NULL COLLATE pg_catalog."C",
    cert_expires timestamp with time zone NOT NULL,
    provisioned_at timestamp with time zone DEFAULT now(),
    last_seen timestamp with time zone,
    broker_endpoint text NOT NULL COLLATE pg_catalog."C",
    status text DEFAULT 'active'::text NOT NULL COLLATE pg_catalog."C",
    firmware_key text GENERATED ALWAYS AS (public.version_key(NULLIF(firmware_ver, ''::text))) STORED COLLATE pg_catalog."C",
    revision bigint DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT devices_device_id_check CHECK ((device_id ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$'::text)),
    CONSTRAINT devices_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'decommissioned'::text])))
)
WITH (fillfactor='90');

COMMENT ON TABLE public.devices IS 'distributed; kept';

CREATE TABLE public.enrollments (
    device_id text NOT NULL COLLATE pg_catalog."C",
    request bytea NOT NULL,
    credential_id text COLLATE pg_catalog."C",
    protocol text NOT NULL,
    state text NOT NULL,
    csr bytea,
    serial bytea,
    reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT enrollments_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'signing'::text, 'issued'::text, 'rejected'::text])))
)
WITH (fillfactor='80');

COMMENT ON TABLE public.enrollments IS 'distributed; expires expires_at';

CREATE TABLE public.events (
    at timestamp with time zone DEFAULT now() NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    device_id text COLLATE pg_catalog."C",
    rollout_id integer,
    payload text NOT NULL
)
PARTITION BY RANGE (at);

COMMENT ON TABLE public.events IS 'local; partition day 30';

ALTER TABLE public.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.fields (
    field integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ready boolean DEFAULT false NOT NULL,
    CONSTRAINT fields_type_check CHECK ((type = ANY (ARRAY['text'::text, 'number'::text, 'version'::text, 'boolean'::text, 'time'::text])))
);

COMMENT ON TABLE public.fields IS 'reference; kept';

ALTER TABLE public.fields ALTER COLUMN field ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.fields_field_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.fleet_numbers (
    name text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone NOT NULL,
    numbers jsonb NOT NULL
);

COMMENT ON TABLE public.fleet_numbers IS 'local; kept';

CREATE TABLE public.group_members (
    device_id text NOT NULL COLLATE pg_catalog."C",
    group_id integer NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.group_members IS 'distributed; kept';

CREATE TABLE public.groups (
    group_id integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    query text,
    reads text[] DEFAULT '{}'::text[] NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.groups IS 'reference; kept';

ALTER TABLE public.groups ALTER COLUMN group_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.groups_group_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.health_marks (
    name text NOT NULL,
    at timestamp with time zone NOT NULL,
    problem text
);

COMMENT ON TABLE public.health_marks IS 'reference; kept';

CREATE TABLE public.idempotency_keys (
    owner text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    request_sha256 bytea NOT NULL,
    status smallint,
    answer text,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.idempotency_keys IS 'by owner; expires expires_at';

CREATE UNLOGGED TABLE public.import_rows (
    operation_id integer NOT NULL,
    line integer NOT NULL,
    "row" text NOT NULL
);

COMMENT ON TABLE public.import_rows IS 'local; queue';

CREATE TABLE public.issuers (
    issuer_id smallint NOT NULL,
    certificate bytea NOT NULL,
    key_name text NOT NULL,
    state text NOT NULL,
    not_after timestamp with time zone NOT NULL,
    crl_number bigint DEFAULT 0 NOT NULL,
    day date DEFAULT CURRENT_DATE NOT NULL,
    issued_today bigint DEFAULT 0 NOT NULL,
    daily_quota bigint NOT NULL,
    CONSTRAINT issuers_state_check CHECK ((state = ANY (ARRAY['root'::text, 'next'::text, 'active'::text, 'retired'::text])))
);

COMMENT ON TABLE public.issuers IS 'reference; kept';

CREATE TABLE public.operation_results (
    device_id text NOT NULL COLLATE pg_catalog."C",
    operation_id integer NOT NULL,
    state text NOT NULL,
    code text,
    detail text,
    at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.operation_results IS 'distributed; expires at';

CREATE TABLE public.operations (
    operation_id integer NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL,
    owner text NOT NULL,
    input jsonb DEFAULT '{}'::jsonb NOT NULL,
    query text,
    state text DEFAULT 'queued'::text NOT NULL,
    cursor text COLLATE pg_catalog."C",
    total integer,
    done integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    holder text,
    lease_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT operations_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])))
)
WITH (fillfactor='50');

COMMENT ON TABLE public.operations IS 'reference; kept';

ALTER TABLE public.operations ALTER COLUMN operation_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.operations_operation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.outbox (
    slot smallint NOT NULL,
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    epoch bigint,
    device_ids text[],
    shadows text[],
    versions bigint[],
    topic text,
    payload bytea,
    retain boolean DEFAULT false NOT NULL
)
WITH (autovacuum_vacuum_threshold='2000', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_insert_threshold='-1', autovacuum_vacuum_cost_delay='0');

COMMENT ON TABLE public.outbox IS 'by slot; queue';

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE UNLOGGED TABLE public.rate_counts_0 (
    key bytea NOT NULL,
    n integer NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.rate_counts_0 IS 'by key; queue';

CREATE UNLOGGED TABLE public.rate_counts_1 (
    key bytea NOT NULL,
    n integer NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.rate_counts_1 IS 'by key; queue';

CREATE TABLE public.release_artifacts (
    release_id integer NOT NULL,
    hardware_rev text NOT NULL COLLATE pg_catalog."C",
    artifact_id integer NOT NULL
);

COMMENT ON TABLE public.release_artifacts IS 'reference; kept';

CREATE TABLE public.releases (
    release_id integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    version text NOT NULL COLLATE pg_catalog."C",
    version_key text GENERATED ALWAYS AS (public.version_key(version)) STORED COLLATE pg_catalog."C",
    depends jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.releases IS 'reference; kept';

ALTER TABLE public.releases ALTER COLUMN release_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.releases_release_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.revocations (
    issuer_id smallint NOT NULL,
    serial bytea NOT NULL,
    device_id text NOT NULL COLLATE pg_catalog."C",
    revoked_at timestamp with time zone NOT NULL,
    reason smallint NOT NULL,
    not_after timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.revocations IS 'reference; expires not_after';

CREATE TABLE public.rollout_groups (
    rollout_id integer NOT NULL,
    grp smallint NOT NULL,
    percent double precision NOT NULL,
    state text NOT NULL,
    total integer DEFAULT 0 NOT NULL,
    released integer DEFAULT 0 NOT NULL,
    succeeded integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    cancelled integer DEFAULT 0 NOT NULL,
    tolerated integer DEFAULT 0 NOT NULL,
    CONSTRAINT rollout_groups_state_check CHECK ((state = ANY (ARRAY['scheduled'::text, 'running'::text, 'finished'::text, 'failed'::text])))
)
WITH (fillfactor='50');

COMMENT ON TABLE public.rollout_groups IS 'reference; kept';

CREATE TABLE public.rollouts (
    rollout_id integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    release_id integer NOT NULL,
    query text NOT NULL,
    status text NOT NULL,
    kind text NOT NULL,
    weight smallint DEFAULT 500 NOT NULL,
    dynamic boolean DEFAULT false NOT NULL,
    rules jsonb NOT NULL,
    cursor text COLLATE pg_catalog."C",
    problem text,
    selected_at timestamp with time zone,
    checked_at timestamp with time zone,
    author text NOT NULL,
    approver text,
    revision bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT rollouts_check CHECK ((approver IS DISTINCT FROM author)),
    CONSTRAINT rollouts_kind_check CHECK ((kind = ANY (ARRAY['soft'::text, 'forced'::text, 'download_only'::text]))),
    CONSTRAINT rollouts_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'waiting_for_approval'::text, 'ready'::text, 'starting'::text, 'running'::text, 'paused'::text, 'stopping'::text, 'stopped'::text, 'finished'::text])))
);

COMMENT ON TABLE public.rollouts IS 'reference; kept';

ALTER TABLE public.rollouts ALTER COLUMN rollout_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rollouts_rollout_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schema_migrations (
    number integer NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone
);

COMMENT ON TABLE public.schema_migrations IS 'local; kept';

CREATE TABLE public.seen_once (
    key bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.seen_once IS 'by key; expires expires_at';

CREATE TABLE public.settings (
    name text NOT NULL COLLATE pg_catalog."C",
    value jsonb NOT NULL,
    revision bigint DEFAULT 1 NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.settings IS 'reference; kept';

CREATE TABLE public.shadow_history (
    device_id text NOT NULL COLLATE pg_catalog."C",
    shadow text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    slot smallint,
    packet integer,
    request text NOT NULL
)
PARTITION BY RANGE (at);

COMMENT ON TABLE public.shadow_history IS 'distributed; partition day 7';

CREATE TABLE public.shadows (
    device_id text NOT NULL COLLATE pg_catalog."C",
    shadow text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    desired text,
    reported text,
    metadata text,
    slot smallint,
    delivery bigint,
    tokens bytea,
    retained boolean DEFAULT false NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='85', autovacuum_vacuum_scale_factor='0.05', toast_tuple_target='4080');

COMMENT ON TABLE public.shadows IS 'distributed; kept';

CREATE TABLE public.topics (
    filter text NOT NULL COLLATE pg_catalog."C",
    device text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT topics_device_check CHECK ((device = ANY (ARRAY['publish'::text, 'subscribe'::text, 'both'::text])))
);

COMMENT ON TABLE public.topics IS 'reference; kept';

CREATE TABLE public.trusted_keys (
    key_id text NOT NULL COLLATE pg_catalog."C",
    algorithm text NOT NULL,
    public_key bytea NOT NULL,
    hardware_revs text[],
    revoked_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.trusted_keys IS 'reference; kept';

CREATE TABLE public.upload_parts (
    upload_id uuid NOT NULL,
    part integer NOT NULL,
    size integer NOT NULL,
    tag text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT upload_parts_part_check CHECK ((part > 0))
);

COMMENT ON TABLE public.upload_parts IS 'local; expires expires_at';

CREATE TABLE public.uploads (
    upload_id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    format text NOT NULL,
    version text NOT NULL COLLATE pg_catalog."C",
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    signature bytea,
    object text NOT NULL,
    store_upload text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL COLLATE pg_catalog."C",
    code text,
    detail text,
    artifact_id integer,
    operation_id integer,
    actor text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT uploads_state_check CHECK ((state = ANY (ARRAY['open'::text, 'checking'::text, 'ready'::text, 'refused'::text])))
);

COMMENT ON TABLE public.uploads IS 'local; expires expires_at';

CREATE TABLE public.webhook_retries (
    webhook_id integer NOT NULL,
    event_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    payload text NOT NULL,
    attempts smallint DEFAULT 1 NOT NULL,
    next_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.webhook_retries IS 'local; expires expires_at';

CREATE TABLE public.webhooks (
    webhook_id integer NOT NULL,
    url text NOT NULL,
    wrapped_secret bytea NOT NULL,
    wrapped_secret_old bytea,
    kinds text[] NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    cursor_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    cursor_id bigint DEFAULT 0 NOT NULL,
    holder text,
    lease_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.webhooks IS 'local; kept';

ALTER TABLE public.webhooks ALTER COLUMN webhook_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhooks_webhook_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.actions
    ADD CONSTRAINT actions_pkey PRIMARY KEY (device_id, number);

ALTER TABLE ONLY public.allowlist
    ADD CONSTRAINT allowlist_pkey PRIMARY KEY (value, match);

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT artifacts_pkey PRIMARY KEY (artifact_id);

ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT artifacts_sha256_key UNIQUE (sha256);

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (seal_id);

ALTER TABLE ONLY public.bootstrap_credentials
    ADD CONSTRAINT bootstrap_credentials_pkey PRIMARY KEY (credential_id);

ALTER TABLE ONLY public.broker_endpoints
    ADD CONSTRAINT broker_endpoints_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.certificate_profiles
    ADD CONSTRAINT certificate_profiles_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.certificates
    ADD CONSTRAINT certificates_pkey PRIMARY KEY (device_id, serial);

ALTER TABLE ONLY public.connector_slots
    ADD CONSTRAINT connector_slots_broker_class_key UNIQUE (broker, class);

ALTER TABLE ONLY public.connector_slots
    ADD CONSTRAINT connector_slots_pkey PRIMARY KEY (slot);

ALTER TABLE ONLY public.console_links
    ADD CONSTRAINT console_links_pkey PRIMARY KEY (secret_sha256);

ALTER TABLE ONLY public.credential_uses
    ADD CONSTRAINT credential_uses_pkey PRIMARY KEY (credential_id, slot);

ALTER TABLE ONLY public.crls
    ADD CONSTRAINT crls_pkey PRIMARY KEY (issuer_id, shard);

ALTER TABLE ONLY public.cron_ticks
    ADD CONSTRAINT cron_ticks_pkey PRIMARY KEY (schedule);

ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id, at);

ALTER TABLE ONLY public.device_attributes
    ADD CONSTRAINT device_attributes_pkey PRIMARY KEY (device_id, source);

ALTER TABLE ONLY public.device_facts
    ADD CONSTRAINT device_facts_pkey PRIMARY KEY (device_id, field, t);

ALTER TABLE ONLY public.device_presence
    ADD CONSTRAINT device_presence_pkey PRIMARY KEY (device_id);

ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (device_id);

ALTER TABLE ONLY public.enrollments
    ADD CONSTRAINT enrollments_pkey PRIMARY KEY (device_id, request);

ALTER TABLE ONLY public.fields
    ADD CONSTRAINT fields_name_key UNIQUE (name);

ALTER TABLE ONLY public.fields
    ADD CONSTRAINT fields_pkey PRIMARY KEY (field);

ALTER TABLE ONLY public.fleet_numbers
    ADD CONSTRAINT fleet_numbers_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT group_members_pkey PRIMARY KEY (device_id, group_id);

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_name_key UNIQUE (name);

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_pkey PRIMARY KEY (group_id);

ALTER TABLE ONLY public.health_marks
    ADD CONSTRAINT health_marks_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (owner, key);

ALTER TABLE ONLY public.import_rows
    ADD CONSTRAINT import_rows_pkey PRIMARY KEY (operation_id, line);

ALTER TABLE ONLY public.issuers
    ADD CONSTRAINT issuers_pkey PRIMARY KEY (issuer_id);

ALTER TABLE ONLY public.operation_results
    ADD CONSTRAINT operation_results_pkey PRIMARY KEY (device_id, operation_id);

ALTER TABLE ONLY public.operations
    ADD CONSTRAINT operations_pkey PRIMARY KEY (operation_id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (slot, id);

ALTER TABLE ONLY public.rate_counts_0
    ADD CONSTRAINT rate_counts_0_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.rate_counts_1
    ADD CONSTRAINT rate_counts_1_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.release_artifacts
    ADD CONSTRAINT release_artifacts_pkey PRIMARY KEY (release_id, hardware_rev, artifact_id);

ALTER TABLE ONLY public.releases
    ADD CONSTRAINT releases_name_key UNIQUE (name);

ALTER TABLE ONLY public.releases
    ADD CONSTRAINT releases_pkey PRIMARY KEY (release_id);

ALTER TABLE ONLY public.revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (issuer_id, serial);

ALTER TABLE ONLY public.rollout_groups
    ADD CONSTRAINT rollout_groups_pkey PRIMARY KEY (rollout_id, grp);

ALTER TABLE ONLY public.rollouts
    ADD CONSTRAINT rollouts_name_key UNIQUE (name);

ALTER TABLE ONLY public.rollouts
    ADD CONSTRAINT rollouts_pkey PRIMARY KEY (rollout_id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.seen_once
    ADD CONSTRAINT seen_once_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.shadow_history
    ADD CONSTRAINT shadow_history_pkey PRIMARY KEY (device_id, shadow, version, at);

ALTER TABLE ONLY public.shadows
    ADD CONSTRAINT shadows_pkey PRIMARY KEY (device_id, shadow);

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_pkey PRIMARY KEY (filter);

ALTER TABLE ONLY public.trusted_keys
    ADD CONSTRAINT trusted_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY public.upload_parts
    ADD CONSTRAINT upload_parts_pkey PRIMARY KEY (upload_id, part);

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (upload_id);

ALTER TABLE ONLY public.webhook_retries
    ADD CONSTRAINT webhook_retries_pkey PRIMARY KEY (webhook_id, event_id);

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (webhook_id);

CREATE INDEX action_status_action ON ONLY public.action_status USING btree (device_id, number, at);

CREATE INDEX actions_check ON public.actions USING btree (check_at, device_id) WHERE (phase = 'open'::text);

CREATE INDEX actions_end ON public.actions USING btree (created_at) WHERE (phase = 'ended'::text);

CREATE INDEX actions_next ON public.actions USING btree (rollout_id, grp, device_id) WHERE (phase = 'scheduled'::text);

CREATE INDEX actions_open ON public.actions USING btree (device_id) WHERE (phase = 'open'::text);

CREATE INDEX actions_rollout ON public.actions USING btree (rollout_id, phase, device_id) WHERE (phase <> 'scheduled'::text);

CREATE INDEX audit_order ON ONLY public.audit USING btree (xid, id);

CREATE INDEX audit_target ON ONLY public.audit USING btree (target, at);

CREATE INDEX certificates_alert ON public.certificates USING btree (alerted, not_after, device_id) WHERE (state = 'active'::text);

CREATE INDEX certificates_end ON public.certificates USING btree (not_after);

CREATE INDEX certificates_renew ON public.certificates USING btree (renew_at, device_id) WHERE ((state = 'active'::text) AND (asked_at IS NULL));

CREATE INDEX certificates_serial ON public.certificates USING btree (serial);

CREATE INDEX certificates_spki ON public.certificates USING btree (spki_sha256);

CREATE INDEX console_links_expires ON public.console_links USING btree (expires_at);

CREATE INDEX device_facts_n ON public.device_facts USING btree (field, n, device_id) WHERE (n IS NOT NULL);

CREATE UNIQUE INDEX device_facts_t ON public.device_facts USING btree (field, t, device_id);

CREATE INDEX device_facts_v ON public.device_facts USING btree (field, v, device_id) WHERE (v IS NOT NULL);

CREATE INDEX devices_hardware ON public.devices USING btree (hardware_rev, firmware_key, device_id);

CREATE INDEX enrollments_expires ON public.enrollments USING btree (expires_at);

CREATE INDEX enrollments_pending ON public.enrollments USING btree (created_at, device_id) WHERE (state = 'pending'::text);

CREATE INDEX events_device ON ONLY public.events USING btree (device_id, at) WHERE (device_id IS NOT NULL);

CREATE INDEX events_order ON ONLY public.events USING btree (xid, id);

CREATE INDEX group_members_group ON public.group_members USING btree (group_id, device_id);

CREATE INDEX idempotency_keys_expires ON public.idempotency_keys USING btree (expires_at);

CREATE INDEX idx_devices_cert_expires ON public.devices USING btree (cert_expires, device_id);

CREATE INDEX idx_devices_status ON public.devices USING btree (status, firmware_key, device_id);

CREATE INDEX operation_results_at ON public.operation_results USING btree (at);

CREATE INDEX operation_results_operation ON public.operation_results USING btree (operation_id, device_id);

CREATE INDEX revocations_at ON public.revocations USING btree (issuer_id, revoked_at);

CREATE INDEX revocations_end ON public.revocations USING btree (not_after);

CREATE INDEX rollouts_live ON public.rollouts USING btree (status) WHERE (status = ANY (ARRAY['starting'::text, 'running'::text, 'stopping'::text]));

CREATE INDEX seen_once_expires ON public.seen_once USING btree (expires_at);

CREATE INDEX upload_parts_expires ON public.upload_parts USING btree (expires_at);

CREATE INDEX uploads_expires ON public.uploads USING btree (expires_at);

CREATE UNIQUE INDEX uploads_open ON public.uploads USING btree (sha256) WHERE (state = 'open'::text);

CREATE INDEX webhook_retries_expires ON public.webhook_retries USING btree (expires_at);

CREATE INDEX webhook_retries_next ON public.webhook_retries USING btree (next_at);

CREATE STATISTICS public.device_facts_values (mcv) ON field, t FROM public.device_facts;

ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT artifacts_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.trusted_keys(key_id);

ALTER TABLE ONLY public.release_artifacts
    ADD CONSTRAINT release_artifacts_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES public.artifacts(artifact_id);

ALTER TABLE ONLY public.release_artifacts
    ADD CONSTRAINT release_artifacts_release_id_fkey FOREIGN KEY (release_id) REFERENCES public.releases(release_id);

ALTER TABLE ONLY public.rollout_groups
    ADD CONSTRAINT rollout_groups_rollout_id_fkey FOREIGN KEY (rollout_id) REFERENCES public.rollouts(rollout_id);

ALTER TABLE ONLY public.rollouts
    ADD CONSTRAINT rollouts_release_id_fkey FOREIGN KEY (release_id) REFERENCES public.releases(release_id);

GRANT USAGE ON SCHEMA public TO muster_admin;
GRANT USAGE ON SCHEMA public TO muster_broker_agent;
GRANT USAGE ON SCHEMA public TO muster_compute_delta;
GRANT USAGE ON SCHEMA public TO muster_connector;
GRANT USAGE ON SCHEMA public TO muster_console;
GRANT USAGE ON SCHEMA public TO muster_edge;
GRANT USAGE ON SCHEMA public TO muster_enroll;
GRANT USAGE ON SCHEMA public TO muster_est;
GRANT USAGE ON SCHEMA public TO muster_expiry_scan;
GRANT USAGE ON SCHEMA public TO muster_ota;
GRANT USAGE ON SCHEMA public TO muster_ota_notify;
GRANT USAGE ON SCHEMA public TO muster_ota_report;
GRANT USAGE ON SCHEMA public TO muster_pki;
GRANT USAGE ON SCHEMA public TO muster_register;
GRANT USAGE ON SCHEMA public TO muster_retention;
GRANT USAGE ON SCHEMA public TO muster_shadow_update;

REVOKE ALL ON FUNCTION public.oldest_snapshot(OUT seconds double precision, OUT hidden integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.oldest_snapshot(OUT seconds double precision, OUT hidden integer) TO muster_console;

REVOKE ALL ON FUNCTION public.partition_ahead(parent text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.partition_ahead(parent text) TO muster_retention;

REVOKE ALL ON FUNCTION public.partition_cap(parent text, bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.partition_cap(parent text, bytes bigint) TO muster_retention;

REVOKE ALL ON FUNCTION public.partition_drop(parent text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.partition_drop(parent text) TO muster_retention;

REVOKE ALL ON FUNCTION public.partition_make(parent text, first timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.partition_remove(parent text, cutoff timestamp with time zone) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE ON TABLE public.action_results TO muster_ota_notify;
GRANT INSERT ON TABLE public.action_results TO muster_ota_report;
GRANT SELECT,INSERT ON TABLE public.action_results TO muster_ota;
GRANT INSERT ON TABLE public.action_results TO muster_shadow_update;
GRANT INSERT ON TABLE public.action_results TO muster_register;

GRANT SELECT,INSERT ON TABLE public.action_status TO muster_ota;
GRANT SELECT,INSERT ON TABLE public.action_status TO muster_ota_notify;
GRANT SELECT,INSERT ON TABLE public.action_status TO muster_ota_report;
GRANT INSERT ON TABLE public.action_status TO muster_shadow_update;
GRANT INSERT,DELETE ON TABLE public.action_status TO muster_register;

GRANT SELECT(device_id) ON TABLE public.action_status TO muster_register;

GRANT SELECT,INSERT,UPDATE ON TABLE public.actions TO muster_ota;
GRANT SELECT,INSERT,UPDATE ON TABLE public.actions TO muster_ota_notify;
GRANT SELECT ON TABLE public.actions TO muster_ota_report;
GRANT SELECT,DELETE ON TABLE public.actions TO muster_register;
GRANT SELECT ON TABLE public.actions TO muster_shadow_update;
GRANT SELECT ON TABLE public.actions TO muster_console;
GRANT SELECT,DELETE ON TABLE public.actions TO muster_retention;
GRANT SELECT ON TABLE public.actions TO muster_compute_delta;

GRANT UPDATE(phase) ON TABLE public.actions TO muster_ota_report;
GRANT UPDATE(phase) ON TABLE public.actions TO muster_register;
GRANT UPDATE(phase) ON TABLE public.actions TO muster_shadow_update;

GRANT UPDATE(state) ON TABLE public.actions TO muster_ota_report;
GRANT UPDATE(state) ON TABLE public.actions TO muster_register;
GRANT UPDATE(state) ON TABLE public.actions TO muster_shadow_update;

GRANT UPDATE(state_at) ON TABLE public.actions TO muster_ota_report;
GRANT UPDATE(state_at) ON TABLE public.actions TO muster_register;
GRANT UPDATE(state_at) ON TABLE public.actions TO muster_shadow_update;

GRANT UPDATE(agent_verdict) ON TABLE public.actions TO muster_ota_report;
GRANT UPDATE(agent_verdict) ON TABLE public.actions TO muster_register;
GRANT UPDATE(agent_verdict) ON TABLE public.actions TO muster_shadow_update;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.allowlist TO muster_register;
GRANT SELECT ON TABLE public.allowlist TO muster_enroll;
GRANT SELECT ON TABLE public.allowlist TO muster_est;

GRANT UPDATE(uses) ON TABLE public.allowlist TO muster_enroll;
GRANT UPDATE(uses) ON TABLE public.allowlist TO muster_est;

GRANT UPDATE(state) ON TABLE public.allowlist TO muster_enroll;
GRANT UPDATE(state) ON TABLE public.allowlist TO muster_est;

GRANT SELECT,INSERT,UPDATE ON TABLE public.api_tokens TO muster_admin;
GRANT SELECT ON TABLE public.api_tokens TO muster_register;
GRANT SELECT ON TABLE public.api_tokens TO muster_ota;
GRANT SELECT ON TABLE public.api_tokens TO muster_shadow_update;
GRANT SELECT ON TABLE public.api_tokens TO muster_compute_delta;
GRANT SELECT ON TABLE public.api_tokens TO muster_enroll;
GRANT SELECT ON TABLE public.api_tokens TO muster_est;
GRANT SELECT ON TABLE public.api_tokens TO muster_pki;
GRANT SELECT ON TABLE public.api_tokens TO muster_console;

GRANT UPDATE(last_used) ON TABLE public.api_tokens TO muster_register;
GRANT UPDATE(last_used) ON TABLE public.api_tokens TO muster_ota;
GRANT UPDATE(last_used) ON TABLE public.api_tokens TO muster_shadow_update;
GRANT UPDATE(last_used) ON TABLE public.api_tokens TO muster_compute_delta;
GRANT UPDATE(last_used) ON TABLE public.api_tokens TO muster_enroll;
GRANT UPDATE(last_used) ON TABLE public.api_tokens TO muster_est;
GRANT UPDATE(last_used) ON TABLE public.api_tokens TO muster_pki;
GRANT UPDATE(last_used) ON TABLE public.api_tokens TO muster_console;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.artifacts TO muster_ota;
GRANT SELECT ON TABLE public.artifacts TO muster_ota_notify;
GRANT SELECT ON TABLE public.artifacts TO muster_ota_report;
GRANT SELECT ON TABLE public.artifacts TO muster_console;
GRANT SELECT ON TABLE public.artifacts TO muster_compute_delta;

GRANT SELECT,INSERT ON TABLE public.audit TO muster_admin;
GRANT INSERT ON TABLE public.audit TO muster_register;
GRANT INSERT ON TABLE public.audit TO muster_ota;
GRANT INSERT ON TABLE public.audit TO muster_ota_notify;
GRANT INSERT ON TABLE public.audit TO muster_ota_report;
GRANT INSERT ON TABLE public.audit TO muster_shadow_update;
GRANT INSERT ON TABLE public.audit TO muster_compute_delta;
GRANT INSERT ON TABLE public.audit TO muster_enroll;
GRANT INSERT ON TABLE public.audit TO muster_est;
GRANT INSERT ON TABLE public.audit TO muster_pki;
GRANT INSERT ON TABLE public.audit TO muster_expiry_scan;
GRANT SELECT,INSERT ON TABLE public.audit TO muster_retention;
GRANT SELECT,INSERT ON TABLE public.audit TO muster_console;

GRANT SELECT,INSERT ON TABLE public.audit_seals TO muster_retention;
GRANT SELECT ON TABLE public.audit_seals TO muster_admin;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bootstrap_credentials TO muster_admin;
GRANT SELECT ON TABLE public.bootstrap_credentials TO muster_enroll;
GRANT SELECT ON TABLE public.bootstrap_credentials TO muster_est;
GRANT SELECT ON TABLE public.bootstrap_credentials TO muster_register;

GRANT SELECT(credential_id) ON TABLE public.bootstrap_credentials TO muster_pki;
GRANT SELECT(credential_id) ON TABLE public.bootstrap_credentials TO muster_shadow_update;
GRANT SELECT(credential_id) ON TABLE public.bootstrap_credentials TO muster_compute_delta;
GRANT SELECT(credential_id) ON TABLE public.bootstrap_credentials TO muster_ota;
GRANT SELECT(credential_id) ON TABLE public.bootstrap_credentials TO muster_console;

GRANT SELECT(kind) ON TABLE public.bootstrap_credentials TO muster_pki;
GRANT SELECT(kind) ON TABLE public.bootstrap_credentials TO muster_shadow_update;
GRANT SELECT(kind) ON TABLE public.bootstrap_credentials TO muster_compute_delta;
GRANT SELECT(kind) ON TABLE public.bootstrap_credentials TO muster_ota;
GRANT SELECT(kind) ON TABLE public.bootstrap_credentials TO muster_console;
GRANT SELECT(kind) ON TABLE public.bootstrap_credentials TO muster_edge;

GRANT SELECT(certificate) ON TABLE public.bootstrap_credentials TO muster_pki;
GRANT SELECT(certificate) ON TABLE public.bootstrap_credentials TO muster_shadow_update;
GRANT SELECT(certificate) ON TABLE public.bootstrap_credentials TO muster_compute_delta;
GRANT SELECT(certificate) ON TABLE public.bootstrap_credentials TO muster_ota;
GRANT SELECT(certificate) ON TABLE public.bootstrap_credentials TO muster_console;
GRANT SELECT(certificate) ON TABLE public.bootstrap_credentials TO muster_edge;

GRANT SELECT(enabled) ON TABLE public.bootstrap_credentials TO muster_console;
GRANT SELECT(enabled) ON TABLE public.bootstrap_credentials TO muster_edge;

GRANT SELECT(expires_at) ON TABLE public.bootstrap_credentials TO muster_console;
GRANT SELECT(expires_at) ON TABLE public.bootstrap_credentials TO muster_edge;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.broker_endpoints TO muster_register;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.broker_endpoints TO muster_admin;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_enroll;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_est;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_shadow_update;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_compute_delta;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_ota;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_ota_notify;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_ota_report;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_expiry_scan;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_connector;
GRANT SELECT ON TABLE public.broker_endpoints TO muster_console;

GRANT SELECT ON TABLE public.certificate_profiles TO muster_pki;
GRANT SELECT ON TABLE public.certificate_profiles TO muster_enroll;
GRANT SELECT ON TABLE public.certificate_profiles TO muster_est;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.certificate_profiles TO muster_admin;
GRANT SELECT ON TABLE public.certificate_profiles TO muster_expiry_scan;

GRANT SELECT,INSERT ON TABLE public.certificates TO muster_pki;
GRANT SELECT ON TABLE public.certificates TO muster_expiry_scan;
GRANT SELECT ON TABLE public.certificates TO muster_register;
GRANT SELECT ON TABLE public.certificates TO muster_enroll;
GRANT SELECT ON TABLE public.certificates TO muster_est;
GRANT SELECT ON TABLE public.certificates TO muster_admin;
GRANT SELECT ON TABLE public.certificates TO muster_shadow_update;
GRANT SELECT ON TABLE public.certificates TO muster_compute_delta;
GRANT SELECT ON TABLE public.certificates TO muster_ota;
GRANT SELECT ON TABLE public.certificates TO muster_console;
GRANT SELECT,DELETE ON TABLE public.certificates TO muster_retention;
GRANT SELECT ON TABLE public.certificates TO muster_broker_agent;

GRANT UPDATE(state) ON TABLE public.certificates TO muster_pki;

GRANT UPDATE(alerted) ON TABLE public.certificates TO muster_expiry_scan;

GRANT UPDATE(asked_at) ON TABLE public.certificates TO muster_expiry_scan;

GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_pki;
GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_register;
GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_enroll;
GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_est;
GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_admin;
GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_shadow_update;
GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_compute_delta;
GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_ota;
GRANT UPDATE(used_at) ON TABLE public.certificates TO muster_console;

GRANT USAGE ON SEQUENCE public.connector_epochs TO muster_connector;

GRANT SELECT,INSERT,UPDATE ON TABLE public.connector_slots TO muster_connector;
GRANT SELECT,UPDATE ON TABLE public.connector_slots TO muster_compute_delta;
GRANT SELECT ON TABLE public.connector_slots TO muster_shadow_update;
GRANT SELECT ON TABLE public.connector_slots TO muster_ota;
GRANT SELECT ON TABLE public.connector_slots TO muster_ota_notify;
GRANT SELECT ON TABLE public.connector_slots TO muster_ota_report;
GRANT SELECT,DELETE ON TABLE public.connector_slots TO muster_register;
GRANT SELECT ON TABLE public.connector_slots TO muster_expiry_scan;
GRANT SELECT ON TABLE public.connector_slots TO muster_admin;
GRANT SELECT ON TABLE public.connector_slots TO muster_console;

GRANT SELECT,INSERT ON TABLE public.console_links TO muster_admin;
GRANT SELECT,INSERT,DELETE ON TABLE public.console_links TO muster_console;
GRANT SELECT ON TABLE public.console_links TO muster_register;
GRANT SELECT ON TABLE public.console_links TO muster_ota;
GRANT SELECT ON TABLE public.console_links TO muster_shadow_update;
GRANT SELECT ON TABLE public.console_links TO muster_compute_delta;
GRANT SELECT ON TABLE public.console_links TO muster_enroll;
GRANT SELECT ON TABLE public.console_links TO muster_pki;
GRANT SELECT ON TABLE public.console_links TO muster_est;
GRANT SELECT,DELETE ON TABLE public.console_links TO muster_retention;

GRANT SELECT,INSERT,DELETE ON TABLE public.credential_uses TO muster_admin;
GRANT SELECT,UPDATE ON TABLE public.credential_uses TO muster_enroll;
GRANT SELECT,UPDATE ON TABLE public.credential_uses TO muster_est;

GRANT SELECT,INSERT,UPDATE ON TABLE public.crls TO muster_pki;
GRANT SELECT ON TABLE public.crls TO muster_broker_agent;
GRANT SELECT ON TABLE public.crls TO muster_edge;

GRANT SELECT(issuer_id) ON TABLE public.crls TO muster_console;

GRANT SELECT(next_update) ON TABLE public.crls TO muster_console;

GRANT SELECT,INSERT,UPDATE ON TABLE public.cron_ticks TO muster_connector;
GRANT SELECT ON TABLE public.cron_ticks TO muster_admin;
GRANT SELECT ON TABLE public.cron_ticks TO muster_console;

GRANT INSERT ON TABLE public.dead_letters TO muster_connector;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dead_letters TO muster_compute_delta;
GRANT SELECT ON TABLE public.dead_letters TO muster_console;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_attributes TO muster_register;
GRANT SELECT ON TABLE public.device_attributes TO muster_ota;
GRANT SELECT ON TABLE public.device_attributes TO muster_ota_notify;
GRANT SELECT ON TABLE public.device_attributes TO muster_shadow_update;

GRANT UPDATE(updated_at) ON TABLE public.device_attributes TO muster_shadow_update;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_facts TO muster_register;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_facts TO muster_shadow_update;
GRANT SELECT ON TABLE public.device_facts TO muster_ota;
GRANT SELECT ON TABLE public.device_facts TO muster_ota_notify;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.device_presence TO muster_register;
GRANT SELECT ON TABLE public.device_presence TO muster_shadow_update;
GRANT SELECT ON TABLE public.device_presence TO muster_compute_delta;
GRANT SELECT ON TABLE public.device_presence TO muster_ota;
GRANT SELECT ON TABLE public.device_presence TO muster_ota_notify;
GRANT SELECT ON TABLE public.device_presence TO muster_ota_report;
GRANT SELECT ON TABLE public.device_presence TO muster_expiry_scan;
GRANT SELECT ON TABLE public.device_presence TO muster_console;
GRANT SELECT ON TABLE public.device_presence TO muster_broker_agent;

GRANT SELECT(device_id) ON TABLE public.device_presence TO muster_connector;

GRANT SELECT(connected) ON TABLE public.device_presence TO muster_connector;

GRANT SELECT(cell) ON TABLE public.device_presence TO muster_connector;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.devices TO muster_register;
GRANT SELECT,INSERT,UPDATE ON TABLE public.devices TO muster_enroll;
GRANT SELECT,INSERT,UPDATE ON TABLE public.devices TO muster_est;
GRANT SELECT ON TABLE public.devices TO muster_pki;
GRANT SELECT ON TABLE public.devices TO muster_admin;
GRANT SELECT ON TABLE public.devices TO muster_shadow_update;
GRANT SELECT ON TABLE public.devices TO muster_compute_delta;
GRANT SELECT ON TABLE public.devices TO muster_ota;
GRANT SELECT ON TABLE public.devices TO muster_ota_notify;
GRANT SELECT ON TABLE public.devices TO muster_ota_report;
GRANT SELECT ON TABLE public.devices TO muster_expiry_scan;
GRANT SELECT ON TABLE public.devices TO muster_console;
GRANT SELECT ON TABLE public.devices TO muster_retention;
GRANT SELECT ON TABLE public.devices TO muster_broker_agent;

GRANT SELECT(device_id) ON TABLE public.devices TO muster_connector;

GRANT UPDATE(firmware_ver) ON TABLE public.devices TO muster_shadow_update;
GRANT UPDATE(firmware_ver) ON TABLE public.devices TO muster_ota_report;

GRANT UPDATE(cert_serial) ON TABLE public.devices TO muster_pki;

GRANT UPDATE(cert_expires) ON TABLE public.devices TO muster_pki;

GRANT SELECT(broker_endpoint) ON TABLE public.devices TO muster_connector;

GRANT UPDATE(revision) ON TABLE public.devices TO muster_pki;
GRANT UPDATE(revision) ON TABLE public.devices TO muster_shadow_update;
GRANT UPDATE(revision) ON TABLE public.devices TO muster_ota_report;

GRANT UPDATE(updated_at) ON TABLE public.devices TO muster_pki;
GRANT UPDATE(updated_at) ON TABLE public.devices TO muster_shadow_update;
GRANT UPDATE(updated_at) ON TABLE public.devices TO muster_ota_report;

GRANT SELECT,INSERT,UPDATE ON TABLE public.enrollments TO muster_enroll;
GRANT SELECT,INSERT,UPDATE ON TABLE public.enrollments TO muster_est;
GRANT SELECT,DELETE,UPDATE ON TABLE public.enrollments TO muster_register;
GRANT SELECT ON TABLE public.enrollments TO muster_pki;
GRANT SELECT,DELETE ON TABLE public.enrollments TO muster_retention;
GRANT SELECT ON TABLE public.enrollments TO muster_console;

GRANT UPDATE(state) ON TABLE public.enrollments TO muster_pki;

GRANT UPDATE(serial) ON TABLE public.enrollments TO muster_pki;

GRANT UPDATE(reason) ON TABLE public.enrollments TO muster_pki;

GRANT SELECT,INSERT ON TABLE public.events TO muster_register;
GRANT SELECT,INSERT ON TABLE public.events TO muster_admin;
GRANT SELECT,INSERT ON TABLE public.events TO muster_ota;
GRANT INSERT ON TABLE public.events TO muster_ota_notify;
GRANT INSERT ON TABLE public.events TO muster_ota_report;
GRANT INSERT ON TABLE public.events TO muster_shadow_update;
GRANT INSERT ON TABLE public.events TO muster_compute_delta;
GRANT INSERT ON TABLE public.events TO muster_enroll;
GRANT INSERT ON TABLE public.events TO muster_est;
GRANT INSERT ON TABLE public.events TO muster_pki;
GRANT INSERT ON TABLE public.events TO muster_expiry_scan;
GRANT INSERT ON TABLE public.events TO muster_retention;
GRANT SELECT ON TABLE public.events TO muster_console;

GRANT SELECT ON TABLE public.fields TO muster_register;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.fields TO muster_shadow_update;
GRANT SELECT ON TABLE public.fields TO muster_ota;
GRANT SELECT ON TABLE public.fields TO muster_ota_notify;
GRANT SELECT ON TABLE public.fields TO muster_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.fleet_numbers TO muster_console;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.group_members TO muster_register;
GRANT SELECT ON TABLE public.group_members TO muster_ota;
GRANT SELECT ON TABLE public.group_members TO muster_ota_notify;
GRANT SELECT ON TABLE public.group_members TO muster_shadow_update;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.groups TO muster_register;
GRANT SELECT ON TABLE public.groups TO muster_ota;
GRANT SELECT ON TABLE public.groups TO muster_ota_notify;
GRANT SELECT ON TABLE public.groups TO muster_shadow_update;
GRANT SELECT ON TABLE public.groups TO muster_console;

GRANT SELECT,INSERT,UPDATE ON TABLE public.health_marks TO muster_connector;
GRANT SELECT,INSERT,UPDATE ON TABLE public.health_marks TO muster_ota;
GRANT SELECT,INSERT,UPDATE ON TABLE public.health_marks TO muster_pki;
GRANT SELECT,INSERT,UPDATE ON TABLE public.health_marks TO muster_broker_agent;
GRANT SELECT,INSERT,UPDATE ON TABLE public.health_marks TO muster_edge;
GRANT SELECT,INSERT,UPDATE ON TABLE public.health_marks TO muster_retention;
GRANT SELECT ON TABLE public.health_marks TO muster_enroll;
GRANT SELECT ON TABLE public.health_marks TO muster_console;
GRANT DELETE ON TABLE public.health_marks TO muster_register;

GRANT SELECT(name) ON TABLE public.health_marks TO muster_register;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO muster_register;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO muster_admin;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO muster_ota;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO muster_shadow_update;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO muster_compute_delta;
GRANT SELECT,DELETE ON TABLE public.idempotency_keys TO muster_retention;

GRANT SELECT,INSERT,DELETE ON TABLE public.import_rows TO muster_register;

GRANT SELECT,INSERT,UPDATE ON TABLE public.issuers TO muster_pki;
GRANT SELECT ON TABLE public.issuers TO muster_admin;
GRANT SELECT ON TABLE public.issuers TO muster_enroll;
GRANT SELECT ON TABLE public.issuers TO muster_est;
GRANT SELECT ON TABLE public.issuers TO muster_register;
GRANT SELECT ON TABLE public.issuers TO muster_console;
GRANT SELECT ON TABLE public.issuers TO muster_broker_agent;
GRANT SELECT ON TABLE public.issuers TO muster_edge;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.operation_results TO muster_register;
GRANT SELECT,INSERT,UPDATE ON TABLE public.operation_results TO muster_ota;
GRANT SELECT,INSERT,UPDATE ON TABLE public.operation_results TO muster_shadow_update;
GRANT SELECT,DELETE ON TABLE public.operation_results TO muster_retention;

GRANT SELECT,INSERT,UPDATE ON TABLE public.operations TO muster_register;
GRANT SELECT,INSERT,UPDATE ON TABLE public.operations TO muster_ota;
GRANT SELECT,INSERT,UPDATE ON TABLE public.operations TO muster_shadow_update;
GRANT SELECT,DELETE ON TABLE public.operations TO muster_retention;
GRANT SELECT ON TABLE public.operations TO muster_console;

GRANT SELECT,INSERT ON TABLE public.outbox TO muster_shadow_update;
GRANT SELECT,INSERT,DELETE ON TABLE public.outbox TO muster_compute_delta;
GRANT SELECT,INSERT ON TABLE public.outbox TO muster_ota;
GRANT SELECT,INSERT ON TABLE public.outbox TO muster_ota_notify;
GRANT SELECT,INSERT ON TABLE public.outbox TO muster_ota_report;
GRANT SELECT,INSERT,DELETE ON TABLE public.outbox TO muster_register;
GRANT SELECT,INSERT ON TABLE public.outbox TO muster_expiry_scan;
GRANT SELECT,DELETE ON TABLE public.outbox TO muster_connector;
GRANT SELECT,DELETE ON TABLE public.outbox TO muster_retention;

GRANT SELECT(slot) ON TABLE public.outbox TO muster_console;

GRANT SELECT(id) ON TABLE public.outbox TO muster_console;

GRANT SELECT(at) ON TABLE public.outbox TO muster_console;

GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_enroll;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_est;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_register;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_admin;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_ota;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_shadow_update;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_compute_delta;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_console;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_0 TO muster_pki;

GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_enroll;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_est;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_register;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_admin;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_ota;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_shadow_update;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_compute_delta;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_console;
GRANT SELECT,INSERT,TRUNCATE,UPDATE ON TABLE public.rate_counts_1 TO muster_pki;

GRANT SELECT,INSERT,DELETE ON TABLE public.release_artifacts TO muster_ota;
GRANT SELECT ON TABLE public.release_artifacts TO muster_ota_notify;
GRANT SELECT ON TABLE public.release_artifacts TO muster_ota_report;
GRANT SELECT ON TABLE public.release_artifacts TO muster_compute_delta;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.releases TO muster_ota;
GRANT SELECT ON TABLE public.releases TO muster_ota_notify;
GRANT SELECT ON TABLE public.releases TO muster_ota_report;
GRANT SELECT ON TABLE public.releases TO muster_register;
GRANT SELECT ON TABLE public.releases TO muster_shadow_update;
GRANT SELECT ON TABLE public.releases TO muster_console;
GRANT SELECT ON TABLE public.releases TO muster_compute_delta;

GRANT SELECT,INSERT ON TABLE public.revocations TO muster_pki;
GRANT SELECT ON TABLE public.revocations TO muster_register;
GRANT SELECT,DELETE ON TABLE public.revocations TO muster_retention;
GRANT SELECT ON TABLE public.revocations TO muster_broker_agent;
GRANT SELECT ON TABLE public.revocations TO muster_edge;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rollout_groups TO muster_ota;
GRANT SELECT,INSERT,UPDATE ON TABLE public.rollout_groups TO muster_ota_notify;
GRANT SELECT ON TABLE public.rollout_groups TO muster_console;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rollouts TO muster_ota;
GRANT SELECT ON TABLE public.rollouts TO muster_ota_notify;
GRANT SELECT ON TABLE public.rollouts TO muster_ota_report;
GRANT SELECT ON TABLE public.rollouts TO muster_register;
GRANT SELECT ON TABLE public.rollouts TO muster_shadow_update;
GRANT SELECT ON TABLE public.rollouts TO muster_console;
GRANT SELECT ON TABLE public.rollouts TO muster_compute_delta;

GRANT UPDATE(status) ON TABLE public.rollouts TO muster_ota_notify;

GRANT UPDATE(cursor) ON TABLE public.rollouts TO muster_ota_notify;

GRANT UPDATE(problem) ON TABLE public.rollouts TO muster_ota_notify;

GRANT UPDATE(revision) ON TABLE public.rollouts TO muster_ota_notify;

GRANT UPDATE(finished_at) ON TABLE public.rollouts TO muster_ota_notify;

GRANT SELECT ON TABLE public.schema_migrations TO muster_enroll;
GRANT SELECT ON TABLE public.schema_migrations TO muster_console;
GRANT SELECT ON TABLE public.schema_migrations TO muster_admin;

GRANT SELECT,INSERT ON TABLE public.seen_once TO muster_enroll;
GRANT SELECT,INSERT ON TABLE public.seen_once TO muster_est;
GRANT SELECT,DELETE ON TABLE public.seen_once TO muster_retention;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.settings TO muster_admin;
GRANT SELECT ON TABLE public.settings TO muster_register;
GRANT SELECT ON TABLE public.settings TO muster_ota;
GRANT SELECT ON TABLE public.settings TO muster_ota_notify;
GRANT SELECT ON TABLE public.settings TO muster_ota_report;
GRANT SELECT ON TABLE public.settings TO muster_shadow_update;
GRANT SELECT ON TABLE public.settings TO muster_compute_delta;
GRANT SELECT ON TABLE public.settings TO muster_enroll;
GRANT SELECT ON TABLE public.settings TO muster_est;
GRANT SELECT ON TABLE public.settings TO muster_pki;
GRANT SELECT ON TABLE public.settings TO muster_expiry_scan;
GRANT SELECT ON TABLE public.settings TO muster_retention;
GRANT SELECT ON TABLE public.settings TO muster_console;
GRANT SELECT ON TABLE public.settings TO muster_connector;
GRANT SELECT ON TABLE public.settings TO muster_broker_agent;
GRANT SELECT ON TABLE public.settings TO muster_edge;

GRANT SELECT,INSERT ON TABLE public.shadow_history TO muster_shadow_update;
GRANT SELECT ON TABLE public.shadow_history TO muster_compute_delta;
GRANT DELETE ON TABLE public.shadow_history TO muster_register;

GRANT SELECT(device_id) ON TABLE public.shadow_history TO muster_register;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.shadows TO muster_shadow_update;
GRANT SELECT,INSERT ON TABLE public.shadows TO muster_compute_delta;
GRANT SELECT ON TABLE public.shadows TO muster_enroll;
GRANT SELECT ON TABLE public.shadows TO muster_est;
GRANT SELECT ON TABLE public.shadows TO muster_console;
GRANT DELETE ON TABLE public.shadows TO muster_register;

GRANT SELECT(device_id) ON TABLE public.shadows TO muster_connector;
GRANT SELECT(device_id) ON TABLE public.shadows TO muster_register;

GRANT SELECT(shadow) ON TABLE public.shadows TO muster_connector;
GRANT SELECT(shadow) ON TABLE public.shadows TO muster_register;

GRANT SELECT(retained) ON TABLE public.shadows TO muster_connector;
GRANT UPDATE(retained) ON TABLE public.shadows TO muster_compute_delta;
GRANT SELECT(retained) ON TABLE public.shadows TO muster_register;

GRANT SELECT(updated_at) ON TABLE public.shadows TO muster_connector;

GRANT SELECT,INSERT,DELETE ON TABLE public.topics TO muster_admin;
GRANT SELECT ON TABLE public.topics TO muster_broker_agent;
GRANT SELECT ON TABLE public.topics TO muster_console;

GRANT SELECT,INSERT,UPDATE ON TABLE public.trusted_keys TO muster_ota;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.upload_parts TO muster_ota;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.uploads TO muster_ota;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_retries TO muster_admin;
GRANT SELECT,DELETE ON TABLE public.webhook_retries TO muster_retention;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhooks TO muster_admin;

