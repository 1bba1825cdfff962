import { statement } from '../db/statement.ts'

export interface GroupRow {
  group_id: number
  name: string
  revision: bigint
  created_at: Date
  devices: bigint
}

const COUNT = `(select count(*) from group_members m where m.group_id = g.group_id) as devices`

export const listGroups = statement<[after: string | null, limit: number], GroupRow>(
  'groups_list',
  `select g.group_id, g.name, g.revision, g.created_at, ${COUNT}
     from groups g where ($1::text is null or g.name > $1::text) order by g.name limit $2::int`,
)

export const readGroup = statement<[name: string], GroupRow>(
  'group_read',
  `select g.group_id, g.name, g.revision, g.created_at, ${COUNT} from groups g where g.name = $1::text`,
)

export const lockGroup = statement<[name: string], { group_id: number; revision: bigint }>(
  'group_lock',
  `select group_id, revision from groups where name = $1::text for update`,
)

export const insertGroup = statement<[name: string], { group_id: number }>(
  'group_insert',
  `insert into groups (name) values ($1::text) on conflict (name) do nothing returning group_id`,
)

export const renameGroup = statement<[id: number, name: string], { group_id: number }>(
  'group_rename',
  `update groups set name = $2::text, revision = revision + 1
    where group_id = $1::int and not exists (select from groups o where o.name = $2::text and o.group_id <> $1::int)
   returning group_id`,
)

export const deleteGroup = statement<[id: number]>(
  'group_delete',
  `with m as (delete from group_members where group_id = $1::int)
   delete from groups where group_id = $1::int`,
)

export const readGroupIds = statement<
  [names: readonly string[]],
  { group_id: number; name: string }
>('group_ids_read', `select group_id, name from groups where name = any($1::text[])`)

export const addMembers = statement<
  [ids: readonly string[], groups: readonly number[]],
  { device_id: string }
>(
  'group_members_add',
  `insert into group_members (device_id, group_id)
   select d.device_id, g from devices d cross join unnest($2::int[]) g where d.device_id = any($1::text[])
    order by d.device_id, g on conflict do nothing returning device_id`,
)

export const removeMembers = statement<
  [ids: readonly string[], groups: readonly number[]],
  { device_id: string }
>(
  'group_members_remove',
  `delete from group_members where device_id = any($1::text[]) and group_id = any($2::int[]) returning device_id`,
)

export const clearOtherGroups = statement<[id: string, groups: readonly number[]]>(
  'group_members_clear',
  `delete from group_members where device_id = $1::text and not (group_id = any($2::int[]))`,
)

export const listMembers = statement<
  [groupId: number, after: string | null, limit: number],
  { device_id: string }
>(
  'group_members_list',
  `select device_id from group_members where group_id = $1::int and ($2::text is null or device_id > $2::text)
    order by device_id limit $3::int`,
)

export const readUnknownDevices = statement<[ids: readonly string[]], { device_id: string }>(
  'devices_unknown_read',
  `select i.device_id from unnest($1::text[]) i(device_id)
    where not exists (select from devices d where d.device_id = i.device_id) limit 20`,
)
