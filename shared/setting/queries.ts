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
