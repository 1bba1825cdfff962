--! 000007 partitions are made ahead and dropped by functions of the owner
--! breaking: no (the first version)

-- The period and the number of periods kept, from the table's comment: `partition day 7`.
create function partition_rule(parent text, out period text, out kept int) language sql stable as $$
  select m[1], m[2]::int
    from pg_class c join pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass,
         regexp_match(d.description, 'partition (day|week|month) (\d+)$') m
   where c.relnamespace = 'public'::regnamespace and c.relname = parent and c.relkind = 'p' $$;

-- Makes the period of `first` and the 14 after it. Made apart and then attached: that passes open readers. Returns how many were made.
create function partition_make(parent text, first timestamptz) returns int language plpgsql as $$
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

-- Drops what ended before `cutoff`. Gives up after half a second behind a reader; the next tick tries again. Returns how many went.
create function partition_remove(parent text, cutoff timestamptz) returns int language plpgsql as $$
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
end $$;

-- What a function may call: the database's clock decides, so that a compromised `retention` drops nothing younger than the comment says.
create function partition_ahead(parent text) returns int language sql security definer set search_path = public, pg_temp as $$
  select partition_make(parent, now()) $$;
create function partition_drop(parent text) returns int language sql security definer set search_path = public, pg_temp as $$
  select partition_remove(parent, now() - (select kept * ('1 ' || period)::interval from partition_rule(parent))) $$;
-- Frees a table that has grown above its cap of its oldest ended day; nothing but what is kept by the day may go early (never the audit log). Returns whether.
create function partition_cap(parent text, bytes bigint) returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
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
revoke execute on function partition_make, partition_remove, partition_ahead, partition_drop, partition_cap from public;

select partition_make(c.relname, now()) from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'p';
