import { statement } from '../db/statement.ts'

export interface SettingRow {
  name: string
  value: unknown
  revision: bigint
  updated_by: string
  updated_at: Date
}

export const readAllSettings = statement<[], Pick<SettingRow, 'name' | 'value'>>(
  'settings_read',
  `select name, value from settings`,
)

export const listSettingRows = statement<[], SettingRow>(
  'settings_list',
  `select name, value, revision, updated_by, updated_at from settings`,
)

export const lockSetting = statement<[name: string], { revision: bigint }>(
  'setting_lock',
  `select revision from settings where name = $1::text for update`,
)

export const saveSetting = statement<
  [name: string, value: string, by: string],
  { revision: bigint }
>(
  'setting_save',
  `insert into settings as s (name, value, updated_by) values ($1::text, $2::jsonb, $3::text)
   on conflict (name) do update set value = excluded.value, updated_by = excluded.updated_by, updated_at = now(),
                                    revision = s.revision + 1
   returning revision`,
)

export const dropSetting = statement<[name: string]>(
  'setting_drop',
  `delete from settings where name = $1::text`,
)
