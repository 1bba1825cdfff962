import { statement } from '../db/statement.ts'

export const readBarred = statement<[readonly string[]], { device_id: string }>(
  'device_barred_read',
  `select device_id from devices where device_id = any($1::text[]) and status <> 'active'`,
)
