--! 000008 numbers of the fleet, counted by one tick; the oldest snapshot of the database
--! breaking: no      (old functions count by themselves)

-- One row: what a tick of `console` counted last. A scrape costs the same then, whatever the fleet's size and however many ask.
create table fleet_numbers (name text collate "C" primary key, at timestamptz not null, numbers jsonb not null);
comment on table fleet_numbers is 'local; kept';

-- How long the oldest transaction has been open that holds rows back from vacuum, and events from their readers. Asked with the owner's rights, since a
-- function's role sees nobody's sessions; an owner that is no member of pg_read_all_stats sees those of its own login, and `hidden` counts the others.
create function oldest_snapshot(out seconds float8, out hidden int) language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(extract(epoch from clock_timestamp() - least(min(xact_start) filter (where coalesce(backend_xid, backend_xmin) is not null),
                                                               (select min(prepared) from pg_prepared_xacts))), 0)::float8,
         count(*) filter (where usesysid is not null and query = '<insufficient privilege>')::int
    from pg_stat_activity where pid <> pg_backend_pid() and backend_type is distinct from 'autovacuum worker' $$;
revoke execute on function oldest_snapshot from public;
