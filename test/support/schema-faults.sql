-- The rules of the data model: each row is a table that breaks one. Comments of tables say placement and end of rows.
create view schema_faults as
with t as (
  select c.oid, c.relname, c.relkind, c.relispartition, d.description,
         (regexp_match(d.description, '^(distributed|reference|local|by (\w+)); (kept|queue|expires (\w+)|partition (day|week|month) (\d+))$')) m
    from pg_class c left join pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition),
p as (select *, case when m[1] = 'distributed' then 'device_id' else m[2] end as key from t),
col as (select p.relname, p.key, a.attnum, a.attname, a.attidentity, a.atttypid, a.attcollation, p.oid from p
  join pg_attribute a on a.attrelid = p.oid and a.attnum > 0 and not a.attisdropped),
ix as (select p.relname, p.key, p.m, i.*, (select array_agg(a.attname order by o) from unnest(i.indkey::int[]) with ordinality k(n, o)
  join pg_attribute a on a.attrelid = p.oid and a.attnum = k.n) cols
         from p join pg_index i on i.indrelid = p.oid)
select 'no placement and retention in the comment' as rule, relname as thing from p where m is null
union all select 'distribution column missing or nullable', relname from p where key is not null and not exists (select 1 from pg_attribute a
  where a.attrelid = p.oid and a.attname = key and a.attnotnull)
union all select 'unique without the distribution column', indexrelid::regclass::text from ix where indisunique and key is not null
  and not key::name = any(cols)
union all select 'identity smaller than bigint', relname || '.' || attname from col where key is not null and attidentity <> ''
  and atttypid <> 'bigint'::regtype
union all select 'device_id is not text collate "C"', relname from col where attname = 'device_id'
  and (atttypid <> 'text'::regtype or attcollation <> '"C"'::regcollation)
union all select 'indexed text is not collate "C"', ix.relname || '.' || a.attname from ix join pg_attribute a on a.attrelid = ix.indrelid
  and a.attnum = any(ix.indkey) where key is not null and a.atttypid = 'text'::regtype and a.attcollation <> '"C"'::regcollation
union all select 'foreign key outside reference tables', conrelid::regclass || ' ' || conname from pg_constraint f join p on p.oid = f.conrelid
  join p r on r.oid = f.confrelid where contype = 'f' and not (p.m[1] = 'reference' and r.m[1] = 'reference')
union all select 'trigger or rule', p.relname from p join pg_class c using (oid) where c.relhastriggers and exists (select 1 from pg_trigger
  where tgrelid = p.oid and not tgisinternal) or c.relhasrules
union all select 'expires: no index begins with the column', p.relname from p where m[4] is not null and not exists (select 1 from ix
  where ix.indrelid = p.oid and ix.cols[1] = p.m[4]::name)
union all select 'partition: not by range of at', p.relname from p left join pg_partitioned_table g on g.partrelid = p.oid
  where (m[5] is not null) <> (p.relkind = 'p') or p.relkind = 'p' and (g.partstrat <> 'r' or pg_get_partkeydef(p.oid) <> 'RANGE (at)')
union all select 'queue: more than one index', relname from ix where m[3] = 'queue' group by relname having count(*) > 1
union all select 'no primary key', relname from p where m[1] in ('reference', 'local') and relkind = 'r' and not exists (select 1 from ix
  where ix.indrelid = p.oid and indisprimary)
union all select 'a column that must stay HOT is indexed', ix.relname || '.' || h.c from ix join (values ('device_presence', 'last_seen'), ('devices',
  'last_seen'), ('actions', 'state'), ('actions', 'state_at'), ('shadows', 'version'), ('shadows', 'updated_at'), ('credential_uses', 'used')) h(t,
  c) on h.t = ix.relname
   and (h.c::name = any(ix.cols) or pg_get_expr(ix.indpred, ix.indrelid) ~ ('\m' || h.c || '\M'));
