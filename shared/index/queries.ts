import { statement } from '../db/statement.ts'
import type { FieldType } from './facts.ts'

export interface FieldRow {
  readonly field: number
  readonly name: string
  readonly type: FieldType
  readonly ready: boolean
  readonly created_at: Date
}

/** The mark tells whether the set of fields is still the one that was read: ids only rise, so a count and the highest are enough. */
export const readFields = statement<[], FieldRow>(
  'fields_read',
  `select field, name, type, ready, created_at from fields order by name`,
)
