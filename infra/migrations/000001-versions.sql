--! 000001 versions that sort by bytes
--! breaking: no (the first version)

create function version_run(run text) returns text language sql immutable strict parallel safe as $$
  select case when run ~ '^[0-9]{1,89}$' then '5' || chr(33 + length(digits)) || digits else '7' || run || chr(1) end
    from (select coalesce(nullif(ltrim(run, '0'), ''), '0') as digits) d $$;
-- A text that sorts by bytes as versions do: semver precedence exactly; `v` in front and build metadata do not count; 2.5 = 2.5.0.
-- Same keys as versionKey() in TypeScript (property test). NEVER change its result: indexes and generated columns hold it. A new rule = version_key2, new
-- column.
create function version_key(version text) returns text language plpgsql immutable strict parallel safe as $$
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
end $$;
