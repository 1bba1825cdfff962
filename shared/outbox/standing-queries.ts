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

/** Of these devices, those whose cell is not the slot's but another that is served: where they connected last, else where they are to. */
export const readElsewhere = statement<[number, readonly string[]], { device_id: string }>(
  'outbox_elsewhere',
  `select d.device_id
     from devices d
     left join device_presence p on p.device_id = d.device_id
     join connector_slots here on here.slot = $1::smallint
     join connector_slots there on there.broker = coalesce(p.cell, d.broker_endpoint) and there.class = here.class
    where d.device_id = any($2::text[]) and there.broker <> here.broker`,
)

export const readStandingRows = statement<[number, readonly string[]], StandingRow>(
  'outbox_read',
  `select id, at, device_ids, shadows, versions, topic, payload, retain
     from outbox where slot = $1::smallint and id = any($2::bigint[]) order by id`,
)
