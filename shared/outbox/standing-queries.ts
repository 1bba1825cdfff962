import { statement } from '../db/statement.ts'

export interface StandingRow {
  readonly id: bigint
  readonly at: Date
  readonly device_ids: string[] | null
  readonly shadows: string[] | null
  /** Decimal. */
  readonly versions: string[] | null
  readonly topic: string | null
  readonly payload: Buffer | null
  readonly retain: boolean
}

export const readStandingRows = statement<[number, readonly string[]], StandingRow>(
  'outbox_read',
  `select id, at, device_ids, shadows, versions, topic, payload, retain
     from outbox where slot = $1::smallint and id = any($2::bigint[]) order by id`,
)
